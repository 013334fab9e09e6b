"""What is another person's by now tells nothing of them, and is not ended with whose it was (PRIV-01, PRIV-02)."""

from __future__ import annotations

import json

import pytest
import time_machine
from flask import Flask

from auth_portal.signin.erasure import erase
from auth_portal.signin.events import OPERATOR
from tests.conftest import services_of
from tests.drivers import ApiDriver, BrowserDriver, outcome
from tests.owning import ADA, NEW, Owner, press, undo_links
from tests.support.smtp import MailSink


@pytest.fixture
def ada(app: Flask, outbox: MailSink, clock: time_machine.Traveller) -> Owner:
    """Ada, whose address was NEW until she undid that; its real owner has an account by now."""
    owner = Owner(ApiDriver(app, outbox))
    clock.shift(60)
    owner.take(NEW)
    owner.wait()
    assert press(BrowserDriver(app, outbox), undo_links(outbox, ADA)[-1]) == "The change is undone"
    clock.shift(3_600)
    return owner


def test_an_export_has_no_codes_of_the_next_owner(ada: Owner, app: Flask, clock: time_machine.Traveller) -> None:
    """Whose network and device they would tell."""
    Owner(ada.api.at("203.0.113.77"), NEW)
    export = services_of(app).exports.export(ada.id, OPERATOR)
    assert {code["network"] for code in export["codes"]} == {"127.0.0.0/24"}
    assert "203.0.113" not in json.dumps(export, default=str)


def test_neither_are_the_registrations_that_are_under_way(ada: Owner, app: Flask) -> None:
    ada.api.at("203.0.113.77").proven(NEW)
    export = services_of(app).exports.export(ada.id, OPERATOR)
    assert [one for one in export["registrations"] if one["completedAt"] is None] == []


@pytest.mark.parametrize("at_once", [False, True])
def test_leaving_leaves_the_next_owner_alone(
    ada: Owner, app: Flask, clock: time_machine.Traveller, at_once: bool
) -> None:
    """A code that they wait for, the guesses at their account, a registration of theirs."""
    next_owner = ada.api.at("203.0.113.77")
    Owner(next_owner, NEW)
    clock.shift(60)
    assert next_owner.send(NEW).status_code == 201
    services_of(app).leaving.request(ada.id, OPERATOR, at_once=at_once)
    if at_once:
        assert erase(services_of(app).engine, ada.id, OPERATOR)
    assert outcome(next_owner.login(NEW, next_owner.code_sent_to(NEW))) == (200, None)
