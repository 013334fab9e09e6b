"""Where an authorization request may lead: to a registered address, or nowhere (OP-01, OP-02, OP-10, OP-30)."""

from __future__ import annotations

import pytest
from flask import Flask

from auth_portal.oidc.requests import MAX_STATE
from tests.drivers import BrowserDriver
from tests.relying import CALLBACK, RelyingParty, ada, answer_in, assert_page, shop

__all__ = ["ada", "shop"]
ELSEWHERE = "https://evil.example"
TRICKS = {
    "missing": None,
    "empty": "",
    "prefix": "https://shop.example/call",
    "suffix": f"{CALLBACK}/more",
    "glued_suffix": f"{CALLBACK}x",
    "case_of_the_path": "https://shop.example/Callback",
    "case_of_the_host": "https://SHOP.example/callback",
    "case_of_the_scheme": "HTTPS://shop.example/callback",
    "extra_query": f"{CALLBACK}?next=1",
    "empty_query": f"{CALLBACK}?",
    "trailing_slash": f"{CALLBACK}/",
    "double_slash": "https://shop.example//callback",
    "dot_segment": "https://shop.example/./callback",
    "parent_segment": "https://shop.example/x/../callback",
    "userinfo": "https://user@shop.example/callback",
    "good_at_evil": "https://shop.example@evil.example/callback",
    "good_as_password": "https://shop.example:443@evil.example/callback",
    "backslash": "https://shop.example\\@evil.example/callback",
    "subdomain": "https://shop.example.evil.example/callback",
    "trailing_dot": "https://shop.example./callback",
    "default_port": "https://shop.example:443/callback",
    "other_port": "https://shop.example:8443/callback",
    "http": "http://shop.example/callback",
    "no_scheme": "//shop.example/callback",
    "path_only": "/callback",
    "fragment": f"{CALLBACK}#here",
    "empty_fragment": f"{CALLBACK}#",
    "encoded_letter": "https://shop.example/c%61llback",
    "encoded_slash": "https://shop.example%2fcallback",
    "encoded_newline": f"{CALLBACK}%0d%0a",
    "newline": f"{CALLBACK}\r\nSet-Cookie: a=b",
    "leading_space": f" {CALLBACK}",
    "tab_within": "https://shop.example/call\tback",
    "nul": f"{CALLBACK}\0",
    "nul_before_the_end": "https://evil.example\0.shop.example/callback",
    "look_alike_letter": "https://shop.ex\u0430mple/callback",
    "full_width": "https://shop.example\uff0fcallback",
    "javascript": "javascript:alert(1)//https://shop.example/callback",
    "data": "data:text/html,x",
    "two_in_one": f"{CALLBACK} {ELSEWHERE}",
}  # fmt: skip
LOOPBACK = {
    "free_port": ("http://127.0.0.1:49152/cb", True),
    "no_port": ("http://127.0.0.1/cb", True),
    "free_port_of_ipv6": ("http://[::1]:50000/cb6", True),
    "localhost_is_a_name": ("http://localhost:49152/cb", False),
    "registered_localhost": ("http://localhost:3000/local", True),
    "other_port_of_localhost": ("http://localhost:3001/local", False),
    "other_loopback_address": ("http://127.0.0.2:49152/cb", False),
    "short_form": ("http://127.1:49152/cb", False),
    "decimal_form": ("http://2130706433:49152/cb", False),
    "port_with_zeroes": ("http://127.0.0.1:0080/cb", False),
    "port_out_of_range": ("http://127.0.0.1:65536/cb", False),
    "port_that_is_none": ("http://127.0.0.1:x/cb", False),
    "sign_in_the_port": ("http://127.0.0.1:+80/cb", False),
    "userinfo": ("http://127.0.0.1:80@evil.example/cb", False),
    "password": ("http://a:b@127.0.0.1:80/cb", False),
    "https": ("https://127.0.0.1:49152/cb", False),
    "other_path": ("http://127.0.0.1:49152/cb/x", False),
    "query": ("http://127.0.0.1:49152/cb?x=1", False),
    "fragment": ("http://127.0.0.1:49152/cb#x", False),
    "newline": ("http://127.0.0.1:49152/cb\n", False),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_an_address_that_is_not_exactly_a_registered_one_gets_a_page(
    trick: str, shop: RelyingParty, ada: BrowserDriver
) -> None:
    """OP-01, OP-02: by GET, by POST and pushed."""
    address = shop.address(redirect_uri=TRICKS[trick], response_mode="form_post")
    path, _, query = address.partition("?")
    assert_page(ada.get(address))
    assert_page(ada.client.post(path, data=query, content_type="application/x-www-form-urlencoded"))
    fields = {"response_type": "code", "scope": "openid", "redirect_uri": TRICKS[trick] or ""}
    assert shop.post("/oauth/par", fields).json["error"] == "invalid_request"


@pytest.mark.parametrize("case", LOOPBACK)
def test_only_a_public_clients_loopback_address_may_have_any_port(case: str, app: Flask, ada: BrowserDriver) -> None:
    """OP-01, OP-66."""
    given, is_good = LOOPBACK[case]
    uris = ["http://127.0.0.1/cb", "http://[::1]/cb6", "http://localhost:3000/local"]
    native = RelyingParty(app, auth_method="none", redirect_uris=uris, is_trusted=True)
    confidential = RelyingParty(app, redirect_uris=uris)
    answer = ada.get(native.address(redirect_uri=given))
    if is_good:
        assert answer.status_code == 303, answer.text[:300]
        assert answer.location.startswith((given, "/oauth/"))
    else:
        assert_page(answer)
    if given not in uris:
        assert_page(ada.get(confidential.address(redirect_uri=given)))


@pytest.mark.parametrize("client_id", ["", "nobody", "\0", "\udc80", "a" * 65, "a" * 5_000, "' OR 1=1 --", None])
def test_an_unknown_client_gets_a_page_and_no_redirect(client_id: str | None, app: Flask, ada: BrowserDriver) -> None:
    """OP-02."""
    known = RelyingParty(app)
    sent = client_id.encode("utf-8", "surrogatepass") if client_id is not None else None
    assert_page(ada.get(known.address(client_id=sent)))


@pytest.mark.parametrize("twice", [f"&redirect_uri={ELSEWHERE}", f"&redirect_uri={CALLBACK}", "&client_id=nobody"])
def test_two_addresses_or_clients_get_a_page(twice: str, shop: RelyingParty, ada: BrowserDriver) -> None:
    """OP-12, where an error could not be told to anybody."""
    assert_page(ada.get(shop.address() + twice))
    before = shop.address().replace("?", f"?{twice.removeprefix('&')}&")
    assert_page(ada.get(before))


ERRORS = {
    "response_type": {"response_type": "token"},
    "scope": {"scope": "nothing"},
    "prompt": {"prompt": "never"},
    "not_signed_in": {"prompt": "none", "max_age": "0"},
    "response_mode": {"response_mode": "fragment"},
    "request": {"request": "x"},
    "resource": {"resource": "https://api.example"},
}


@pytest.mark.parametrize("wrong", [{}, *ERRORS.values()], ids=["none", *ERRORS])
def test_every_answer_names_the_issuer(wrong: dict[str, str], shop: RelyingParty, ada: BrowserDriver) -> None:
    """OP-10 (RFC 9207): against mix-up, errors too, and in a form as well."""
    answer = answer_in(ada.get(shop.address(**wrong)))
    assert answer["iss"] == shop.issuer
    assert answer["state"] == "state-of-the-app"
    assert ("error" in answer) == bool(wrong)
    if "response_mode" not in wrong:
        ada.get(shop.address(response_mode="form_post", **wrong))
        assert (ada.hidden("iss"), ada.hidden("state")) == (shop.issuer, "state-of-the-app")
        assert (ada.hidden("error") is not None) == bool(wrong)


PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


@pytest.mark.parametrize("mode", ["query", "form_post"])
@pytest.mark.parametrize("state", [PRINTABLE, (PRINTABLE * 44)[:MAX_STATE], "&iss=https://evil.example"])
def test_the_state_comes_back_exactly(state: str, mode: str, shop: RelyingParty, ada: BrowserDriver) -> None:
    """OP-11."""
    answer = ada.get(shop.address(state=state, response_mode=mode))
    if mode == "query":
        assert answer_in(answer)["state"] == state
    else:
        assert ada.hidden("state") == state


def test_a_state_that_is_too_long_is_refused_and_not_repeated(shop: RelyingParty, ada: BrowserDriver) -> None:
    """OP-11."""
    answer = answer_in(ada.get(shop.address(state="s" * (MAX_STATE + 1))))
    assert (answer["error"], "state" in answer) == ("invalid_request", False)
    assert "state" not in answer_in(ada.get(shop.address(state=None)))
