"""Owns apps of others that sign people in: how one is registered, and a Flask app with Authlib on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from types import TracebackType
from typing import Any, Self

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, Response, jsonify, request, session
from werkzeug.serving import make_server

from tests.support.portal import ROOT, PortalProcess
from tests.support.ports import free_port


def register(portal: PortalProcess, *words: str) -> dict[str, Any]:
    """What `auth-portal client create` prints, beside a running portal."""
    done = subprocess.run(
        [sys.executable, "-m", "auth_portal.cli", "client", "create", *words, "--json"],
        cwd=ROOT,
        env={**os.environ, **portal.env},
        capture_output=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


class AuthlibShop:
    """A confidential client with PKCE, as Authlib's documentation has it: a few lines around its Flask client.

    It is `localhost`, so that a browser takes it for another site than the portal at 127.0.0.1. A context manager.
    """

    def __init__(self, portal: PortalProcess) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.tokens: dict[str, dict[str, Any]] = {}  # by the person's sub, the newest
        self.callback, self.goodbye = f"{self.url}/callback", f"{self.url}/goodbye"
        addresses = ("--redirect-uri", self.callback, "--post-logout-redirect-uri", self.goodbye)
        client = register(portal, "--name", "Authlib Shop", *addresses)
        self._server = make_server("127.0.0.1", self.port, self._app(portal.url, client), threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def expire(self, sub: str) -> None:
        """Let the app believe that the person's access token has expired, so that Authlib refreshes it by itself."""
        self.tokens[sub] = {**self.tokens[sub], "expires_at": 1}

    def _app(self, issuer: str, client: dict[str, Any]) -> Flask:
        app = Flask("authlib-shop")
        app.secret_key = "of the shop alone"
        portal = OAuth(app).register(
            "portal",
            client_id=client["client_id"],
            client_secret=client["client_secret"],
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid profile email offline_access", "code_challenge_method": "S256"},
            fetch_token=lambda: self.tokens[session["sub"]],
            update_token=self._keep_refreshed,
        )

        @app.get("/sign-in")
        def sign_in() -> Response:
            answer: Response = portal.authorize_redirect(self.callback, **request.args.to_dict())
            return answer

        @app.get("/callback")
        def callback() -> tuple[Response, int]:
            try:
                token = portal.authorize_access_token()
            except OAuthError as error:
                return jsonify(error=error.error), 400
            claims = dict(token["userinfo"])  # of the ID token, whose signature, nonce, iss and aud Authlib checked
            session["sub"] = claims["sub"]
            self.tokens[claims["sub"]] = dict(token)
            return jsonify(claims=claims, scope=token["scope"], is_refreshable="refresh_token" in token), 200

        @app.get("/me")
        def me() -> Response:
            return jsonify(portal.userinfo())

        @app.get("/sign-out")
        def sign_out() -> Response:
            token = self.tokens.pop(session.pop("sub"))
            answer: Response = portal.logout_redirect(self.goodbye, id_token_hint=token["id_token"])
            return answer

        @app.get("/goodbye")
        def goodbye() -> Response:
            return jsonify(portal.validate_logout_response())

        return app

    def _keep_refreshed(self, token: dict[str, Any], refresh_token: str | None = None, **_: Any) -> None:
        former = next(sub for sub, known in self.tokens.items() if known.get("refresh_token") == refresh_token)
        self.tokens[former] = dict(token)
