"""What people are shown of what happened to their accounts: the page, and the same by JSON."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest
import time_machine
from flask import Flask

from auth_portal.signin.events import OPERATOR, PORTAL, Actor, EventKind
from auth_portal.web.pages.activity import WORDS
from tests.auditing import BOB, AuditLog
from tests.conftest import services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome, wrong_code
from tests.relying import RelyingParty, request_id_in
from tests.support.smtp import MailSink

ADA_MAIL, BOB_MAIL = "ada@example.com", "bob@example.com"
PATH = "/account/activity"
KINDS: tuple[EventKind, ...] = get_args(EventKind)
ITEM = re.compile(r"<li>.*?</li>", re.DOTALL)


@pytest.fixture
def ada(clock: time_machine.Traveller, browser: BrowserDriver) -> BrowserDriver:
    """Ada's browser, signed in a minute ago."""
    browser.register(ADA_MAIL)
    clock.shift(60)
    return browser


@pytest.fixture
def log(clock: time_machine.Traveller, app: Flask) -> AuditLog:
    """The portal's audit log."""
    return AuditLog(app, clock)


def id_of(app: Flask, email: str = ADA_MAIL) -> str:
    """Somebody's id."""
    return next(user.id for user in services_of(app).users.newest(10) if user.email == email)


def lines(browser: BrowserDriver, path: str = PATH) -> list[str]:
    """The lines that the page shows, in words."""
    assert browser.get(path).status_code == 200
    main = browser.page.partition("<ol")[2].partition("</ol>")[0]
    return [" ".join(re.sub(r"<[^>]*>", " ", item).split()) for item in ITEM.findall(main)]


def activity(api: ApiDriver, token: str, query: str = "") -> dict[str, Any]:
    """The data of the person's activity."""
    answer = api.call("GET", f"me/activity{query}", token=token, Accept_Language="en")
    assert answer.status_code == 200, answer.text
    return data_of(answer)


def test_the_page_needs_somebody_signed_in_and_comes_back(browser: BrowserDriver) -> None:
    assert browser.get(PATH).location == "/login"
    browser.register(ADA_MAIL)
    assert browser.heading == "Sign-in activity"


