"""Who is told of what becomes of addresses and numbers, and what they are told (MAIL-19, OTP-31)."""

from __future__ import annotations

import re
import threading
from html import unescape

import pytest
import time_machine
from flask import Flask

from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, wrong_code
from tests.owning import ADA, DONE, NEW, NEWER, OTHER_PHONE, PHONE, Owner, app, press, subjects, undo_links
from tests.support.letters import ReceivedMail, html_of, text_of
from tests.support.outboxes import Outboxes
from tests.support.smtp import MailSink

__all__ = ["app"]
ADDRESS_CHANGED, NUMBER_CHANGED = "Your address at Auth Portal was changed", "Your number at Auth Portal was changed"
ADDRESS_NEW, NUMBER_NEW = "New address at Auth Portal", "New number at Auth Portal"
ADDRESS_REMOVED, NUMBER_REMOVED = "Address removed at Auth Portal", "Number removed at Auth Portal"
ADDRESS_BACK, NUMBER_BACK = "Your address at Auth Portal is back", "Your number at Auth Portal is back"
NEW_SIGN_IN, WRONG_CODES = "New sign-in to Auth Portal", "Wrong codes at Auth Portal"


@pytest.fixture
def ada(clock: time_machine.Traveller, app: Flask, outboxes: Outboxes) -> Owner:
    """Ada, who has just registered and speaks English; the clock stands still."""
    owner = Owner(ApiDriver(app, outboxes))
    owner.api.call("PATCH", "me", {"locale": "en"}, token=owner.token)
    return owner


def told(owner: Owner, outboxes: Outboxes) -> dict[str, list[str]]:
    """What each address was told since the last time, and how many texts each number got that have no code."""
    found = {email: subjects(owner, outboxes.mail, email) for email in (ADA, NEW, NEWER)}
    for number in (PHONE, OTHER_PHONE):
        found[number] = [text.kind for text in outboxes.sms.sent_to(number) if text.kind != "code"]
    outboxes.clear()
    return {who: what for who, what in found.items() if what}


