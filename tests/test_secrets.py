"""Nothing secret rests where it could be read: in the database, the logs and the answers after a full run."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.cookiejar
import json
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key
from sqlalchemy import Engine, create_engine, inspect, text

from auth_portal.db import engine_options
from auth_portal.signin.codes import derive_code
from auth_portal.signin.keyring import KeyRing
from tests.conftest import DATABASES, SECRET_KEY, environment
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
            hidden = re.findall(r'<input[^>]*name="([^"]*)"[^>]*value="([^"]*)"', self.page)
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
    ada, grace, unlucky = ADDRESSES

    def code_to(email: str) -> str:
        code = code_in(sink.sent_to(email)[-1])
        run.codes[f"code {len(run.codes)}"] = code
        return code

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

    visitor = Visitor(run, process.url)
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


def private_keys(run: Run) -> list[bytes]:
    """The private keys in clear, in DER."""
    keyring = KeyRing([SECRET_KEY])
    plain = [keyring.decrypt(row["private_key"]) for row in run.rows()["signing_key"]]
    return [key for key in plain if key is not None]


def forms(secret: bytes) -> list[bytes]:
    """A secret as it is and encoded."""
    return [secret, secret.hex().encode(), base64.b64encode(secret), base64.urlsafe_b64encode(secret).rstrip(b"=")]


def test_the_run_issued_secrets_of_every_kind(run: Run) -> None:
    kinds = {name.split()[0] for name in run.secrets} | {name.split()[0] for name in run.codes}
    cookies = {name.split()[1] for name in run.secrets if name.startswith("cookie ")}

    assert kinds >= {"code", "accessToken", "refreshToken", "registrationToken", "cookie"}
    assert cookies >= {"portal-browser", "portal-session", "portal-registration", "portal-form"}
    assert len(private_keys(run)) == 3
    assert "/api/v1/auth/send-otp-email" in run.log


def test_the_database_holds_no_code_token_cookie_or_private_key(run: Run) -> None:
    assert ADDRESSES[0].encode() in (dump := run.dump()), "this is no dump"
    issued = {**run.codes, **run.secrets, "SECRET_KEY": SECRET_KEY}
    issued |= {f"signature of {name}": value.rpartition(".")[2] for name, value in run.secrets.items()}

    assert [name for name, value in issued.items() if value.encode() in dump] == []
    for der in private_keys(run):
        key: Any = load_der_private_key(der, None)
        numbers = key.private_numbers()
        number = numbers.private_value if hasattr(numbers, "private_value") else numbers.d
        secret_number = number.to_bytes((number.bit_length() + 7) // 8)
        assert not [form for secret in (der, secret_number) for form in forms(secret) if form in dump]
    assert b"PRIVATE KEY" not in dump


def test_limits_are_kept_without_the_addresses_they_are_about(run: Run) -> None:
    limits = str(run.rows()["send_limit"])

    assert "spent_until" in limits
    assert [address for address in [*ADDRESSES, "127.0.0.1"] if address in limits] == []


def test_a_failed_send_leaves_nothing_about_its_address(run: Run) -> None:
    assert ADDRESSES[2].encode() not in b"".join(str(row).encode() for rows in run.rows().values() for row in rows)


def test_the_log_holds_no_secret_and_no_address(run: Run) -> None:
    issued = {**run.codes, **run.secrets, "SECRET_KEY": SECRET_KEY}
    issued |= {address: address.partition("@")[0] for address in ADDRESSES}

    assert [name for name, value in issued.items() if value in run.log] == []
    assert "PRIVATE KEY" not in run.log


def test_every_line_of_the_log_is_json_with_the_id_of_its_request(run: Run) -> None:
    lines = [json.loads(line) for line in run.log.splitlines()]

    assert lines.pop(0)["event"] == "guess_budget"  # BUD-01: what is promised, before the first request
    assert all(line["request_id"] and line["event"] and line["timestamp"] and line["level"] for line in lines)
    assert {line["event"] for line in lines} >= {"request", "relay_refused"}
    refused = next(line["request_id"] for line in lines if line["event"] == "relay_refused")
    assert [line["status"] for line in lines if line["request_id"] == refused and line["event"] == "request"] == [500]


def test_production_answers_with_a_code_nowhere(run: Run) -> None:
    assert [answer for answer in run.answers if any(code in answer for code in run.codes.values())] == []
    assert [answer for answer in run.answers if '"code":' in answer] == []


def test_a_copy_of_the_database_gives_no_code_without_the_key(run: Run) -> None:
    """OTP-24."""
    rows = run.rows()["challenge"]
    codes = set(run.codes.values())
    guesses = set()
    for row in rows:
        public = [str(value) for value in row.values()]
        for key in ["", "auth-portal", "code", *public]:
            guesses |= {_digits(hmac.digest(key.encode(), value.encode(), "sha256")) for value in public}
            guesses |= {_digits(hashlib.sha256((key + value).encode()).digest()) for value in public}
            derived = KeyRing([key or " "]).keys("codes")[0]
            guesses.add(_digits(hmac.digest(derived, f"code:{CODE_LENGTH}:{row['id']}".encode(), "sha256")))
    real = KeyRing([SECRET_KEY])

    assert {derive_code(real, row["key_id"], row["id"], CODE_LENGTH) for row in rows} == codes
    assert len(guesses) > 100
    assert guesses & codes == set()


def _digits(mac: bytes) -> str:
    return str(int.from_bytes(mac) % 10**CODE_LENGTH).zfill(CODE_LENGTH)


BREAKS = {
    "postgresql": "ALTER TABLE challenge ADD CONSTRAINT broken CHECK (send_count < 0) NOT VALID",
    "sqlite": "CREATE TRIGGER broken BEFORE INSERT ON challenge BEGIN SELECT RAISE(ABORT, 'broken'); END",
}


def test_even_the_traceback_of_an_unforeseen_database_error_names_nobody(run: Run) -> None:
    with run.engine.begin() as connection:  # the last test: nothing works after it
        connection.execute(text(BREAKS[run.engine.dialect.name]))
    with Api(run.process.url) as api:
        answer = api.send_code("leaked.person@example.com")

    assert (answer.status, answer.json["errors"]) == (500, ["Internal server error"])
    assert "unhandled_exception" in run.log
    assert "leaked" not in run.log
    assert "leaked" not in answer.body.decode()
