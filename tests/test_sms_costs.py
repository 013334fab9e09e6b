"""What counts as a text message: what a gateway took or may have taken, notices too; no refusal (OTP-19)."""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask

from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome
from tests.spending import ADA, HOUR, LIMITED, QUOTA, RANGE, elsewhere, ranges, strangers
from tests.support.outboxes import Outboxes

__all__ = ["ranges"]
pytestmark = pytest.mark.usefixtures("clock")


@pytest.mark.parametrize("fault", ["refuse", "broken"])
def test_a_text_that_no_gateway_takes_costs_nothing(ranges: Flask, outboxes: Outboxes, fault: str) -> None:
    """Contract, section 2: the challenge is withdrawn, so a retry is possible at once."""
    api = ApiDriver(ranges, outboxes)
    outboxes.sms.fault = fault  # type: ignore[assignment]
    failed = [api.send(ADA) for _ in range(QUOTA + 1)]
    assert {(*outcome(answer), answer.json["errors"][0]) for answer in failed} == {
        (500, "delivery_failed", "SMS gönderilirken hata oluştu")
    }
    outboxes.sms.fault = None
    assert [api.send(ADA).status_code for _ in range(QUOTA + 1)] == [201] * QUOTA + [429]
    assert api.login(ADA, api.code_sent_to(ADA)).status_code == 200


def test_a_text_that_a_gateway_may_have_taken_counts_as_one_that_it_took(
    make_app: Made, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """OTP-19: a gateway that is too slow to answer would send, and we would pay for, as many as somebody asks for."""
    app = make_app(sms_url=outboxes.sms.setting, sms_per_range_per_hour=QUOTA, sends_per_inbox_per_hour=QUOTA)
    api = ApiDriver(app, outboxes)
    outboxes.sms.fault = "hang_up"
    failed = [outcome(api.send(ADA)) for _ in range(QUOTA + 1)]
    assert failed == [(500, "delivery_failed")] * QUOTA + [LIMITED]
    outboxes.sms.fault = None
    clock.shift(HOUR // QUOTA)
    answers = [outcome(api.send(ADA)) for _ in range(2)]
    assert answers == [(201, None), (409, "resend_too_soon")], "what was withdrawn is no letter to its inbox"
    assert api.login(ADA, api.code_sent_to(ADA)).status_code == 200


def test_a_flooded_number_costs_what_is_sent_and_keeps_nobody_out(
    make_app: Made, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """OTP-20, OTP-15: beyond its limit all who ask share one long code, in one text."""
    app = make_app(sms_url=outboxes.sms.setting, sends_per_inbox_per_hour=2, sms_per_range_per_hour=4)
    answers = [caller.send(ADA) for caller, _ in zip(strangers(app, outboxes), range(30), strict=False)]
    assert [data_of(answer)["codeLength"] for answer in answers] == [4, 6] + [20] * 28
    assert len(outboxes.sms.texts) == 3
    neighbour = ApiDriver(app, outboxes)
    assert neighbour.send(f"{RANGE}0001").status_code == 201, "the flood filled what it did not send"
    assert outcome(neighbour.send(f"{RANGE}0002")) == LIMITED
    owner = BrowserDriver(app, outboxes, "198.51.100.1")
    clock.shift(HOUR // 4)
    assert owner.ask(ADA).status_code == 303
    assert owner.enter(owner.code_sent_to(ADA)).location == "/register"


def test_a_refusal_spends_nothing_of_other_limits(make_app: Made, outboxes: Outboxes) -> None:
    app = make_app(sms_url=outboxes.sms.setting, sms_per_range_per_hour=1, sms_per_site_per_day=16, resend_after=0)
    api = ApiDriver(app, outboxes)
    assert [api.send(ADA).status_code for _ in range(9)] == [201] + [429] * 8
    assert [api.send(number).status_code for number, _ in zip(elsewhere(), range(4), strict=False)] == [201] * 3 + [
        429
    ]


def test_numbers_that_are_not_served_are_refused_alike_and_spend_nothing(make_app: Made, outboxes: Outboxes) -> None:
    """OTP-19, OTP-21: known from before the operator said so, or not."""
    wide = make_app(sms_url=outboxes.sms.setting, sms_destinations="TR,DE")
    ApiDriver(wide, outboxes).register("+4915112345678")
    outboxes.clear()
    narrow = ApiDriver(
        make_app(sms_url=outboxes.sms.setting, sms_per_site_per_day=4, resend_after=0), outboxes, "203.0.113.9"
    )
    shown = [narrow.send(number) for number in ("+4915112345678", "+4915112345679") for _ in range(3)]
    assert {outcome(answer) for answer in shown} == {(400, "validation_failed")}
    assert {answer.json["errors"][1] for answer in shown} == {
        "phoneNumber: is a number to which we send no text messages"
    }
    assert outboxes.sms.texts == []
    assert narrow.send(ADA).status_code == 201


@pytest.mark.parametrize(("a_day", "kinds"), [(8, ["code", "code"]), (12, ["code", "code", "new_sign_in"])])
def test_notices_count_and_are_left_out_beyond_the_ceiling(
    make_app: Made, outboxes: Outboxes, clock: time_machine.Traveller, a_day: int, kinds: list[str]
) -> None:
    """OTP-19, OTP-30: two or three texts at once; a code that was paid for is worth more than a notice."""
    app = make_app(sms_url=outboxes.sms.setting, sms_per_site_per_day=a_day, resend_after=0)
    BrowserDriver(app, outboxes).register(ADA)
    clock.shift(1)
    assert BrowserDriver(app, outboxes, "198.51.100.9").prove(ADA).location == "/account"
    services_of(app).background.wait()
    assert [text.kind for text in outboxes.sms.sent_to(ADA)] == kinds
    assert outcome(ApiDriver(app, outboxes).send(ADA)) == LIMITED
