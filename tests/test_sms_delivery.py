"""Text messages from the portal to its gateways: which is asked, what people are told, what is counted and logged."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import structlog
import time_machine
from flask import Flask
from sqlalchemy import insert, select

from auth_portal.db import utcnow
from auth_portal.delivery import deliverer, handover
from auth_portal.delivery.deliverer import LetterDeliverer, SmsChannel
from auth_portal.delivery.gateways import open_gateway
from auth_portal.delivery.texts import Texts
from auth_portal.errors import DeliveryFailed
from auth_portal.models import Identifier, User
from auth_portal.settings import parse_gateway
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.otp import SentCode
from auth_portal.web import refusing
from tests.conftest import Made, services_of, settings_for
from tests.drivers import ApiDriver, BrowserDriver
from tests.support.sms import Fault, SmsSink
from tests.support.smtp import MailSink
from tests.texting import NUMBER, code_letter, notice

ADA = "ada@example.com"
FAULTS: list[Fault] = ["refuse", "broken", "hang_up"]
StartSink = Callable[[], SmsSink]


@pytest.fixture
def start_sink() -> Iterator[StartSink]:
    """Starts gateways of a test's own."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(SmsSink())


@pytest.fixture
def phone_app(make_app: Made, sms: SmsSink) -> Flask:
    """A production portal with an SMS gateway."""
    app: Flask = make_app(sms_url=sms.setting)
    return app


@pytest.fixture
def ada(phone_app: Flask, outbox: MailSink, clock: time_machine.Traveller) -> BrowserDriver:
    """The browser of Ada, who is signed in and has a number."""
    browser = BrowserDriver(phone_app, outbox)
    browser.register(ADA)
    with services_of(phone_app).engine.begin() as connection:
        user_id = connection.execute(select(User.id)).scalar_one()
        row = {"channel": "sms", "value": NUMBER, "user_id": user_id, "verified_at": utcnow()}
        connection.execute(insert(Identifier).values(row))
    clock.shift(60)
    outbox.clear()
    return browser


def deliverer_of(*sinks: SmsSink) -> LetterDeliverer:
    """What hands texts to these gateways, wired as the portal does."""
    settings = settings_for(
        "sqlite:////nowhere/portal.db", "smtp://127.0.0.1:1", sms_url=",".join(sink.setting for sink in sinks)
    )
    return LetterDeliverer(
        SmsChannel(Texts(settings), [open_gateway(parse_gateway(url)) for url in settings.sms_url])
    )


def ask(app: Flask, number: str = NUMBER, locale: str = "en") -> SentCode:
    """Have a code sent to a number."""
    return services_of(app).otp.send_code(Destination("sms", number), Caller.api("192.0.2.7"), locale)


def counted(app: Flask, outbox: MailSink, name: str) -> float:
    """The sum of a counter's values for gateways."""
    page = ApiDriver(app, outbox).call("GET", "/metrics").text
    lines = re.findall(rf"^auth_portal_{name}_total{{(.*)}} ([\d.]+)$", page, re.MULTILINE)
    return sum(float(value) for labels, value in lines if 'channel="email"' not in labels)


def test_a_code_goes_to_the_number_and_no_mail_leaves(phone_app: Flask, sms: SmsSink, outbox: MailSink) -> None:
    sent = ask(phone_app)
    (text,) = sms.sent_to(NUMBER)
    assert (text.kind, sms.code_sent_to(NUMBER)) == ("code", sent.code)
    assert text.text.endswith(f"\n\n@127.0.0.1 #{sent.code}")
    assert outbox.messages == []


def test_a_mail_goes_by_mail_still(phone_app: Flask, sms: SmsSink, outbox: MailSink) -> None:
    assert ApiDriver(phone_app, outbox).send(ADA).status_code == 201
    assert (len(outbox.sent_to(ADA)), sms.texts) == (1, [])


def test_a_stranger_gets_no_code_while_sign_up_is_closed(make_app: Made, sms: SmsSink) -> None:
    """Contract, section 1 (SIGNUP)."""
    sent = ask(make_app(sms_url=sms.setting, signup="closed"))
    (text,) = sms.sent_to(NUMBER)
    assert text.kind == "no_account"
    assert sent.code not in text.text


def test_a_person_who_must_type_a_code_again_may_have_it_by_text(ada: BrowserDriver, sms: SmsSink) -> None:
    """SES-15."""
    ada.get("/account/confirm")
    ada.follow(ada.post("/account/confirm", {"channel": "sms"}))
    assert ada.enter(sms.code_sent_to(NUMBER)).status_code == 303


