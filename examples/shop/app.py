"""A shop that lets people in through the portal: Flask, with Authlib as its OpenID Connect client."""

from __future__ import annotations

import os
import secrets
from urllib.parse import urlencode

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, Response, redirect, render_template, session, url_for

app = Flask(__name__)
# A new key at every start signs everybody out of the shop; a real one comes from its settings.
app.secret_key = os.environ.get("SHOP_SECRET_KEY") or secrets.token_hex(32)
# Every port of 127.0.0.1 has the same cookies: without a name of its own it would overwrite a neighbour's.
app.config["SESSION_COOKIE_NAME"] = "shop-session"

portal = OAuth(app).register(
    "portal",
    client_id=os.environ["SHOP_CLIENT_ID"],
    client_secret=os.environ["SHOP_CLIENT_SECRET"],
    server_metadata_url=os.environ["PORTAL_URL"] + "/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
)


@app.get("/")
def shop() -> str:
    """The shop, for guests and for people."""
    return render_template("shop.html", person=session.get("person"))


@app.get("/login")
def login() -> Response:
    """Send the person to the portal. Authlib keeps state, nonce and PKCE verifier in our session."""
    return portal.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback() -> Response | tuple[str, int]:
    """The person comes back with a code: exchange it, and check the ID token."""
    try:
        token = portal.authorize_access_token()
    except OAuthError as error:
        return render_template("shop.html", person=None, error=error.error), 400
    # A new session for who is signed in now, whatever the browser had before.
    session.clear()
    session["person"] = dict(token["userinfo"]) | dict(portal.userinfo(token=token))
    session["id_token"] = token["id_token"]
    return redirect(url_for("shop"))


@app.post("/logout")
def logout() -> Response:
    """Sign out here, and at the portal, which sends the person back."""
    hint = session.pop("id_token", None)
    session.clear()
    back = {"id_token_hint": hint, "post_logout_redirect_uri": url_for("shop", _external=True)}
    return redirect(portal.load_server_metadata()["end_session_endpoint"] + "?" + urlencode(back))


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ.get("SHOP_PORT", "5001")))
