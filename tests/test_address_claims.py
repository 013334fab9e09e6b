"""What apps are told of somebody whose address changed (JWT-12), and what a change costs the database."""

from __future__ import annotations

import time_machine
from flask import Flask

from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver
from tests.owning import ADA, NEW, OTHER_PHONE, PHONE, Owner, press, undo_links
from tests.relying import RelyingParty
from tests.rows import fill
from tests.support.outboxes import Outboxes
from tests.test_statements import counted, plan, whole_tables

SCOPE = "openid email phone"


def test_apps_are_told_the_main_address_and_the_subject_that_they_know(
    clock: time_machine.Traveller, make_app: Made, outboxes: Outboxes
) -> None:
    """By userinfo at once, by the ID token of the next sign-in; the second address is nobody's business."""
    app: Flask = make_app(sms_url=outboxes.sms.setting)
    ada, shop = Owner(ApiDriver(app, outboxes)), RelyingParty(app)
    browser = BrowserDriver(app, outboxes)
    clock.shift(60)
    browser.prove(ADA)
    tokens = shop.sign_in(browser, scope=SCOPE)
    before = shop.userinfo(tokens["access_token"]).json
    ada.take(PHONE)
    ada.take(OTHER_PHONE, keepFormer=True)
    ada.take(NEW)
    after = shop.userinfo(tokens["access_token"]).json
    assert before == {"sub": ada.id, "email": ADA, "email_verified": True}
    assert after == {
        "sub": ada.id,
        "email": NEW,
        "email_verified": True,
        "phone_number": PHONE,
        "phone_number_verified": True,
    }
    ada.call("main", OTHER_PHONE)
    assert shop.userinfo(tokens["access_token"]).json["phone_number"] == OTHER_PHONE
    assert shop.claims(shop.sign_in(browser, scope=SCOPE)["id_token"])["sub"] == ada.id


def test_no_statement_of_a_change_reads_a_whole_table(make_app: Made, outboxes: Outboxes) -> None:
    app: Flask = make_app(sms_url=outboxes.sms.setting, resend_after=0)
    engine = services_of(app).engine
    fill(engine)
    ada = Owner(ApiDriver(app, outboxes))
    reader = BrowserDriver(app, outboxes)
    with counted(engine, in_background=True) as cost:
        ada.take(NEW, keepFormer=True)
        ada.take(PHONE)
        ada.call("main", NEW, endOtherSessions=True)
        ada.call("remove", NEW)
        assert ada.has() == [ADA, PHONE]
        reader.get(undo_links(outboxes.mail, ADA)[-1])
        press(reader, undo_links(outboxes.mail, ADA)[-1])
    statements = {text: values for text, values in cost.statements if "SAVEPOINT" not in text}
    for table in ("identifier", "identifier_change", "challenge", "send_limit"):
        assert any(table in statement for statement in statements), table
    with engine.connect() as connection:
        slow = {
            statement: lines
            for statement, parameters in statements.items()
            if (lines := whole_tables(plan(connection, statement, parameters)))
        }
    assert slow == {}
