"""The portal's own fields on pages: the form of the registration, faults in place, labels in people's language."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.conftest import Made, services_of
from tests.drivers import BrowserDriver
from tests.filling import ALL, COMPANY, FILLED, NEWS, SEATS, TEAM, declared, typed
from tests.resuming import at_registration
from tests.support.smtp import MailSink

ADA = "ada@example.com"
NAMES = {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"}


@pytest.fixture
def app(make_app: Made) -> Flask:
    """A portal with fields of every type."""
    made: Flask = make_app(**declared())
    return made


def kept(app: Flask) -> object:
    """What is stored of the newest person."""
    return services_of(app).users.newest(1)[0].fields


def test_what_is_filled_in_is_kept_and_shown_to_its_person(app: Flask, browser: BrowserDriver) -> None:
    at_registration(browser)
    answer = browser.post("/register", {**NAMES, **typed(FILLED)})
    assert answer.location == "/account"
    assert kept(app) == FILLED
    browser.follow(answer)
    shown = ["Analytical Engines &amp; Söhne", "12", "10 December 1815", "Development", "https://ada.example/"]
    assert [value for value in shown if f"<bdi>{value}</bdi>" not in browser.page] == []
    labels = ["Company", "Seats", "Birthday", "Team", "Web site", "Newsletter", "House rules"]
    assert [label for label in labels if f"<dt>{label}</dt>" not in browser.page] == []


def test_labels_choices_and_values_are_in_the_persons_language(app: Flask, outbox: MailSink) -> None:
    """Contract, section 7."""
    browser = BrowserDriver(app, outbox, language="tr")
    browser.follow(browser.prove(ADA))
    for words in ("Şirket", "Koltuk", "Doğum günü", "Ekip", "Geliştirme", "İşletim", "Ev kuralları"):
        assert words in browser.page
    browser.follow(browser.post("/register", {**NAMES, **typed(FILLED)}))
    assert "10 Aralık 1815" in browser.page
    assert "<bdi>Geliştirme</bdi>" in browser.page


def test_what_may_be_left_out_is_left_out(app: Flask, browser: BrowserDriver) -> None:
    """A box that is not ticked says no, an empty field says nothing."""
    at_registration(browser)
    assert "(optional)" in browser.page
    browser.post("/register", {**NAMES, "own_company": "Engines", "own_rules": "y", "own_team": "", "own_seats": " "})
    assert kept(app) == {"company": "Engines", "rules": True, "news": False}


WRONG = {
    "company": ("x" * 41, "This is too long."),
    "seats": ("zwölf", "This is not a whole number."),
    "born": ("1815-02-30", "This is not a date."),
    "team": ("hr", "This is none of the choices."),
    "site": ("javascript:alert(1)", "This is not a web address."),
    "rules": ("", "This must be accepted."),
}


def test_every_fault_is_shown_in_its_place_and_what_is_good_stays(browser: BrowserDriver) -> None:
    """WEB-13: and the focus is on the first of them."""
    at_registration(browser)
    bad = {f"own_{name}": value for name, (value, _error) in WRONG.items() if value}
    answer = browser.post("/register", {**NAMES, "own_news": "y", **bad})
    assert (answer.status_code, browser.title[:6]) == (400, "Error:")
    assert {name: browser.error(f"own_{name}") for name in WRONG} == {
        name: error for name, (_, error) in WRONG.items()
    }
    assert browser.value("first_name") == "Ada"
    assert 'name="own_news" value="y" checked' in browser.page
    assert browser.page.count("autofocus") == 1
    focused = browser.page.partition("autofocus")[0].rpartition("<input")[2]
    assert 'name="own_company"' in focused
    assert 'aria-invalid="true" aria-describedby="own_company-error"' in focused
    browser.post("/register", {"first_name": "Ada", "last_name": "L", **typed({**FILLED, "seats": "many"})})
    focused = browser.page.partition("autofocus")[0].rpartition("<input")[2]
    assert 'name="own_seats"' in focused, "the terms are further down"


@pytest.mark.parametrize(
    ("entered", "number"), [("7", 7), ("+7", 7), ("-7", -7), (" 007 ", 7), ("٧", 7), ("9007199254740991", 2**53 - 1)]
)
def test_a_number_is_read_as_people_write_it(make_app: Made, outbox: MailSink, entered: str, number: int) -> None:
    app = make_app(**declared(SEATS))
    browser = at_registration(BrowserDriver(app, outbox))
    assert browser.post("/register", {**NAMES, "own_seats": entered}).location == "/account"
    assert kept(app) == {"seats": number}


@pytest.mark.parametrize("entered", ["1.5", "1,000", "1e3", "0x10", "--1", "9007199254740992", "9" * 5_000, "∞", "½"])
def test_what_is_no_whole_number_is_refused(make_app: Made, outbox: MailSink, entered: str) -> None:
    app = make_app(**declared(SEATS))
    browser = at_registration(BrowserDriver(app, outbox))
    assert browser.post("/register", {**NAMES, "own_seats": entered}).status_code == 400
    assert browser.error("own_seats") == "This is not a whole number."


def test_hostile_values_are_shown_as_text(app: Flask, browser: BrowserDriver) -> None:
    """WEB-06."""
    at_registration(browser)
    hostile = '"><script>alert(1)</script>'
    browser.post("/register", {**NAMES, **typed(FILLED), "own_company": hostile, "own_team": hostile})
    assert "<script>alert" not in browser.page
    browser.follow(browser.post("/register", {**NAMES, **typed(FILLED), "own_company": hostile}))
    assert "<script>alert" not in browser.page
    assert "&lt;script&gt;" in browser.page


def test_inputs_that_are_no_fields_change_nothing(app: Flask, browser: BrowserDriver) -> None:
    """API-06 for forms."""
    at_registration(browser)
    extra = {"own_evil": "x", "own_fields": "x", "company": "x", "fields": "x", "own_": "x"}
    browser.post("/register", {**NAMES, **typed(FILLED), **extra})
    assert kept(app) == FILLED


def test_without_fields_the_form_is_as_it_was(make_app: Made, outbox: MailSink) -> None:
    browser = at_registration(BrowserDriver(make_app(), outbox))
    assert "own_" not in browser.page
    assert browser.post("/register", {**NAMES, "own_company": "x"}).location == "/account"


def test_a_choice_that_is_there_no_more_is_shown_as_it_was_kept(make_app: Made, outbox: MailSink) -> None:
    before = make_app(**declared(TEAM, NEWS))
    browser = at_registration(BrowserDriver(before, outbox))
    browser.post("/register", {**NAMES, "own_team": "dev"})
    fewer = {**TEAM, "choices": {"ops": TEAM["choices"]["ops"]}}
    changed = {**NEWS, "type": "date"}
    after = BrowserDriver(make_app(**declared(fewer, changed)), outbox)
    after.client.set_cookie("portal-session", browser.cookie("portal-session") or "")
    after.get("/account")
    assert "<bdi>dev</bdi>" in after.page
    assert "<bdi>False</bdi>" in after.page


def test_the_most_fields_make_a_form_that_can_be_sent(make_app: Made, outbox: MailSink) -> None:
    many = [{**COMPANY, "name": f"company{number}", "maxLength": 200} for number in range(20)]
    app = make_app(**declared(*many))
    browser = at_registration(BrowserDriver(app, outbox))
    longest = {f"own_{field['name']}": "👩" * 200 for field in many}
    assert browser.post("/register", {**NAMES, **longest}).location == "/account"
    assert len(ALL) < len(kept(app) or ()) == 20  # type: ignore[arg-type]
