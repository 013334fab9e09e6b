"""Whatever is sent to the endpoints for apps: refused, never an error of ours, and never repeated (OP-28)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.drivers import BrowserDriver
from tests.relying import CALLBACK, DEVICE_GRANT, RelyingParty, ada, answer_in, shop
from tests.support.smtp import MailSink

__all__ = ["ada", "shop"]

MARK = "Zq7xMark"
NASTY: dict[str, bytes] = {
    "nul": f"{MARK}\0".encode(),
    "quotes": f"{MARK}\"'\\".encode(),
    "line_breaks": f"{MARK}\r\nSet-Cookie: a=b\r\n\r\n<p>".encode(),
    "controls": bytes(range(1, 32)) + b"\x7f" + MARK.encode(),
    "letters": f"{MARK}\u0131\u202e\U0001f600".encode(),
    "no_utf8": b"\xff\xfe\xc3(" + MARK.encode(),
    "half_character": b"\xed\xa0\x80" + MARK.encode(),
    "markup": f"<script>{MARK}</script>".encode(),
    "template": f"{{{{7*7}}}}${{{MARK}}}%s%n".encode(),
    "open_brackets": b"[" * 5_000,
    "long": MARK.encode() * 2_000,
    "nothing": b"",
    "blanks": b" \t ",
}
ASKED = (
    *("client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge", "prompt", "max_age"),
    *("code_challenge_method", "login_hint", "ui_locales", "claims_locales", "id_token_hint", "claims", "resource"),
    *("response_mode", "request", "request_uri", "registration", "display", "acr_values"),
)
POSTED = (
    *("grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "client_id", "client_secret"),
    *("client_assertion", "client_assertion_type", "token", "token_type_hint", "device_code", "resource"),
    *("access_token", "request_uri", "response_type"),
)
ENDPOINTS = ("token", "introspect", "revoke", "par", "device_authorization")
GRANTS = ("authorization_code", "refresh_token", "client_credentials", DEVICE_GRANT)


def assert_told_nothing(answer: TestResponse, what: object) -> None:
    """Refused or answered, in our words."""
    assert answer.status_code < 500, (what, answer.status_code)
    assert MARK not in answer.text, what
    assert answer.headers.getlist("Set-Cookie") == [] or "a=b" not in str(answer.headers), what
    if answer.is_json and answer.status_code >= 400:
        assert set(answer.json) <= {"error", "error_description"}, what
        text = json.dumps(answer.json)
        assert text.isascii(), what
        assert not set(answer.json.get("error_description", "")) & set('"\\\r\n\t'), what


@pytest.mark.parametrize("case", NASTY)
def test_no_parameter_of_an_authorization_request_breaks_anything(
    case: str, app: Flask, shop: RelyingParty, ada: BrowserDriver, outbox: MailSink
) -> None:
    """OP-12, OP-28: signed in or not, by GET, by POST and pushed."""
    stranger = BrowserDriver(app, outbox)
    repeated = ("state", "login_hint")  # the app's own, and what the person is to see in the field
    for name in ASKED:
        address = shop.address(**{name: NASTY[case]})
        for person in (ada, stranger):
            answer = person.get(address)
            assert answer.status_code < 500, name
            assert MARK not in answer.text or name in repeated, name
            if answer.status_code == 303 and answer.location.startswith("/"):
                onward = person.follow(answer)
                assert onward.status_code < 500, name
                assert MARK not in onward.text or name in repeated, name
            if answer.status_code == 303 and answer.location.startswith(CALLBACK):
                told = answer_in(answer)
                assert MARK not in told.get("error_description", "") + told.get("error", ""), name
        path, _, query = address.partition("?")
        form = "application/x-www-form-urlencoded"
        assert stranger.client.post(path, data=query, content_type=form).status_code < 500, name
        pushed = shop.app.test_client().post("/oauth/par", data=query, content_type=form, headers=shop.auth)
        assert_told_nothing(pushed, name)


@pytest.mark.parametrize("case", NASTY)
def test_no_parameter_of_a_form_breaks_an_endpoint(case: str, app: Flask, shop: RelyingParty) -> None:
    """OP-28."""
    public = RelyingParty(app, auth_method="none")
    for endpoint in ENDPOINTS:
        for name in POSTED:
            for grant in GRANTS if endpoint == "token" else GRANTS[:1]:
                form: dict[str, Any] = {"grant_type": grant, "code": "c", "refresh_token": "r", "token": "t"}
                form |= {"device_code": "d", "redirect_uri": CALLBACK}
                assert_told_nothing(shop.post(f"/oauth/{endpoint}", form | {name: NASTY[case]}), (endpoint, name))
                form |= {"client_id": public.id, name: NASTY[case]}
                answer = public.post(f"/oauth/{endpoint}", form, Accept="*/*")
                assert_told_nothing(answer, (endpoint, name))


@pytest.mark.parametrize("case", NASTY)
def test_no_parameter_breaks_the_sign_out_or_the_pictures(case: str, app: Flask, ada: BrowserDriver) -> None:
    """OP-28."""
    for name in ("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales", "logout_hint"):
        for method in ("get", "post"):
            values = {"query_string" if method == "get" else "data": {name: NASTY[case]}}
            assert_told_nothing(getattr(ada.client, method)("/oauth/logout", **values), name)
    if case not in ("nothing", "long"):
        quoted = "".join(f"%{byte:02x}" for byte in NASTY[case])
        pages = ("clients/{}/logo", "clients/{}/theme.css", "authorize/{}", "consent/{}", "choose/{}", "logout/{}")
        for page in pages:
            assert_told_nothing(ada.client.get("/oauth/" + page.format(quoted)), page)
        assert_told_nothing(ada.client.get(f"/login?request={quoted}"), "login")


@pytest.mark.parametrize("name", [name for name in ASKED if name not in ("resource", "client_id", "redirect_uri")])
def test_a_parameter_of_an_authorization_request_that_comes_twice_is_refused(
    name: str, shop: RelyingParty, ada: BrowserDriver
) -> None:
    """OP-12."""
    for pair in ("a", "b"), ("a", ""):
        query = "".join(f"&{name}={value}" for value in pair)
        answer = answer_in(ada.get(shop.address(**{name: None}) + query))
        assert answer["error"] == "invalid_request"


def test_a_pushed_request_shown_twice_in_one_address_is_refused(shop: RelyingParty, ada: BrowserDriver) -> None:
    """OP-12: which of them is meant?"""
    fields = {"response_type": "code", "scope": "openid", "redirect_uri": CALLBACK}
    uris = [shop.post("/oauth/par", fields).json["request_uri"] for _ in range(2)]
    query = f"/oauth/authorize?client_id={shop.id}&request_uri={uris[0]}&request_uri="
    for second in (uris[0], uris[1], "x"):
        assert ada.get(query + second).status_code == 400
    assert ada.get(f"/oauth/authorize?client_id={shop.id}&request_uri={uris[0]}").status_code == 303


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_field_of_a_form_that_comes_twice_is_refused(endpoint: str, shop: RelyingParty) -> None:
    """RFC 6749, 3.2."""
    for name in POSTED:
        if name != "resource":
            answer = shop.post(f"/oauth/{endpoint}", {"grant_type": "client_credentials", name: ["a", "b"]})
            assert (answer.status_code, answer.json["error"]) == (400, "invalid_request"), name
    many = {"grant_type": "client_credentials", "resource": [f"https://api{n}.example" for n in range(21)]}
    assert shop.post("/oauth/token", many).status_code == 400


def test_nothing_in_the_address_of_an_endpoint_counts(shop: RelyingParty, ada: BrowserDriver) -> None:
    """OP-36, JWT-14."""
    code = shop.code_for(ada)
    query = f"?grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}"
    assert shop.post(f"/oauth/token{query}", {}).json["error"] == "invalid_request"
    rest = {"grant_type": "authorization_code", "redirect_uri": CALLBACK}
    assert shop.post(f"/oauth/token?code={code}", rest).status_code == 400
    client = shop.app.test_client(use_cookies=False)
    secret = {"client_id": shop.id, "client_secret": shop.secret or ""}
    assert client.post("/oauth/token", query_string=secret, data=rest | {"code": code}).status_code == 401
    answer = shop.exchange(code)
    assert answer.status_code == 200, answer.text
    token = answer.json["access_token"]
    for method in ("get", "post"):
        refused = getattr(client, method)("/oauth/userinfo", query_string={"access_token": token})
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    for endpoint in ("introspect", "revoke"):
        assert shop.post(f"/oauth/{endpoint}?token={token}", {}).status_code == 400
    assert shop.userinfo(token).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_endpoints_take_posts_only(method: str, shop: RelyingParty) -> None:
    """OP-36."""
    client = shop.app.test_client(use_cookies=False)
    for endpoint in ENDPOINTS:
        form = {"grant_type": "client_credentials"}
        answer = client.open(f"/oauth/{endpoint}", method=method, data=form, headers=shop.auth)
        assert answer.status_code == 405, endpoint
        assert "POST" in answer.headers["Allow"]


TYPES = {
    "json": ("application/json", b'{"grant_type": "client_credentials"}'),
    "multipart": ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="grant_type"\r\n'
                  b"\r\nclient_credentials\r\n--x--\r\n"),
    "text": ("text/plain", b"grant_type=client_credentials"),
    "none": ("", b"grant_type=client_credentials"),
    "xml": ("application/xml", b"<grant_type>client_credentials</grant_type>"),
    "glued": ("application/x-www-form-urlencodedx", b"grant_type=client_credentials"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
def test_only_a_form_is_read(kind: str, shop: RelyingParty) -> None:
    """RFC 6749, 3.2: with a length that is known before, and chunked."""
    content_type, body = TYPES[kind]
    chunked: dict[str, Any] = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    client = shop.app.test_client(use_cookies=False)
    # Without a type and a length nobody says that there is a body, and nobody reads one.
    for environ in [{}] if kind == "none" else [{}, chunked]:
        for endpoint in ENDPOINTS:
            sent = {"data": body, "content_type": content_type, "environ_overrides": environ}
            answer = client.post(f"/oauth/{endpoint}", headers=shop.auth, **sent)
            assert (answer.status_code, answer.json["error"]) == (400, "invalid_request"), endpoint


def test_a_megabyte_is_too_much_everywhere(shop: RelyingParty, ada: BrowserDriver) -> None:
    for endpoint in (*ENDPOINTS, "userinfo", "authorize", "logout"):
        for name in ("code", "token", "state", "access_token", "id_token_hint"):
            assert shop.post(f"/oauth/{endpoint}", {name: "x" * 1_048_576}).status_code in (400, 401, 413)
    many = "&".join(f"a{n}=b" for n in range(10_000))
    for endpoint in ENDPOINTS:
        client = shop.app.test_client(use_cookies=False)
        form = "application/x-www-form-urlencoded"
        assert client.post(f"/oauth/{endpoint}", data=many * 10, content_type=form).status_code in (400, 413)
    assert shop.userinfo("x" * 1_000_000).status_code == 401
    assert ada.get(shop.address(nonce="n" * 1_000_000)).status_code in (303, 414)
