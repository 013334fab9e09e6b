"""Owns an app's API on loopback, which the client libraries call with the portal's access token."""

from __future__ import annotations

from tests.support.receiver import Asked, Receiver, Reply


class AppApi(Receiver):
    """Takes each body that is posted the second time, and never `no`; sends who asks for `/away` to `elsewhere`."""

    def __init__(self) -> None:
        super().__init__()
        self.elsewhere = ""
        self.bodies: list[bytes] = []

    def choose_reply(self, asked: Asked) -> Reply:
        """By the path."""
        if asked.path == "/away":
            return Reply(302, {"Location": self.elsewhere})
        if asked.path == "/post":
            self.bodies.append(asked.body)
            is_good = self.bodies.count(asked.body) > 1 and asked.body != b"no"
            return Reply(200 if is_good else 401)
        return Reply(200, {"Set-Cookie": "seen=yes", "Content-Type": "application/json"}, b'{"orders": []}')
