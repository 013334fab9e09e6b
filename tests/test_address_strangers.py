"""Getting rid of a number that somebody else added to the account (OTP-31, OTP-36)."""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask

from tests.drivers import ApiDriver
from tests.owning import ADA, DONE, NEW, PHONE, Owner, app, undo_links
from tests.support.outboxes import Outboxes

__all__ = ["app"]
HOUR = 3_600


@pytest.fixture
def ada(clock: time_machine.Traveller, app: Flask, outboxes: Outboxes) -> Owner:
    """Ada, who registered a month ago; somebody who found her browser has just added a number."""
    owner = Owner(ApiDriver(app, outboxes))
    clock.shift(30 * 24 * HOUR)
    owner.sign_in_again(ADA)
    owner.take(PHONE)
    return owner


def texts(outboxes: Outboxes, number: str) -> list[str]:
    """Undo links that were sent there."""
    return [sent.text for sent in outboxes.sms.sent_to(number) if "/account/undo/" in sent.text]


@pytest.mark.parametrize("days", [0, 2, 30])
def test_a_number_that_came_later_than_an_address_cannot_bring_itself_back(
    ada: Owner, outboxes: Outboxes, clock: time_machine.Traveller, days: int
) -> None:
    """Or its owner would undo each removal, for ever, and end all sessions with it."""
    clock.shift(days * 24 * HOUR + 60)
    ada.sign_in_again(ADA)
    assert ada.refusal("remove", PHONE) == DONE
    assert ada.has() == [ADA]
    assert texts(outboxes, PHONE) == []


def test_what_the_account_began_with_still_can(ada: Owner, outboxes: Outboxes, clock: time_machine.Traveller) -> None:
    """Whoever added the number removes the address."""
    clock.shift(60)
    assert ada.refusal("remove", ADA) == DONE
    ada.wait()
    assert len(undo_links(outboxes.mail, ADA)) == 1


def test_a_number_that_is_replaced_still_can(ada: Owner, outboxes: Outboxes, clock: time_machine.Traveller) -> None:
    clock.shift(60)
    ada.take("+905552223344")
    ada.wait()
    assert len(texts(outboxes, PHONE)) == 1


def test_a_number_that_is_older_than_the_addresses_still_can(
    ada: Owner, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    clock.shift(60)
    ada.take(NEW)
    clock.shift(60)
    assert ada.refusal("remove", PHONE) == DONE
    ada.wait()
    assert len(texts(outboxes, PHONE)) == 1
