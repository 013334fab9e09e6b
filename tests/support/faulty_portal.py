"""Owns a real portal that dies, waits or has a wrong clock at a step that a test chooses, and a way to talk to it.

The steps are described in ``steps``, which runs in the portal; here is the test's side.
"""

from __future__ import annotations

import http.client
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Request

from tests.support.portal import ROOT, PortalFailed, PortalProcess

_WSGI = """from auth_portal.app import create_app
from tests.support.steps import watched_app

app = watched_app(create_app)
"""
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}
_PATIENCE_S = 30.0
LOST = (ConnectionResetError, BrokenPipeError, http.client.BadStatusLine)
"""What a caller sees of a worker that is killed: the connection ends without an answer."""


class FaultyPortal(PortalProcess):
    """A portal of one worker that obeys orders. The gunicorn settings are the portal's own."""

    def __init__(self, env: Mapping[str, str], threads: int = 1) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="portal-faulty-")
        root = Path(self._directory.name)
        (root / "wsgi.py").write_text(_WSGI)
        (root / "gunicorn.conf.py").symlink_to(ROOT / "gunicorn.conf.py")
        self._trace = root / "trace"
        own = {"PYTHONPATH": str(ROOT), "TEST_TRACE": str(self._trace)}
        super().__init__({**env, **own}, workers=1, threads=threads, root=root)

    def stop(self) -> None:
        """Stop it and remove its files."""
        super().stop()
        self._directory.cleanup()

    def steps(self) -> list[tuple[int, str]]:
        """The steps that the last request with an order has reached: number and name."""
        lines = (line.partition(" ") for line in self._trace.read_text().splitlines())
        return [(int(number), name) for number, _, name in lines]


class RemoteApp:
    """A portal in another process, for drivers that are made for Flask's own client.

    ``order`` goes with the next POST only; ``clock`` with every request.
    """

    def __init__(self, portal: FaultyPortal) -> None:
        self.portal = portal
        self.order = ""
        self.clock = 0

    def test_client(self, use_cookies: bool = True) -> Client:
        """A client that keeps cookies or does not."""
        return Client(self._forward, TestResponse, use_cookies=use_cookies)

    def _forward(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        headers = dict(request.headers) | {"Connection": "close"}
        if self.clock:
            headers["X-Test-Clock"] = str(self.clock)
        if request.method == "POST" and self.order:
            headers["X-Test-Order"], self.order = self.order, ""
        address = request.remote_addr or ""
        source = (address, 0) if address.startswith("127.") else None
        connection = http.client.HTTPConnection("127.0.0.1", self.portal.port, _PATIENCE_S, source)
        try:
            connection.request(request.method, request.full_path.rstrip("?"), request.get_data(), headers)
            response = connection.getresponse()
            body = response.read()
        except ConnectionRefusedError as error:
            raise PortalFailed(f"nobody listens; the end of its log:\n{self.portal.log_text()[-4000:]}") from error
        finally:
            connection.close()
        kept = [pair for pair in response.getheaders() if pair[0].lower() not in _HOP_BY_HOP]
        start_response(f"{response.status} {response.reason}", kept)
        return [body]


@contextmanager
def holding() -> Iterator[tuple[int, Callable[[], None]]]:
    """A port for orders that hold, and a call that returns once one more request is held; all go on at the end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(_PATIENCE_S)
        held: list[socket.socket] = []
        try:
            yield server.getsockname()[1], lambda: held.append(server.accept()[0])
        finally:
            for line in held:
                line.close()
