"""Apps that want a proof anew, or of a certain person: prompt=login, max_age, id_token_hint (OP-15, OP-17)."""

from __future__ import annotations

import jwt
import pytest
import time_machine

from tests.arriving import ada, blog, phone, start, through_sign_in_later
from tests.drivers import BrowserDriver
from tests.relying import ADA, RelyingParty, answer_in, shop

__all__ = ["ada", "blog", "phone", "shop"]
BOB = "bob@example.com"


def test_proving_again_keeps_the_session_and_what_it_opened_for_others(
    shop: RelyingParty, blog: RelyingParty, browser: BrowserDriver, ada: str, clock: time_machine.Traveller
) -> None:
    """SES-04: other apps notice nothing."""
    browser.prove(ada)
    before = shop.sign_in(browser)
    clock.shift(60)
    answer = through_sign_in_later(browser, blog, clock, prompt="login")
    after = blog.exchange(answer["code"]).json
    assert after is not None
    old, new = shop.claims(before["id_token"]), blog.claims(after["id_token"])
    assert new["sid"] == old["sid"]
    assert new["auth_time"] > old["auth_time"]
    assert shop.userinfo(before["access_token"]).status_code == 200


def test_another_person_who_signs_in_ends_the_session_of_the_first(
    shop: RelyingParty,
    blog: RelyingParty,
    browser: BrowserDriver,
    phone: BrowserDriver,
    ada: str,
    clock: time_machine.Traveller,
) -> None:
    phone.register(BOB)
    browser.prove(ada)
    before = shop.sign_in(browser)
    clock.shift(60)
    answer = through_sign_in_later(browser, blog, clock, email=BOB, prompt="login")
    tokens = blog.exchange(answer["code"]).json
    assert tokens is not None
    assert blog.userinfo(tokens["access_token"]).json["email"] == BOB
    assert shop.userinfo(before["access_token"]).status_code == 401


def test_who_signed_in_a_moment_ago_can_prove_it_again(
    shop: RelyingParty, browser: BrowserDriver, ada: str, clock: time_machine.Traveller
) -> None:
    """Within RESEND_AFTER: the code of a moment ago did its work, so another one may follow."""
    browser.prove(ada)
    clock.shift(1)
    answer = through_sign_in_later(browser, shop, clock, prompt="login")
    assert "code" in answer


@pytest.mark.parametrize("wish", [{"max_age": "0"}, {"prompt": "login"}, {"max_age": "30"}])
def test_a_fresh_proof_is_asked_for_once(
    shop: RelyingParty, browser: BrowserDriver, ada: str, clock: time_machine.Traveller, wish: dict[str, str]
) -> None:
    """OP-15."""
    browser.prove(ada)
    clock.shift(60)
    answer = through_sign_in_later(browser, shop, clock, **wish)
    tokens = shop.exchange(answer["code"]).json
    assert tokens is not None
    issued = shop.claims(tokens["id_token"])
    assert issued["iat"] - issued["auth_time"] <= 1


def test_who_must_prove_it_again_cannot_take_a_short_cut(
    shop: RelyingParty, browser: BrowserDriver, ada: str, clock: time_machine.Traveller
) -> None:
    """OP-15: the session of before is no proof, whichever page is opened, and nothing in the address counts."""
    browser.prove(ada)
    clock.shift(60)
    request_id = start(browser, shop, prompt="login")
    for path in ("/oauth/authorize/{}", "/oauth/authorize/{}?prompt=none", "/oauth/consent/{}", "/oauth/choose/{}"):
        answer = browser.get(path.format(request_id))
        while answer.location and answer.location.startswith("/oauth/"):
            answer = browser.follow(answer)
        assert answer.location == f"/login?request={request_id}"
    assert browser.post(f"/oauth/consent/{request_id}", {"answer": "allow"}).location.startswith("/oauth/authorize/")
    assert browser.get(f"/oauth/authorize/{request_id}").location == f"/login?request={request_id}"


def test_max_age_is_met_by_a_young_session(
    shop: RelyingParty, browser: BrowserDriver, ada: str, clock: time_machine.Traveller
) -> None:
    browser.prove(ada)
    clock.shift(29)
    assert "code" in answer_in(browser.get(shop.address(max_age="30")))


def hint(app: RelyingParty, person: BrowserDriver) -> str:
    """An ID token of the person who is signed in."""
    return str(app.sign_in(person)["id_token"])


def test_who_is_hinted_at_and_signed_in_goes_through(
    shop: RelyingParty, browser: BrowserDriver, ada: str, clock: time_machine.Traveller
) -> None:
    """OP-17: also with a token that is long over."""
    browser.prove(ada)
    token = hint(shop, browser)
    clock.shift(3_600)
    assert "code" in answer_in(browser.get(shop.address(id_token_hint=token, prompt="none")))


def test_who_is_not_hinted_at_must_sign_in(
    shop: RelyingParty, browser: BrowserDriver, phone: BrowserDriver, ada: str, clock: time_machine.Traveller
) -> None:
    """OP-17: where yet another person signs in then, the app learns that it was not who it asked for."""
    browser.prove(ada)
    token = hint(shop, browser)
    phone.register(BOB)
    clock.shift(60)
    assert answer_in(phone.get(shop.address(id_token_hint=token, prompt="none")))["error"] == "login_required"
    answer = through_sign_in_later(phone, shop, clock, email=BOB, id_token_hint=token)
    assert answer["error"] == "login_required"
    clock.shift(60)
    answer = through_sign_in_later(phone, shop, clock, email=ADA, id_token_hint=token)
    assert shop.exchange(answer["code"]).status_code == 200


def test_a_hint_that_is_not_ours_for_this_app_is_refused(
    shop: RelyingParty, blog: RelyingParty, browser: BrowserDriver, ada: str
) -> None:
    browser.prove(ada)
    tokens = shop.sign_in(browser)
    forged = jwt.encode(jwt.decode(tokens["id_token"], options={"verify_signature": False}), "k" * 32, "HS256")
    for token in (forged, tokens["access_token"], hint(blog, browser), "no-token"):
        answer = answer_in(browser.get(shop.address(id_token_hint=token)))
        assert answer["error"] == "invalid_request"
        assert answer["state"] == "state-of-the-app"
