"""What undoing a change takes away of a person's addresses and numbers, and what it leaves (OTP-31)."""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask

from tests.drivers import ApiDriver, BrowserDriver
from tests.owning import ADA, DONE, NEW, NEWER, OTHER_PHONE, PHONE, Owner, app, press, undo_links
from tests.support.outboxes import Outboxes
from tests.undoing import HOUR, OVER, UNDONE, ada, identifiers, link, reader, text_link

__all__ = ["ada", "app", "reader"]


def test_a_chain_of_changes_is_undone_from_its_beginning(
    ada: Owner, app: Flask, outboxes: Outboxes, reader: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """Whoever got in changes twice: the first address comes back, and the link in the second one's mail is dead."""
    ada.take(NEW)
    clock.shift(60)
    ada.take(NEWER)
    clock.shift(60)
    assert press(reader, link(outboxes)) == UNDONE
    assert identifiers(app, ada) == [(ADA, 0)]
    assert press(reader, link(outboxes, NEW)) == OVER
    assert identifiers(app, ada) == [(ADA, 0)]


def test_a_chain_of_changes_is_undone_step_by_step(
    ada: Owner, app: Flask, outboxes: Outboxes, reader: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """The last first: each former address has its say."""
    ada.take(NEW)
    clock.shift(60)
    ada.take(NEWER)
    clock.shift(60)
    assert press(reader, link(outboxes, NEW)) == UNDONE
    assert identifiers(app, ada) == [(NEW, 0)]
    assert press(reader, link(outboxes)) == UNDONE
    assert identifiers(app, ada) == [(ADA, 0)]


def test_whatever_was_added_lately_goes_with_it(
    ada: Owner, app: Flask, outboxes: Outboxes, reader: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """An address and a number beside the change are ways in, too: shortly before it, or since."""
    ada.take(PHONE)
    clock.shift(60)
    ada.take(NEW, keepFormer=True)
    clock.shift(60)
    ada.call("main", NEW)
    clock.shift(60)
    ada.call("remove", ADA)
    clock.shift(60)
    ada.take(NEWER)
    clock.shift(60)
    ada.take(OTHER_PHONE)
    assert ada.has() == [NEWER, OTHER_PHONE]
    first, again = undo_links(outboxes.mail, ADA)
    assert first == again, "the letter of the removal has the link of the change before"
    assert press(reader, first) == UNDONE
    assert identifiers(app, ada) == [(ADA, 0)]
    assert press(reader, link(outboxes, NEW)) == OVER


def test_what_was_there_long_before_stays(
    ada: Owner, app: Flask, outboxes: Outboxes, reader: BrowserDriver, clock: time_machine.Traveller
) -> None:
    ada.take(NEW, keepFormer=True)
    ada.take(PHONE)
    clock.shift(4 * 24 * HOUR)
    ada.sign_in_again(ADA)
    ada.take(NEWER)
    ada.call("main", NEW)
    assert ada.has() == [NEW, NEWER, PHONE]
    assert press(reader, link(outboxes)) == UNDONE
    assert identifiers(app, ada) == [(ADA, 0), (NEW, 1), (PHONE, 0)]


def test_what_the_account_began_with_stays_though_it_is_young(
    clock: time_machine.Traveller, app: Flask, outboxes: Outboxes, reader: BrowserDriver
) -> None:
    """Whoever holds a number of yesterday does not throw out the address that was there before it."""
    owner = Owner(ApiDriver(app, outboxes))
    clock.shift(60)
    owner.take(PHONE)
    clock.shift(60)
    owner.take(OTHER_PHONE)
    owner.wait()
    assert press(reader, text_link(outboxes, PHONE)) == UNDONE
    assert identifiers(app, owner) == [(ADA, 0), (PHONE, 0)]


def test_a_second_one_that_is_left_alone_becomes_the_main_one(
    ada: Owner, app: Flask, outboxes: Outboxes, reader: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """Of the other channel, where the main one was new."""
    ada.take(PHONE)
    clock.shift(4 * 24 * HOUR)
    ada.sign_in_again(ADA)
    ada.take(OTHER_PHONE, keepFormer=True)
    ada.call("main", OTHER_PHONE)
    ada.take(NEW)
    assert press(reader, link(outboxes)) == UNDONE
    assert identifiers(app, ada) == [(ADA, 0), (PHONE, 0)]


def test_an_address_that_was_taken_again_becomes_the_main_one(
    ada: Owner, app: Flask, outboxes: Outboxes, reader: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """Back as the second: it is there already."""
    ada.take(NEW)
    clock.shift(60)
    ada.take(ADA, keepFormer=True)
    assert identifiers(app, ada) == [(NEW, 0), (ADA, 1)]
    assert press(reader, link(outboxes)) == UNDONE
    assert identifiers(app, ada) == [(ADA, 0)]


@pytest.mark.parametrize("step", ["main", "remove"])
def test_being_the_main_one_no_longer_can_be_undone_too(
    ada: Owner, app: Flask, outboxes: Outboxes, reader: BrowserDriver, clock: time_machine.Traveller, step: str
) -> None:
    """By the address that was; what took its place goes, however long it was there."""
    ada.take(NEW, keepFormer=True)
    clock.shift(4 * 24 * HOUR)
    ada.sign_in_again(NEW)
    assert ada.refusal(step, NEW if step == "main" else ADA) == DONE
    assert press(reader, link(outboxes)) == UNDONE
    assert identifiers(app, ada) == [(ADA, 0)]


@pytest.mark.parametrize("step", ["main", "remove"])
def test_what_is_older_than_the_former_one_is_not_locked_out_by_it(
    ada: Owner, app: Flask, outboxes: Outboxes, reader: BrowserDriver, clock: time_machine.Traveller, step: str
) -> None:
    """Somebody makes a newer address the main one, Ada her own again: the other's link removes nothing of hers."""
    ada.take(NEW, keepFormer=True)
    assert ada.refusal("main", NEW) == DONE
    clock.shift(71 * HOUR)
    ada.sign_in_again(ADA)
    assert ada.refusal(step, ADA if step == "main" else NEW) == DONE
    assert ada.has()[0] == ADA
    clock.shift(2 * HOUR)
    assert press(reader, link(outboxes, NEW)) == UNDONE
    assert identifiers(app, ada) == [(NEW, 0), (ADA, 1)]
    ada.sign_in_again(ADA)
    assert ada.refusal("main", ADA) == DONE


def test_a_second_one_that_is_removed_has_nothing_to_undo(
    ada: Owner, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """Or nobody could ever get rid of a stranger's: what is removed would come back."""
    ada.take(NEW, keepFormer=True)
    ada.call("remove", NEW)
    ada.wait()
    assert undo_links(outboxes.mail, NEW) == []
    assert ada.api.proven(NEW)["registrationRequired"] is True
    clock.shift(60)
    assert Owner(ada.api, NEW).has() == [NEW], "it is free at once"