def test_everybody_who_is_there_or_was_is_told_of_each_change(
    ada: Owner, app: Flask, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """MAIL-19: by mail and by text message alike."""
    ada.take(PHONE)
    assert told(ada, outboxes) == {ADA: [NUMBER_NEW], PHONE: ["address_news"]}
    ada.take(NEW, keepFormer=True)
    assert told(ada, outboxes) == {ADA: [ADDRESS_NEW], NEW: [ADDRESS_NEW], PHONE: ["address_news"]}
    ada.call("main", NEW)
    everybody = {ADA: [ADDRESS_CHANGED], NEW: [ADDRESS_CHANGED], PHONE: ["address_news"]}
    assert told(ada, outboxes) == everybody
    ada.call("remove", ADA)
    assert told(ada, outboxes) == {who: [ADDRESS_REMOVED] for who in (ADA, NEW)} | {PHONE: ["address_news"]}
    ada.take(NEWER)
    assert told(ada, outboxes) == {who: [ADDRESS_CHANGED] for who in (NEW, NEWER)} | {PHONE: ["address_news"]}
    ada.take(OTHER_PHONE)
    numbers = {PHONE: ["address_news"], OTHER_PHONE: ["address_news"]}
    assert told(ada, outboxes) == {NEWER: [NUMBER_CHANGED]} | numbers
    ada.call("remove", OTHER_PHONE)
    assert told(ada, outboxes) == {NEWER: [NUMBER_REMOVED], OTHER_PHONE: ["address_news"]}


def test_an_undo_is_told_to_what_came_back_and_to_what_went(
    ada: Owner, app: Flask, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """One of them is who pressed it, the other may be whose address it was."""
    clock.shift(4 * 86_400)
    ada.sign_in_again(ADA)
    ada.take(NEW)
    ada.take(PHONE)
    link = undo_links(outboxes.mail, ADA)[-1]
    ada.wait()
    outboxes.clear()
    press(BrowserDriver(app, outboxes), link)
    assert told(ada, outboxes) == {ADA: [ADDRESS_BACK], NEW: [ADDRESS_BACK], PHONE: ["address_news"]}


def test_only_the_former_one_can_undo_it(ada: Owner, outboxes: Outboxes, clock: time_machine.Traveller) -> None:
    """Whoever got in reads the letters of the new one."""
    ada.take(PHONE)
    ada.take(NEW, keepFormer=True)
    ada.call("main", NEW)
    ada.wait()
    assert len(undo_links(outboxes.mail, ADA)) == 1
    assert undo_links(outboxes.mail, NEW) == []
    assert "/undo/" not in "".join(text.text for text in outboxes.sms.texts)
    ada.take(OTHER_PHONE)
    ada.wait()
    assert [text.to for text in outboxes.sms.texts if "/undo/" in text.text] == [PHONE]


def words_of(mail: ReceivedMail) -> str:
    """What a reader of the HTML part sees, in one line."""
    body = html_of(mail).partition("<body")[2].partition(">")[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def test_the_letter_to_the_former_address_says_what_happened_and_how_to_object(
    ada: Owner, outboxes: Outboxes
) -> None:
    """OTP-31: in both parts; of the new address no more than its owner needs to know it by."""
    ada.take(NEW)
    letter = outboxes.mail.sent_to(ADA)[-1]
    path = undo_links(outboxes.mail, ADA)[-1]
    for part in (text_of(letter), words_of(letter)):
        for words in (
            "The main address of your account was changed",
            "a***@e***.com",
            "a***@n***.example",
            "22 May 2026 16:11 UTC",
            "127.0.0.x",
            "undo it within three days",
            "all devices are signed out",
        ):
            assert words in part, words
        assert NEW not in part
    assert f"http://127.0.0.1:8000{path}" in text_of(letter)
    assert re.search(rf'<a [^>]*href="http://127.0.0.1:8000{path}"[^>]*>Undo the change</a>', html_of(letter))
    assert letter.parsed["Auto-Submitted"] == "auto-generated"


def test_the_letter_to_the_others_leads_to_the_account(ada: Owner, outboxes: Outboxes) -> None:
    ada.take(NEW, keepFormer=True)
    ada.wait()
    letter = outboxes.mail.sent_to(ADA)[-1]
    for part in (text_of(letter), words_of(letter)):
        assert "An address was added to your account" in part
        assert "remove what is not yours, and sign out everywhere else" in part
    for part in (text_of(letter), html_of(letter)):
        assert "http://127.0.0.1:8000/account/email" in part
        assert "/undo/" not in part


def test_the_text_to_a_former_number_has_the_link_and_no_other_text_has_one(
    ada: Owner, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    ada.take(PHONE)
    ada.take(OTHER_PHONE)
    ada.wait()
    former, new = outboxes.sms.sent_to(PHONE)[-1].text, outboxes.sms.sent_to(OTHER_PHONE)[-1].text
    assert re.fullmatch(
        r"Auth Portal: The main number of your account was changed\. If it was not you, undo it within three days: "
        r"http://127\.0\.0\.1:8000/account/undo/[0-9a-f]{64}",
        former,
    )
    assert new == f"{former.partition(' If ')[0]} If it was not you, sign in and look at your account."


def test_the_letter_with_the_code_says_what_it_is_for(ada: Owner, outboxes: Outboxes) -> None:
    """OTP-29, OTP-31: whoever is talked into telling it should know."""
    ada.call("", NEW, locale="en")
    letter = outboxes.mail.sent_to(NEW)[-1]
    assert letter.parsed["Subject"] == "Your code for Auth Portal"
    for part in (text_of(letter), words_of(letter)):
        assert "It adds this address to an account at 127.0.0.1; it signs nobody in." in part
        assert "We never ask for this code by phone or mail." in part
        assert "sign-in" not in part
    assert text_of(letter).rstrip().splitlines()[-1] == f"@127.0.0.1 #{outboxes.mail.code_sent_to(NEW)}"


def test_its_other_link_stops_it_and_tells_when_it_was_used(
    ada: Owner, app: Flask, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """OTP-37: "not me" is for this code, too."""
    reader = BrowserDriver(app, outboxes, "198.51.100.7")
    code = ada.code_for(NEW)
    stop = re.findall(r"/login/not-me/[0-9a-f]{64}", text_of(outboxes.mail.sent_to(NEW)[-1]))[0]
    reader.get(stop)
    reader.post(stop, {})
    assert reader.heading == "The codes no longer work"
    assert ada.refusal("verify", NEW, code=code) == (401, "code_invalid")
    clock.shift(60)
    ada.take(NEW)
    letters = "".join(text_of(mail) for mail in outboxes.mail.sent_to(NEW))
    stop = re.findall(r"/login/not-me/[0-9a-f]{64}", letters)[-1]
    reader.get(stop)
    assert reader.heading == "This code was used"
    assert "this address was added to an account" in reader.page


def test_both_addresses_hear_of_a_new_sign_in_and_of_wrong_codes(
    ada: Owner, app: Flask, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """MAIL-19: whichever of them it happened with. Text messages cost money: who has an address gets none."""
    ada.take(PHONE)
    ada.take(NEW, keepFormer=True)
    told(ada, outboxes)
    clock.shift(60)
    visitor = BrowserDriver(app, outboxes, "198.51.100.7")
    assert visitor.prove(NEW).location == "/account"
    assert told(ada, outboxes) == {ADA: [NEW_SIGN_IN], NEW: [NEW_SIGN_IN]}
    clock.shift(60)
    stranger = ada.api.at("203.0.113.9")
    stranger.send(PHONE)
    code = stranger.code_sent_to(PHONE)
    for step in range(1, 6):
        stranger.login(PHONE, wrong_code(code, step))
    assert told(ada, outboxes) == {ADA: [WRONG_CODES], NEW: [WRONG_CODES]}


def test_who_has_no_address_is_told_by_text_message(
    clock: time_machine.Traveller, app: Flask, outboxes: Outboxes
) -> None:
    """On the main number."""
    owner = Owner(ApiDriver(app, outboxes), PHONE)
    clock.shift(60)
    owner.take(OTHER_PHONE, keepFormer=True)
    told(owner, outboxes)
    clock.shift(60)
    visitor = BrowserDriver(app, outboxes, "198.51.100.7", channel="sms")
    assert visitor.prove(OTHER_PHONE).location == "/account"
    assert told(owner, outboxes) == {PHONE: ["new_sign_in"]}


def test_no_text_is_tried_where_none_are_sent_any_more(
    ada: Owner, make_app: Made, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    ada.take(PHONE)
    told(ada, outboxes)
    ada.api = ApiDriver(make_app(), outboxes)
    ada.take(NEW)
    assert told(ada, outboxes) == {ADA: [ADDRESS_CHANGED], NEW: [ADDRESS_CHANGED]}


def test_a_relay_that_refuses_once_loses_no_way_back(ada: Owner, app: Flask, outbox: MailSink) -> None:
    """The letter with the link is tried again, when nobody waits for it any more."""
    code, gate = ada.code_for(NEW), threading.Event()
    ada.wait()
    services_of(app).background.later(gate.wait)
    outbox.fault = "reject_5xx"
    assert ada.refusal("verify", NEW, code=code) == DONE
    assert undo_links(outbox, ADA) == []
    outbox.fault = None
    gate.set()
    ada.wait()
    assert len(undo_links(outbox, ADA)) == 1


def test_a_number_is_not_changed_where_its_owner_could_not_be_told(
    clock: time_machine.Traveller, make_app: Made, outboxes: Outboxes
) -> None:
    """OTP-19, OTP-31: the limit of what texts may cost holds for the news, too, and loses nobody a way back."""
    quota = 24
    app = make_app(sms_url=outboxes.sms.setting, sms_per_site_per_day=quota)
    owner = Owner(ApiDriver(app, outboxes))
    owner.take(PHONE)
    owner.take(OTHER_PHONE, keepFormer=True)
    told(owner, outboxes)
    chosen = 0
    while owner.refusal("main", (OTHER_PHONE, PHONE)[chosen % 2]) == DONE:
        chosen += 1
    owner.wait()
    assert owner.has()[1:] == [(PHONE, OTHER_PHONE)[chosen % 2], (OTHER_PHONE, PHONE)[chosen % 2]]
    assert owner.refusal("remove", owner.has()[1]) == (429, "too_many_requests")
    undoable = [text for text in outboxes.sms.texts if "/undo/" in text.text]
    assert len(undoable) == chosen > 0
    assert len(outboxes.sms.texts) <= quota // 4
    assert owner.refusal("verify", NEW, code=owner.code_for(NEW)) == DONE, "addresses cost nothing"
