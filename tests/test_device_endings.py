"""A device that is let in while everything of its person ends is not in afterwards (SES-11, OP-65)."""

from __future__ import annotations

import pytest
from flask import Flask

from auth_portal.signin.events import PORTAL
from auth_portal.signin.sessions import LiveSession
from tests.conftest import services_of
from tests.drivers import BrowserDriver
from tests.relying import ADA, RelyingParty
from tests.test_device import poll, start, tv
from tests.test_leaving_races import held_before_commit, start_and_wait

__all__ = ["tv"]


@pytest.fixture
def session(app: Flask, browser: BrowserDriver) -> LiveSession:
    """Ada's session, as a page has found it."""
    browser.register(ADA)
    found = services_of(app).sessions.find_by_secret(browser.cookie("portal-session") or "")
    assert found is not None
    return found


def test_a_session_that_has_just_ended_lets_no_device_in(app: Flask, tv: RelyingParty, session: LiveSession) -> None:
    services, codes = services_of(app), start(tv)
    device = services.device_codes.find(codes["device_code"])
    assert device is not None
    services.open_sessions.end_all(session.user.id, PORTAL)
    assert not services.device_codes.answer(device, session, is_approved=True)
    assert poll(tv, codes) == (400, "authorization_pending")


def test_an_answer_that_is_under_way_lets_no_device_in(app: Flask, tv: RelyingParty, session: LiveSession) -> None:
    """It had found a session that lived; the end waits for it."""
    services, codes = services_of(app), start(tv)
    device = services.device_codes.find(codes["device_code"])
    assert device is not None

    def answer() -> bool:
        return services.device_codes.answer(device, session, is_approved=True)

    def end() -> int:
        return services.open_sessions.end_all(session.user.id, PORTAL)

    with held_before_commit(services.engine, answer) as answered:
        ending = start_and_wait(services.engine, end)
    ending.join(30)
    assert answered == [True]
    assert poll(tv, codes)[1] == "access_denied"


def test_a_session_that_is_ended_takes_along_the_device_that_it_let_in(
    app: Flask, tv: RelyingParty, session: LiveSession
) -> None:
    """It has not come for its tokens yet; which session let it in nobody knows by then, so no device comes in."""
    services, codes = services_of(app), start(tv)
    device = services.device_codes.find(codes["device_code"])
    assert device is not None
    assert services.device_codes.answer(device, session, is_approved=True)
    services.open_sessions.end(session.user.id, session.id, PORTAL)
    assert poll(tv, codes)[1] == "access_denied"
