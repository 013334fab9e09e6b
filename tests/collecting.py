"""A portal that is made to do everything, well and badly, and all that it was given, gave and left behind."""

from __future__ import annotations

import http.cookiejar
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from auth_portal.db import engine_options
from tests.conftest import DATABASES, environment
from tests.support.api import Answer, Api
from tests.support.portal import ROOT, PortalProcess
from tests.support.ports import free_port
from tests.support.smtp import MailSink, code_in

CODE_LENGTH = 8
"""Digits that are found nowhere by chance."""
ADDRESSES = ["ada.lovelace@example.com", "grace.hopper@example.com", "unlucky.bastard@example.com"]
AUTH = "/api/v1/auth"


@dataclass
class Run:
    """Everything that a portal was given, gave and left behind."""

    database: Path | None
    engine: Engine
    process: PortalProcess
    codes: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)

    @property
    def log(self) -> str:
        """What the portal has written until now."""
        return self.process.log_text()

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """All rows of all tables."""
        with self.engine.connect() as connection:
            tables = inspect(self.engine).get_table_names()
            return {
                table: [dict(row._mapping) for row in connection.execute(text(f'SELECT * FROM "{table}"'))]
                for table in tables
            }

    def dump(self) -> bytes:
        """The database as a thief has it: values of all rows, and the bytes of the file where there is one."""
        values = [value for rows in self.rows().values() for row in rows for value in row.values()]
        parts = [value if isinstance(value, bytes) else str(value).encode() for value in values]
        if self.database is not None:
            parts += [path.read_bytes() for path in self.database.parent.glob(f"{self.database.name}*")]
        return b"\n".join(parts)


class Recorder(Api):
    """An API caller whose answers are kept."""

    def __init__(self, run: Run, url: str) -> None:
        super().__init__(url)
        self._run = run

    def request(self, method: str, path: str, body: Any = None, headers: Any = None) -> Answer:
        answer = super().request(method, path, body, headers)
        self._run.answers.append(f"{answer.headers}{answer.body.decode()}")
        for name in ("accessToken", "refreshToken", "registrationToken"):
            value = (answer.data or {}).get(name) if isinstance(answer.data, dict) else None
            if value:
                self._run.secrets[f"{name} {len(self._run.answers)}"] = value
        return answer


class Visitor:
    """A browser without JavaScript that follows redirects; its cookies are kept."""

    def __init__(self, run: Run, url: str) -> None:
        self._run, self._url, self.page = run, url, ""
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))

    def open(self, path: str, **fields: str) -> None:
        """Open a page, or post the form of the page that is open."""
        data = None
        if fields:
            hidden = re.findall(r'<input(?=[^>]*type="hidden")[^>]*name="([^"]*)"[^>]*value="([^"]*)"', self.page)
            known = {name: unescape(value) for name, value in hidden}
            data = urllib.parse.urlencode(known | fields).encode()
        try:
            with self._opener.open(self._url + path, data) as response:
                self.page = response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                self.page = error.read().decode()
        self._run.answers.append(self.page)
        for cookie in self._jar:
            if cookie.value and len(cookie.value) > 8:
                self._run.secrets[f"cookie {cookie.name} {len(self._run.secrets)}"] = cookie.value


def act(run: Run, process: PortalProcess, sink: MailSink) -> None:
    """Everything that a portal does, well and badly."""

    def code_to(email: str) -> str:
        code = code_in(sink.sent_to(email)[-1])
        run.codes[f"code {len(run.codes)}"] = code
        return code

    _call(run, process, sink, code_to)
    _visit(run, process, code_to)


def _call(run: Run, process: PortalProcess, sink: MailSink, code_to: Callable[[str], str]) -> None:
    ada, _grace, unlucky = ADDRESSES
    with Recorder(run, process.url) as api:
        assert api.send_code(ada).status == 201
        assert api.send_code(ada).status == 409
        code = code_to(ada)
        for wrong in ("00000000", "x", "1234"):
            assert api.login(ada, wrong).status in (400, 401)
        token = api.login(ada, code).data["registrationToken"]
        body = {"firstName": "Ada", "lastName": "L", "acceptTerms": True}
        first = api.post(f"{AUTH}/complete-registration", body, _bearer(token)).data
        assert api.post(f"{AUTH}/complete-registration", body, _bearer(token)).status == 409
        second = api.post(f"{AUTH}/refresh-token", {"refreshToken": first["refreshToken"]}).data
        assert api.get(f"{AUTH}/me", _bearer(second["accessToken"])).status == 200
        assert api.post(f"{AUTH}/logout", None, _bearer(second["accessToken"])).status == 200
        assert api.get(f"{AUTH}/me", _bearer(second["accessToken"])).status == 401
        assert api.post(f"{AUTH}/refresh-token", {"refreshToken": first["refreshToken"]}).status == 401
        for path in (f"/nowhere/{ada}", f"/login?email={ada}&code={code}", f"{AUTH}/me/{ada}?token={token}"):
            api.get(path, {"X-Request-Id": ada, "User-Agent": ada, "Referer": f"http://x.example/{ada}"})
        api.post(f"{AUTH}/login-otp-email", f'{{"email": "{ada}", "code": "{code}", '.encode())
        sink.fault = "reject_5xx"
        assert api.send_code(unlucky).status == 500
        sink.fault = None


def _visit(run: Run, process: PortalProcess, code_to: Callable[[str], str]) -> None:
    grace, visitor = ADDRESSES[1], Visitor(run, process.url)
    visitor.open("/login")
    visitor.open("/login", email=grace)
    code = code_to(grace)
    visitor.open("/login/code", code="00000000")
    visitor.open("/login/code", code=code)
    visitor.open("/register", first_name="Grace", last_name="H", terms="y")
    assert grace in visitor.page, "not signed in"
    _rotate_keys(run, process)
    visitor.open("/login/code", code=code)
    visitor.open("/logout", ok="1")
    visitor.open("/account")
    assert grace not in visitor.page, "still signed in"


def _rotate_keys(run: Run, process: PortalProcess) -> None:
    command = [sys.executable, "-m", "auth_portal.cli", "keys", "rotate", "--now"]
    done = subprocess.run(command, cwd=ROOT, env=process.env, capture_output=True, text=True, check=True)
    run.answers.append(done.stdout + done.stderr)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module", params=DATABASES)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A portal that has seen everything, at the most talkative log level, with send limits on."""
    path = tmp_path_factory.mktemp("secrets") / "portal.db" if request.param == "sqlite" else None
    postgres = None if path else request.getfixturevalue("postgres")
    url = postgres.create_database("secrets") if postgres else f"sqlite:///{path}"
    port = free_port()
    options = {"log_level": "debug", "code_length": CODE_LENGTH, "sends_per_inbox_per_hour": 5}
    with MailSink() as sink:
        settings = environment(url, sink.url, public_url=f"http://127.0.0.1:{port}", **options)
        with PortalProcess(settings, workers=2, port=port) as process:
            run = Run(path, create_engine(engine_options(url, 1)[0]), process)
            act(run, process, sink)
            yield run
    run.engine.dispose()
    if postgres:
        postgres.drop_database("secrets")