@pytest.mark.parametrize("fault", FAULTS)
def test_a_refused_text_is_told_and_may_be_asked_for_again_at_once(
    fault: Fault, ada: BrowserDriver, sms: SmsSink
) -> None:
    """MAIL-16, OTP-15."""
    ada.get("/account/confirm")
    sms.fault = fault
    answers = [ada.post("/account/confirm", {"channel": "sms"}) for _ in range(3)]
    page = ada.page
    sms.fault = None
    retried = ada.post("/account/confirm", {"channel": "sms"})

    assert [answer.status_code for answer in answers] == [500] * 3
    assert "The text message could not be sent. Please try again." in page
    assert retried.status_code == 303
    assert len(sms.sent_to(NUMBER)) == 1


@pytest.mark.parametrize(
    ("channel", "text"), [("sms", "SMS gönderilirken hata oluştu"), ("email", "Email gönderilirken hata oluştu")]
)
def test_callers_of_the_api_are_told_the_contracts_text(channel: str, text: str, app: Flask) -> None:
    """Contract, section 2."""
    with app.test_request_context("/api/v1/auth/send-otp", method="POST"):
        answer = refusing.answer(DeliveryFailed(channel=channel))
    assert answer.json is not None
    assert (answer.status_code, answer.headers["X-Error-Code"]) == (500, "delivery_failed")
    assert (answer.json["errors"], answer.json["data"]) == ([text], None)


def test_without_a_gateway_nothing_is_sent_and_the_code_is_withdrawn(app: Flask) -> None:
    for _ in range(2):  # the second is not too soon: nothing left the first time
        with pytest.raises(DeliveryFailed) as caught:
            ask(app)
        assert caught.value.channel == "sms"


def test_gateways_are_tried_in_order_and_the_first_is_used_again_once_it_is_back(start_sink: StartSink) -> None:
    first, second = start_sink(), start_sink()
    sender = deliverer_of(first, second)

    for fault in (None, *FAULTS):
        first.fault = fault
        sender.send_code(code_letter())
    assert (len(first.texts), len(second.texts)) == (1, len(FAULTS))

    second.fault = "refuse"
    with pytest.raises(DeliveryFailed) as caught:
        sender.send_code(code_letter())
    assert (caught.value.channel, caught.value.__context__) == ("sms", None)
    first.fault = None
    sender.send_code(code_letter())
    assert (len(first.texts), len(second.texts)) == (2, len(FAULTS))


def test_the_next_gateway_is_told_by_the_same_id_what_the_first_may_have_taken(start_sink: StartSink) -> None:
    """MAIL-16: whoever gets both can send one."""
    first, second = start_sink(), start_sink()
    first.fault = "hang_up"
    deliverer_of(first, second).send_code(code_letter())
    assert [asked.headers["webhook-id"] for asked in first.asked] == [second.texts[0].id]


def test_a_silent_gateway_leaves_time_for_the_next(start_sink: StartSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliverer, "SEND_BUDGET_S", 4.0)
    first, second = start_sink(), start_sink()
    first.hold()
    start = time.monotonic()
    deliverer_of(first, second).send_code(code_letter())
    first.release()
    assert time.monotonic() - start < handover.SEND_BUDGET_S
    assert len(second.texts) == 1


def test_every_kind_of_letter_has_its_text(sms: SmsSink) -> None:
    sender = deliverer_of(sms)
    sender.send_code(code_letter())
    sender.send_no_account(code_letter())
    sender.send_new_sign_in(notice())
    sender.send_wrong_codes(notice())
    assert [text.kind for text in sms.sent_to(NUMBER)] == ["code", "no_account", "new_sign_in", "wrong_codes"]


def test_texts_and_what_they_cost_are_counted_and_refusals_too(
    phone_app: Flask, sms: SmsSink, outbox: MailSink
) -> None:
    """OPS-04."""
    before = {name: counted(phone_app, outbox, name) for name in ("handovers", "sms_parts")}
    ask(phone_app)
    sms.fault = "refuse"
    with pytest.raises(DeliveryFailed):
        ask(phone_app, "+905551112244")
    after = {name: counted(phone_app, outbox, name) for name in before}
    assert {name: after[name] - before[name] for name in before} == {"handovers": 2, "sms_parts": 1}


def test_the_log_names_the_gateways_place_and_nothing_of_the_text(
    phone_app: Flask, sms: SmsSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OPS-03."""
    # The present one remembers the level of the first portal of this process.
    monkeypatch.setattr(deliverer, "log", structlog.get_logger("delivery"))
    sms.fault = "refuse"
    with structlog.testing.capture_logs() as lines, pytest.raises(DeliveryFailed):
        ask(phone_app)
    told = [line for line in lines if line["event"] == "gateway_refused"]
    assert told == [{"event": "gateway_refused", "log_level": "warning", "gateway": 1, "reason": "status 422"}]
    assert "555111" not in repr(lines)
