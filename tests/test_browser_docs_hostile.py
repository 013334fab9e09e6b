"""The playground before a server that lies, a person quicker than the answer, and letters that look like code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.conftest import Visit
from tests.filling import declared
from tests.playing import Panel, Portals, new_email, portal, portals
from tests.support.chromium import Visitor
from tests.support.portal import development_portal

__all__ = ["portal", "portals"]

SEND = "/api/v1/auth/send-otp-email"
DEEP = "[0, " * 5_000 + "0" + "]" * 5_000


def opened(visitor: Visitor) -> Panel:
    """The playground, ready."""
    visitor.page.goto("/docs/playground")
    panel = Panel(visitor.page)
    expect(panel.send).to_be_visible()
    return panel


def lying(visitor: Visitor, url: str, body: str | bytes, kind: str = "application/json") -> None:
    """Have the server at this address answer everything so."""
    visitor.others = (url,)
    headers = {"Access-Control-Allow-Origin": "*", "Content-Type": kind}
    visitor.page.route(f"{url}/**", lambda route: route.fulfill(status=200, headers=headers, body=body))


def data(value: object) -> str:
    """An envelope with this in it."""
    return json.dumps({"isSuccess": True, "statusCode": 200, "data": value})


@pytest.mark.parametrize(
    "body",
    [
        "<script>document.title = 'taken'</script><h1>Sign in</h1>",
        "[]",
        "null",
        '"text"',
        "7",
        data([1, 2]),
        data("text"),
        data({"sessions": [None, 7, "x"], "accessToken": ["x"], "email": {"a": 1}}),
        data({"sessions": {"find": 1, "0": {"id": "x"}}}),
        data({"sessions": "text", "code": 1234, "challengeId": {}}),
        '{"__proto__": {"data": {"accessToken": "x"}}, "data": {"__proto__": {"accessToken": "x"}}}',
    ],
)
@pytest.mark.parametrize("operation", ["loginOtpEmail", "listSessions", "endSession"])
def test_lies_are_shown_as_text_and_nothing_is_made_of_them(
    visit: Visit, portals: Portals, operation: str, body: str
) -> None:
    """Whatever the shape: it stands there, and the panel goes on working."""
    visitor = visit()
    lying(visitor, portals.away, body)
    panel = opened(visitor)
    title = visitor.page.title()
    panel.choose_server(portals.away)
    panel.choose(operation)
    if operation == "endSession":
        visitor.page.locator("#play-path-session_id").fill("x")
    panel.send.click()
    expect(panel.status).to_have_text("200 OK")
    expect(panel.answer.locator("pre").first).not_to_be_empty()
    expect(panel.send).not_to_have_attribute("aria-busy", "true")
    assert visitor.page.title() == title
    for name in ("getMe", "endSession", "loginOtpEmail", "refreshToken"):
        panel.choose(name)
        values = visitor.page.locator("[data-fields] input").evaluate_all("all => all.map(one => one.value)")
        assert not [value for value in values if "object" in value or value == "x"]


@pytest.mark.parametrize(
    "body",
    [
        data("x" * 10_000_000),
        data([1] * 1_000_000),
        data({f"m{number}": 1 for number in range(200_000)}),
        "y" * 10_000_000,
        "[" * 100_000 + "]" * 100_000,
        DEEP,
    ],
    ids=["text", "numbers", "members", "no JSON", "deeper", "deep"],
)
def test_of_a_huge_answer_only_the_beginning_is_shown(visit: Visit, portals: Portals, body: str) -> None:
    """What a page can show without standing still, and that it is not all."""
    visitor = visit()
    lying(visitor, portals.away, body)
    panel = opened(visitor)
    panel.choose_server(portals.away)
    panel.choose("getMe")
    panel.call("200 OK")
    shown = panel.answer.locator("pre").first.text_content() or ""
    assert 1_000 < len(shown) < 500_000
    assert visitor.page.evaluate("document.querySelectorAll('*').length") < 100_000
    panel.choose("logout")
    expect(panel.answer).to_be_empty()


def test_redirects_are_not_followed(visit: Visit, portals: Portals) -> None:
    """A server cannot have its caller call another one."""
    visitor = visit()
    visitor.others = (portals.away, portals.production.url)
    visitor.accepted += ["net::ERR_FAILED", "redirect"]
    target = f"{portals.first.url}/api/v1/auth/me"
    headers = {"Access-Control-Allow-Origin": "*", "Location": target}
    visitor.page.route(f"{portals.away}/**", lambda route: route.fulfill(status=307, headers=headers))
    panel = opened(visitor)
    reached: list[str] = []
    visitor.page.on("request", lambda request: reached.append(request.url))
    panel.choose_server(portals.away)
    panel.choose("getMe")
    panel.send.click()
    expect(panel.answer.locator("[role=alert]")).to_be_visible()
    assert target not in reached


def test_an_answer_that_comes_after_another_operation_was_chosen_is_kept_but_not_shown(visit: Visit) -> None:
    """It would stand below a call that it is not of; its tokens are still good."""
    visitor = visit()
    panel, held = opened(visitor), list[Route]()
    panel.ask_and_use_the_code(new_email())
    visitor.page.route("**/login-otp-email", lambda route: held.append(route))
    with visitor.page.expect_request("**/login-otp-email"):
        panel.send.click()
    panel.choose("getMe")
    with visitor.page.expect_response("**/login-otp-email"):
        held[0].continue_()
    expect(panel.send).not_to_have_attribute("aria-busy", "true")
    expect(panel.answer).to_be_empty()
    panel.choose("completeRegistration")
    expect(panel.token).not_to_have_value("")


def test_the_letter_beside_a_call_is_never_that_of_the_call_before(visit: Visit) -> None:
    """Also where it comes late."""
    visitor = visit()
    panel, first, second = opened(visitor), new_email(), new_email()
    caught: list[dict[str, object]] = []
    visitor.page.route("**/letters.json", lambda route: route.fulfill(json={"letters": caught}))
    panel.member("email").fill(first)
    panel.call("201 Created")
    expect(panel.mail.locator(".hint")).to_be_visible()
    panel.member("email").fill(second)
    with visitor.page.expect_response(f"**{SEND}"):
        panel.send.click()
    expect(panel.request).to_contain_text(second)
    expect(panel.mail.locator(".hint")).to_be_visible()
    letter: dict[str, object] = {
        "id": "late",
        "channel": "email",
        "to": first,
        "subject": "",
        "text": "late",
        "code": "1234",
    }
    caught.append(letter)
    visitor.page.wait_for_timeout(2_500)
    expect(panel.mail).not_to_contain_text("late")
    caught.append({**letter, "id": "own", "to": second, "text": "own"})
    expect(panel.mail.locator("pre")).to_have_text("own")


def test_a_notice_that_comes_at_the_same_moment_does_not_hide_the_code(visit: Visit) -> None:
    """Of the new letters to the address it is the one with a code; where none has one, the newest."""
    visitor = visit()
    panel, email = opened(visitor), new_email()
    notice: dict[str, object] = {
        "id": "2",
        "channel": "email",
        "to": email,
        "subject": "New",
        "text": "no",
        "code": None,
    }
    caught = [[], [notice, {**notice, "id": "1", "text": "yes", "code": "1234"}], [], [notice]]
    visitor.page.route("**/letters.json", lambda route: route.fulfill(json={"letters": caught.pop(0)}))
    panel.member("email").fill(email)
    panel.call("201 Created")
    expect(panel.mail.locator("pre")).to_have_text("yes")
    panel.member("email").fill(new_email())
    notice["to"] = panel.member("email").input_value()
    panel.send.click()
    expect(panel.mail.locator("pre")).to_have_text("no")
    expect(panel.mail.locator("button")).to_have_count(0)


def test_a_letter_is_text_whatever_it_holds(visit: Visit) -> None:
    """HTML in the subject and in the text."""
    visitor = visit()
    panel, email = opened(visitor), new_email()
    hostile = "<img src=x onerror=\"document.title='taken'\"></pre><script>document.title='taken'</script>"
    letter: dict[str, object] = {
        "id": "1",
        "channel": "email",
        "to": email,
        "subject": hostile,
        "text": hostile * 2,
        "code": hostile,
    }
    caught: list[dict[str, object]] = []
    visitor.page.route("**/letters.json", lambda route: route.fulfill(json={"letters": caught}))
    panel.member("email").fill(email)
    panel.call("201 Created")
    caught.append(letter)
    expect(panel.mail.locator("pre")).to_have_text(hostile * 2)
    expect(panel.mail.locator("b")).to_have_text(hostile)
    panel.mail.locator("button").click()
    expect(panel.member("code")).to_have_value(hostile)
    assert "taken" not in visitor.page.title()


def test_nothing_of_a_code_is_left_where_only_screen_readers_look(visit: Visit, portals: Portals) -> None:
    """The line that is read aloud is emptied with the rest."""
    visitor = visit()
    panel = opened(visitor)
    panel.choose("sendOtp")
    panel.member("phoneNumber").fill("+905321234567")
    panel.call("201 Created")
    expect(panel.mail.locator("button")).to_be_visible()
    live = visitor.page.locator("[data-live]")
    expect(live).not_to_be_empty()
    panel.choose_server(portals.production.url)
    expect(live).to_be_empty()


def test_a_question_about_production_is_gone_when_the_page_is_left(visit: Visit, portals: Portals) -> None:
    """A kept page would have the call, and its values, behind its button."""
    visitor = visit()
    panel = opened(visitor)
    panel.choose_server(portals.production.url)
    panel.send.click()
    expect(panel.dialog).to_be_visible()
    visitor.page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    expect(panel.dialog).to_be_hidden()
    expect(panel.send).not_to_have_attribute("aria-busy", "true")
    panel.send.click()
    expect(panel.dialog).to_be_visible()


@pytest.mark.parametrize("presses", [2, 3])
def test_a_double_click_never_goes_through_the_question(visit: Visit, portals: Portals, presses: int) -> None:
    """Its second half would fall on the answer, where that comes up below the pointer."""
    visitor = visit(viewport={"width": 500, "height": 600})
    visitor.others = (portals.production.url,)
    panel, page = opened(visitor), visitor.page
    panel.choose_server(portals.production.url)
    panel.send.click()
    yes = panel.dialog.locator("[value=yes]").bounding_box()
    assert yes is not None
    page.keyboard.press("Escape")
    expect(panel.dialog).to_be_hidden()
    x, y = yes["x"] + yes["width"] / 2, yes["y"] + yes["height"] / 2
    page.evaluate(
        "([x, y]) => { const { style } = document.querySelector('[data-send]');"
        " Object.assign(style, { position: 'fixed', zIndex: 9, left: `${x - 20}px`, top: `${y - 20}px` }); }",
        [x, y],
    )
    page.mouse.click(x, y, click_count=presses)
    page.wait_for_timeout(300)
    assert visitor.calls == []
    expect(panel.request).to_be_empty()
    expect(panel.dialog).to_be_visible()


def test_own_fields_may_be_called_what_every_object_has(visit: Visit, tmp_path: Path) -> None:
    """A name is a name."""
    fields = [
        {"name": name, "type": "text", "label": {"tr": name, "en": name}} for name in ("constructor", "toString")
    ]
    with development_portal(tmp_path / "named.db", **declared(*fields)) as portal:
        visitor = visit()
        visitor.others = (portal.url,)
        visitor.page.goto(f"{portal.url}/docs/api/complete-registration")
        for field in fields:
            expect(visitor.page.locator(f"#play-body-fields-{field['name']}")).to_have_value("")