def test_a_sign_in_is_told_with_where_and_when(
    app: Flask, ada: BrowserDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    elsewhere = BrowserDriver(app, outbox, "198.51.100.7")
    elsewhere.prove(ADA_MAIL)
    clock.shift(300)
    assert lines(ada) == [
        "Signed in Firefox on Windows · 198.51.100.x · 5 minutes ago",
        "Account created Firefox on Windows · 127.0.0.x · 6 minutes ago",
    ]
    clock.shift(86_400)
    assert lines(ada)[0] == "Signed in Firefox on Windows · 198.51.100.x · 22 May 2026 16:12 UTC"


def test_a_failed_code_shows_as_such(app: Flask, ada: BrowserDriver, api: ApiDriver) -> None:
    guesser = api.at("203.0.113.9")
    guesser.send(ADA_MAIL)
    guesser.login(ADA_MAIL, wrong_code(guesser.code_sent_to(ADA_MAIL)))
    services_of(app).background.wait()
    assert lines(ada)[0] == "A wrong code was entered 203.0.113.x · 1 second ago"


def test_what_an_operator_or_the_portal_did_says_so(app: Flask, ada: BrowserDriver, log: AuditLog) -> None:
    log.happen("restored", user_id=id_of(app), actor=OPERATOR)
    log.happen("session_ended", user_id=id_of(app), actor=PORTAL)
    told = lines(ada)
    assert told[0].startswith("A device was signed out by the portal itself ·")
    assert told[1].startswith("Account opened again by an operator ·")


@pytest.mark.parametrize("language", ["tr", "en"])
def test_every_kind_of_event_has_words(ada: BrowserDriver, app: Flask, log: AuditLog, language: str) -> None:
    assert set(WORDS) == set(KINDS)
    assert len(set(WORDS.values())) == len(KINDS)
    log.happen(*KINDS, user_id=id_of(app))
    ada.headers["Accept-Language"] = language
    told = lines(ada)
    assert len(told) == len(KINDS) + 1
    assert [kind for kind in KINDS if any(line.startswith(kind) for line in told)] == []


def test_an_app_is_named_as_long_as_there_is_one(
    app: Flask, ada: BrowserDriver, clock: time_machine.Traveller
) -> None:
    shop = RelyingParty(app, name="Şekerci <b>", is_trusted=False)
    request_id = request_id_in(ada.get(shop.address()).location)
    ada.get(f"/oauth/consent/{request_id}")
    ada.post(f"/oauth/consent/{request_id}", {"answer": "allow"})
    assert lines(ada)[0].startswith("Access given to an app Şekerci &lt;b&gt; · Firefox on Windows · 127.0.0.x · ")
    clock.shift(1)
    ada.get("/account/apps")
    ada.post(f"/account/apps/{shop.id}/withdraw", {})
    assert lines(ada)[0].startswith("Access taken back from an app Şekerci &lt;b&gt; · ")
    services_of(app).clients.delete(shop.id)
    assert lines(ada)[0].startswith("Access taken back from an app Firefox on Windows · ")


def test_pages_lead_into_the_past_and_back(app: Flask, ada: BrowserDriver, log: AuditLog) -> None:
    for _ in range(120):
        log.happen("signed_in", user_id=id_of(app))
    seen = [lines(ada)]
    while (found := re.search(r'href="([^"]*before=[^"]*)">Older', ada.page)) is not None:
        seen.append(lines(ada, found[1]))
    assert [len(page) for page in seen] == [50, 50, 21]
    assert seen[-1][-1].startswith("Account created")
    assert re.search(rf'href="{PATH}">Newest', ada.page)


def test_an_empty_page_says_so(ada: BrowserDriver) -> None:
    assert lines(ada, f"{PATH}?before=0.{BOB}") == []
    assert "There is nothing older." in ada.page


def test_who_does_not_recognise_a_sign_in_finds_the_devices(ada: BrowserDriver) -> None:
    ada.get(PATH)
    assert re.search(r'Was it not you\?.*?href="/account/sessions"', ada.page, re.DOTALL)


@pytest.mark.parametrize("before", ["", "x", "1", f"1.{BOB}'--", f"1.{BOB}%00", "٣.x"])
def test_a_made_up_place_is_refused_on_both_doors(ada: BrowserDriver, api: ApiDriver, before: str) -> None:
    assert ada.get(f"{PATH}?before={before}").status_code == 400
    token = api.register(BOB_MAIL)["accessToken"]
    answer = api.call("GET", f"me/activity?before={before}", token=token)
    assert outcome(answer) == (400, "validation_failed")
    assert answer.json is not None
    assert answer.json["errors"] == ["Validation failed", "before: is malformed"]


def test_the_place_of_anothers_event_shows_only_ones_own(app: Flask, ada: BrowserDriver, api: ApiDriver) -> None:
    bob = api.register(BOB_MAIL)["accessToken"]
    theirs = services_of(app).events.of_user(id_of(app)).events[0]
    moment = int(theirs.happened_at.timestamp() * 1_000_000)
    assert activity(api, bob, f"?before={moment}.{theirs.id}")["events"] == []
    assert [event["kind"] for event in activity(api, bob)["events"]] == ["registered"]


def test_the_same_by_json_page_by_page(api: ApiDriver, app: Flask, log: AuditLog) -> None:
    token = api.register()["accessToken"]
    user_id = id_of(app)
    log.clock.shift(1)
    log.happen(*["signed_in"] * 60, user_id=user_id, session_id="5" * 32, facts={"channel": "email"})
    first = activity(api, token)
    assert len(first["events"]) == 50
    rest = activity(api, token, f"?before={first['next']}")
    assert (len(rest["events"]), rest["next"]) == (11, None)
    assert rest["events"][-1]["kind"] == "registered"
    newest = first["events"][0]
    assert newest["happenedAt"].endswith("Z")
    assert {name: value for name, value in newest.items() if name not in ("id", "happenedAt")} == {
        "kind": "signed_in",
        "outcome": "done",
        "actor": "person",
        "sessionId": "5" * 32,
        "clientId": None,
        "clientName": None,
        "device": "Firefox on Linux",
        "network": "192.0.2.x",
        "place": None,
        "facts": {"channel": "email"},
    }


def test_json_tells_only_those_facts_that_are_the_persons_own(api: ApiDriver, app: Flask, log: AuditLog) -> None:
    """PRIV-11: an operator's name, should one be noted one day, is not."""
    token = api.register()["accessToken"]
    log.clock.shift(1)
    facts = {"operator": "Grace Hopper", "fields": ["locale"]}
    log.happen("suspended", user_id=id_of(app), actor=Actor("operator", "10.0.0.0/24", ""), facts=facts)
    (event, _registered) = activity(api, token)["events"]
    assert (event["actor"], event["facts"]) == ("operator", {"fields": ["locale"]})


@pytest.mark.parametrize("token", [None, "x", "e30.e30.e30"])
def test_json_needs_a_token(api: ApiDriver, token: str | None) -> None:
    assert outcome(api.call("GET", "me/activity", token=token)) == (401, "unauthorized")
