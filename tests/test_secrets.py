"""Nothing secret rests where it could be read: in the database, the logs and the answers after a full run."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives.serialization import load_der_private_key
from sqlalchemy import text

from auth_portal.signin.codes import derive_code
from auth_portal.signin.keyring import KeyRing
from tests.collecting import ADDRESSES, CODE_LENGTH, Run, run
from tests.conftest import SECRET_KEY
from tests.support.api import Api

__all__ = ["run"]


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
