"""The floor: a bare Flask program that does only what a mailed-code sign-in cannot do without.

It has the portal's two JSON routes with the same answers, durability and concurrency guarantees, and nothing
else: no validation beyond the minimum, no logging, no limits, no settings. What the portal costs more than
this is the price of everything else it does. gunicorn serves it as `bench.floor:create_app(URL, PORT, KEY)`.
"""

import hashlib
import hmac
import secrets
import smtplib
import threading
import time
from datetime import UTC, datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask, request

from bench.floor_store import SESSION_TTL, FloorStore

ACCESS_TTL = 600
SENDER = "no-reply@bench.example"
REFUSED = "Doğrulama kodu hatalı veya süresi dolmuş"
LETTER = """\
From: Auth Portal <no-reply@bench.example>\r
To: {email}\r
Subject: =?utf-8?q?Do=C4=9Frulama_kodunuz?=\r
Message-ID: <{mail_id}@bench.example>\r
Date: {date}\r
MIME-Version: 1.0\r
Content-Type: multipart/alternative; boundary="=_{mail_id}"\r
\r
--=_{mail_id}\r
Content-Type: text/plain; charset="utf-8"\r
Content-Transfer-Encoding: quoted-printable\r
\r
Giri=C5=9F yapmak i=C3=A7in bu kodu yaz=C4=B1n:\r
\r
{code}\r
\r
Kod 10 dakika ge=C3=A7erlidir. Siz istemediyseniz bu mektubu silin.\r
--=_{mail_id}\r
Content-Type: text/html; charset="utf-8"\r
Content-Transfer-Encoding: quoted-printable\r
\r
<!doctype html><html lang=3D"tr"><body><p>Giri=C5=9F yapmak i=C3=A7in bu kodu yaz=C4=B1n:</p>\r
<p style=3D"font-size:32px"><strong>{code}</strong></p>\r
<p>Kod 10 dakika ge=C3=A7erlidir. Siz istemediyseniz bu mektubu silin.</p></body></html>\r
--=_{mail_id}--\r
"""


class Floor:
    """The rules, with one database and one mail connection per thread."""

    def __init__(self, database_url: str, relay_port: int, code_key: bytes) -> None:
        """Connections are opened by the thread that first needs them."""
        self._database_url = database_url
        self._relay_port = relay_port
        self._code_key = code_key
        self._signing_key = ec.generate_private_key(ec.SECP256R1())
        self._here = threading.local()

    def send_code(self, email: str) -> dict[str, Any]:
        """Open or repeat a challenge, commit, and hand the letter to the relay."""
        challenge_id, expires_at = self._store().open_challenge(email, secrets.token_urlsafe(24), int(time.time()))
        date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
        letter = LETTER.format(email=email, code=self._code(challenge_id), mail_id=secrets.token_hex(12), date=date)
        self._relay().sendmail(SENDER, [email], letter.encode())
        expiry = datetime.fromtimestamp(expires_at, UTC).isoformat()
        return {"email": email, "challengeId": challenge_id, "codeLength": 4, "expiresAt": expiry}

    def verify_code(self, email: str, code: str, challenge_id: str) -> dict[str, Any] | None:
        """Take an attempt, compare, and sign in; None where the code is refused."""
        now = int(time.time())
        if not self._store().take_attempt(email, challenge_id, now):
            return None
        if not hmac.compare_digest(code.encode(), self._code(challenge_id).encode()):
            return None
        session_id, refresh_token = secrets.token_urlsafe(18), secrets.token_urlsafe(32)
        token_hash = hashlib.sha256(refresh_token.encode()).hexdigest()
        user_id = self._store().sign_in(email, challenge_id, session_id, token_hash, now)
        if user_id is None:
            return None
        return {
            "accessToken": self._access_token(user_id, session_id, now),
            "tokenType": "Bearer",
            "expiresIn": ACCESS_TTL,
            "refreshToken": refresh_token,
            "refreshExpiresIn": SESSION_TTL,
            "registrationRequired": False,
            "user": {"id": str(user_id), "email": email},
        }

    def _code(self, challenge_id: str) -> str:
        digest = hmac.digest(self._code_key, challenge_id.encode(), "sha256")
        return f"{int.from_bytes(digest[:8], 'big') % 10_000:04d}"

    def _access_token(self, user_id: int, session_id: str, now: int) -> str:
        claims = {
            "iss": "http://127.0.0.1",
            "sub": str(user_id),
            "aud": "http://127.0.0.1",
            "client_id": "portal",
            "iat": now,
            "exp": now + ACCESS_TTL,
            "jti": secrets.token_urlsafe(12),
            "sid": session_id,
            "scope": "account",
            "auth_time": now,
            "amr": ["otp"],
        }
        return jwt.encode(claims, self._signing_key, "ES256", headers={"typ": "at+jwt", "kid": "floor"})

    def _store(self) -> FloorStore:
        if not hasattr(self._here, "store"):
            self._here.store = FloorStore(self._database_url)
        store: FloorStore = self._here.store
        return store

    def _relay(self) -> smtplib.SMTP:
        if not hasattr(self._here, "relay"):
            self._here.relay = smtplib.SMTP("127.0.0.1", self._relay_port, timeout=10)
        relay: smtplib.SMTP = self._here.relay
        return relay


def envelope(status: int, data: dict[str, Any] | None, *errors: str) -> tuple[dict[str, Any], int]:
    """Return the contract's five members and the status."""
    timestamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {"isSuccess": not errors, "statusCode": status, "data": data, "errors": list(errors)}
    return {**body, "timestamp": timestamp}, status


def create_app(database_url: str, relay_port: int, code_key: str) -> Flask:
    """Build the WSGI program; the code key is given because all workers must derive the same codes."""
    app = Flask(__name__)
    floor = Floor(database_url, relay_port, code_key.encode())

    @app.post("/api/v1/auth/send-otp-email")
    def send_otp_email() -> tuple[dict[str, Any], int]:
        return envelope(201, floor.send_code(request.get_json()["email"].strip().lower()))

    @app.post("/api/v1/auth/login-otp-email")
    def login_otp_email() -> tuple[dict[str, Any], int]:
        body = request.get_json()
        data = floor.verify_code(body["email"].strip().lower(), body["code"], body["challengeId"])
        return envelope(200, data) if data else envelope(401, None, REFUSED)

    return app
