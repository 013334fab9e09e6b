"""The account's first page, and what people change about themselves (PRIV-09)."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.conftest import Made, services_of
from tests.drivers import BrowserDriver
from tests.filling import FILLED, declared, typed
from tests.resuming import at_registration
from tests.support.smtp import MailSink

ADA = "ada@example.com"
ROWS = ["profile", "email", "phone", "sessions", "apps", "activity", "export", "delete"]


@pytest.fixture
def ada(browser: BrowserDriver) -> BrowserDriver:
    """Ada's browser, signed in."""
    browser.register(ADA)
    return browser


def user_of(app: Flask) -> tuple[str, str, str]:
    """What is stored of the newest person."""
    user = services_of(app).users.newest(1)[0]
    return user.first_name, user.last_name, user.locale


def test_the_account_shows_who_it_is_and_leads_everywhere(make_app: Made, outbox: MailSink) -> None:
    browser = BrowserDriver(make_app(sms_url="https+webhook://sms.example/"), outbox)
    browser.register(ADA)
    assert browser.heading == "Your account"
    for words in ("Ada Lovelace", ADA, "English", "Here since"):
        assert words in browser.page
    assert [row for row in ROWS if f'<a class="row" href="/account/{row}">' not in browser.page] == []


def test_a_portal_without_sms_offers_no_phone(ada: BrowserDriver) -> None:
    assert "/account/phone" not in ada.page


def test_the_profile_needs_a_session_and_is_reached_after_the_sign_in(
    ada: BrowserDriver, app: Flask, outbox: MailSink
) -> None:
    stranger = BrowserDriver(app, outbox, "198.51.100.7")
    assert stranger.get("/account/profile").location == "/login"
    assert stranger.prove(ADA).location == "/account/profile"
    ada.client.delete_cookie("portal-session")
    assert ada.post("/account/profile", {"first_name": "Eve"}).location == "/login"
    assert user_of(app)[0] == "Ada"


def test_a_change_is_kept_and_told(ada: BrowserDriver, app: Flask) -> None:
    """WEB-23: it leads on by GET, so that a reload changes nothing."""
    ada.get("/account/profile")
    assert [ada.value(name) for name in ("first_name", "last_name")] == ["Ada", "Lovelace"]
    assert '<option value="en" lang="en" selected>' in ada.page
    answer = ada.post("/account/profile", {"first_name": " Augusta ", "last_name": "King", "locale": "en"})
    assert (answer.status_code, answer.location) == (303, "/account")
    ada.follow(answer)
    assert (ada.notice, "Augusta King" in ada.page) == ("Your changes are saved.", True)
    assert user_of(app) == ("Augusta", "King", "en")
    ada.get("/account")
    assert ada.notice == ""


def test_the_pages_are_in_the_chosen_language_right_after_it_was_chosen(ada: BrowserDriver) -> None:
    """Contract, section 7. The browser itself asks for English."""
    ada.get("/account/profile")
    ada.follow(ada.post("/account/profile", {"first_name": "Ada", "last_name": "L", "locale": "tr"}))
    assert (ada.heading, '<html lang="tr"' in ada.page) == ("Hesabınız", True)
    ada.get("/login")
    ada.get("/account/profile")
    assert '<html lang="tr"' in ada.page


WRONG = {
    "no first name": ({"first_name": " "}, "first_name", "This is required."),
    "a long last name": ({"last_name": "x" * 101}, "last_name", "This is too long."),
    "a line break": ({"last_name": "a\nb"}, "last_name", "This has characters that cannot be shown."),
    "a language of others": ({"locale": "xx"}, "locale", "This is malformed."),
    "no language": ({"locale": ""}, "locale", "This is malformed."),
}


@pytest.mark.parametrize(("changes", "field", "error"), WRONG.values(), ids=WRONG)
def test_a_fault_is_shown_in_its_place_and_nothing_is_changed(
    ada: BrowserDriver, app: Flask, changes: dict[str, str], field: str, error: str
) -> None:
    """WEB-13."""
    ada.get("/account/profile")
    form = {"first_name": "Eve", "last_name": "L", "locale": "tr", **changes}
    assert ada.post("/account/profile", form).status_code == 400
    assert (ada.error(field), ada.title[:6]) == (error, "Error:")
    assert user_of(app) == ("Ada", "Lovelace", "en")


def test_a_change_needs_the_token_of_the_form(ada: BrowserDriver, app: Flask) -> None:
    """SES-16."""
    form = {"first_name": "Eve", "last_name": "L", "locale": "tr", "csrf_token": ""}
    assert ada.post("/account/profile", form).status_code == 403
    assert user_of(app)[0] == "Ada"


def test_own_fields_are_filled_in_changed_and_cleared(make_app: Made, outbox: MailSink) -> None:
    app = make_app(**declared())
    browser = at_registration(BrowserDriver(app, outbox))
    names = {"first_name": "Ada", "last_name": "Lovelace"}
    browser.post("/register", {**names, "terms": "y", **typed(FILLED)})
    browser.get("/account/profile")
    assert [browser.value(f"own_{name}") for name in ("company", "seats", "born")] == [
        FILLED["company"], "12", FILLED["born"],
    ]  # fmt: skip
    assert '<option value="dev" selected>' in browser.page
    changed = {**names, "locale": "en", "own_company": "Engines", "own_rules": "y", "own_news": "y", "own_seats": "0"}
    assert browser.post("/account/profile", changed).location == "/account"
    kept = {"company": "Engines", "rules": True, "news": True, "seats": 0}
    assert services_of(app).users.newest(1)[0].fields == kept
    browser.get("/account/profile")
    assert browser.value("own_seats") == "0", "nought is a number, not nothing"
    assert browser.post("/account/profile", {**names, "locale": "en", "own_company": ""}).status_code == 400
    assert browser.error("own_company") == "This is required."
    assert services_of(app).users.newest(1)[0].fields == kept


def test_a_person_changes_nobody_elses_profile(ada: BrowserDriver, app: Flask, outbox: MailSink) -> None:
    bob = BrowserDriver(app, outbox, "198.51.100.7")
    bob.register("bob@example.com", "Bob", "Builder")
    bob.get("/account/profile")
    form = {"first_name": "Eve", "last_name": "L", "locale": "en", "id": "x", "user_id": "x", "email": ADA}
    bob.post("/account/profile", form)
    ada.get("/account")
    assert "Ada Lovelace" in ada.page
