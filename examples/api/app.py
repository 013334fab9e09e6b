"""An API that people's apps call with access tokens of the portal. Verifies them by itself, with PyJWT."""

from __future__ import annotations

import os

import jwt
from flask import Flask, Response, jsonify, request

PORTAL_URL = os.environ.get("PORTAL_URL", "http://127.0.0.1:8000")
API_URL = os.environ.get("API_URL", "http://127.0.0.1:5003")
"""The name of this API: what apps ask for as ``resource``, and what a token must be meant for."""
PAGE_ORIGIN = os.environ.get("SPA_ORIGIN", "http://127.0.0.1:5002")

app = Flask(__name__)
# Fetches the portal's keys once and keeps them; a key it does not know makes it look again.
keys = jwt.PyJWKClient(f"{PORTAL_URL}/.well-known/jwks.json", cache_keys=True, lifespan=300)


def claims_of_token() -> dict[str, object]:
    """The claims of the request's access token (RFC 9068, 4). Raises jwt.PyJWTError."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if jwt.get_unverified_header(token).get("typ") != "at+jwt":
        raise jwt.InvalidTokenError("not an access token")
    return jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token).key,
        algorithms=["ES256"],
        issuer=PORTAL_URL,
        audience=API_URL,
        options={"require": ["exp", "iat", "sub", "client_id"]},
    )


@app.get("/orders")
def orders() -> Response | tuple[Response, int, dict[str, str]]:
    """The orders of the token's person."""
    try:
        claims = claims_of_token()
    except jwt.PyJWTError:
        return jsonify(error="invalid_token"), 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return jsonify(of=claims["sub"], by=claims["client_id"], orders=["a lamp", "two chairs"])


@app.after_request
def allow_page(response: Response) -> Response:
    """Let the demo page call us from a browser."""
    response.headers["Access-Control-Allow-Origin"] = PAGE_ORIGIN
    response.headers["Access-Control-Allow-Headers"] = "Authorization"
    response.headers["Vary"] = "Origin"
    return response


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ.get("API_PORT", "5003")))
