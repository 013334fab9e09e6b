"""What text messages may cost: so many to a range of numbers, so many a day, whoever asks (OTP-19, ASVS 6.6.4)."""

from __future__ import annotations

from functools import partial

import pytest
import time_machine
from flask import Flask
from structlog.testing import CapturingLogger
from werkzeug.test import TestResponse

from auth_portal.settings import load_settings
from auth_portal.signin import limits, proof_of_work
from tests.conftest import Made, environment
from tests.drivers import ApiDriver, BrowserDriver, outcome
from tests.spending import ADA, HOUR, LIMITED, QUOTA, RANGE, elsewhere, ranges, strangers
from tests.support.api import in_parallel
from tests.support.outboxes import Outboxes
from tests.support.puzzles import proof_for
from tests.support.sms import SmsSink

__all__ = ["ranges"]
DAY = 86_400
A_DAY = 24
"""Text messages of the whole site in any 24 hours."""

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def site(make_app: Made, sms: SmsSink) -> Flask:
    """A portal that sends 24 text messages in any 24 hours."""
    made: Flask = make_app(sms_url=sms.setting, sms_per_site_per_day=A_DAY, resend_after=0)
    return made


@pytest.fixture
def alarms(monkeypatch: pytest.MonkeyPatch) -> CapturingLogger:
    """What is written into the log of the limits."""
    logger = CapturingLogger()
    monkeypatch.setattr(limits, "log", logger)
    return logger


def fill(app: Flask, outboxes: Outboxes) -> TestResponse:
    """Use a range up, each number once and each from elsewhere; the refusal of one more."""
    callers = strangers(app, outboxes)
    answers = [next(callers).send(f"{RANGE}{last:04}") for last in range(QUOTA)]
    assert [answer.status_code for answer in answers] == [201] * QUOTA
    refused = next(callers).send(f"{RANGE}9999")
    assert outcome(refused) == LIMITED
    return refused


def test_a_range_gets_its_quota_however_many_numbers_and_networks_there_are(
    ranges: Flask, outboxes: Outboxes
) -> None:
    """OTP-19: whoever has ten thousand numbers has each texted once."""
    fill(ranges, outboxes)
    assert len(outboxes.sms.texts) == QUOTA
    api = ApiDriver(ranges, outboxes)
    assert outcome(api.send(ADA)) == LIMITED
    assert api.send("+905551122233").status_code == 201, "the neighbouring range"
    assert api.send("ada@example.com").status_code == 201, "mail costs nothing"


def test_a_full_range_says_when_to_come_back(
    ranges: Flask, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """API-03, API-04."""
    refused = fill(ranges, outboxes)
    wait = HOUR // QUOTA
    assert refused.json["errors"] == ["Too many requests"]
    assert refused.headers["Retry-After"] == str(wait)
    assert refused.headers["RateLimit-Policy"] == f'"sms-range-hour";q={QUOTA};w={HOUR}'
    api = ApiDriver(ranges, outboxes)
    clock.shift(wait - 1)
    assert outcome(api.send(ADA)) == LIMITED
    clock.shift(1)
    assert api.send(ADA).status_code == 201


def test_in_no_24_hours_more_leaves_than_the_ceiling(
    site: Flask, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """OTP-19: somebody who asks all the time gets nearly all of it, and never more; a quarter of it at once."""
    callers, numbers, sent = strangers(site, outboxes), elsewhere(), []
    for minute in range(0, 36 * 60, 20):
        while next(callers).send(next(numbers)).status_code == 201:
            sent.append(minute)
        clock.shift(20 * 60)
    assert sent.count(0) == A_DAY // 4
    most = max(sum(start <= minute < start + 24 * 60 for minute in sent) for start in sent)
    assert A_DAY - 1 <= most <= A_DAY
    assert len(outboxes.sms.texts) == len(sent)


@pytest.mark.parametrize("a_day", [1, 2, 3, 5, 7, 11])
def test_a_ceiling_that_is_no_multiple_of_four_holds_too(
    make_app: Made, outboxes: Outboxes, clock: time_machine.Traveller, a_day: int
) -> None:
    """OTP-19."""
    app = make_app(sms_url=outboxes.sms.setting, sms_per_site_per_day=a_day, resend_after=0)
    callers, numbers, sent = strangers(app, outboxes), elsewhere(), []
    for minute in range(0, 36 * 60, 30):
        while next(callers).send(next(numbers)).status_code == 201:
            sent.append(minute)
        clock.shift(30 * 60)
    most = max(sum(start <= minute < start + 24 * 60 for minute in sent) for start in sent)
    assert max(1, a_day - 1) <= most <= a_day


def test_a_site_at_its_ceiling_still_sends_mail_and_says_when_it_texts_again(
    site: Flask, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    api, numbers = ApiDriver(site, outboxes), elsewhere()
    assert [api.send(next(numbers)).status_code for _ in range(7)] == [201] * 6 + [429]
    refused = api.send(ADA)
    assert refused.headers["Retry-After"] == str(DAY // 3 // 6)
    assert refused.headers["RateLimit-Policy"] == f'"sms-site-day";q=6;w={DAY // 3}'
    assert api.send("ada@example.com").status_code == 201
    clock.shift(DAY // 3 // 6)
    assert [api.send(ADA).status_code for _ in range(2)] == [201, 429]


@pytest.mark.parametrize("limit", ["sms_per_range_per_hour", "sms_per_site_per_day"])
def test_nobody_is_exempt(make_app: Made, limit: str, outboxes: Outboxes, clock: time_machine.Traveller) -> None:
    """OTP-19: what is paid does not depend on who asks; people are shown the way by mail (OTP-32)."""
    most = {"sms_per_range_per_hour": QUOTA, "sms_per_site_per_day": QUOTA * 4}[limit]
    app = make_app(sms_url=outboxes.sms.setting, resend_after=0, **{limit: most})
    member = BrowserDriver(app, outboxes)
    member.register(ADA)
    member.post("/logout", {})
    clock.shift(DAY)
    fill(app, outboxes)
    answer = member.ask(ADA)
    assert answer.status_code == 429
    assert member.error("phone").startswith("No text message can be sent right now. You can try again in")
    assert member.value("phone") == ADA
    assert 'href="/login?by=email"' in member.page
    assert int(answer.headers["Retry-After"]) > 0
    assert outcome(ApiDriver(app, outboxes).send(ADA)) == LIMITED


def test_what_a_known_device_has_texted_counts_for_all(
    ranges: Flask, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """OTP-19, OTP-17: its buckets are its own, but not this one."""
    member = BrowserDriver(ranges, outboxes)
    member.register(ADA)
    member.post("/logout", {})
    clock.shift(HOUR)
    assert [member.ask(ADA).status_code for _ in range(QUOTA)] == [303] * QUOTA
    assert outcome(ApiDriver(ranges, outboxes, "198.51.100.9").send(f"{RANGE}0000")) == LIMITED


def test_no_proof_of_work_passes_a_cost(make_app: Made, outboxes: Outboxes, monkeypatch: pytest.MonkeyPatch) -> None:
    """OTP-40 is about requests. A proof costs its maker less than a text message costs us."""
    monkeypatch.setattr(proof_of_work, "MAX_TRIES", 5)
    app = make_app(
        sms_url=outboxes.sms.setting, sms_per_range_per_hour=QUOTA, sends_per_source_per_hour=1, resend_after=0
    )
    browser = BrowserDriver(app, outboxes)
    ApiDriver(app, outboxes).send("bob@example.com")
    assert browser.ask(ADA).status_code == 429
    assert browser.hidden("phone") == ADA
    proof = proof_for(browser.page)
    fill(app, outboxes)
    assert browser.post("/login", {"phone": ADA, "proof": proof}).status_code == 429
    assert "data-puzzle" not in browser.page
    assert 'href="/login?by=email"' in browser.page
    assert outboxes.sent_to(ADA) == []


def test_a_proof_passes_a_full_network_on_the_way_to_a_phone(
    make_app: Made, outboxes: Outboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OTP-40."""
    monkeypatch.setattr(proof_of_work, "MAX_TRIES", 5)
    app = make_app(sms_url=outboxes.sms.setting, sms_per_range_per_hour=QUOTA, sends_per_source_per_hour=1)
    browser = BrowserDriver(app, outboxes)
    ApiDriver(app, outboxes).send("bob@example.com")
    assert browser.ask(ADA).status_code == 429
    answer = browser.post("/login", {"phone": browser.hidden("phone") or "", "proof": proof_for(browser.page)})
    assert answer.location == "/login/code"
    browser.follow(answer)
    assert browser.enter(browser.code_sent_to(ADA)).location == "/register"


def test_full_limits_look_the_same_for_known_and_unknown_numbers(
    ranges: Flask, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """OTP-22."""
    ApiDriver(ranges, outboxes).register(ADA)
    clock.shift(HOUR)
    fill(ranges, outboxes)
    shown = []
    for number in (ADA, f"{RANGE}7777"):
        answer = ApiDriver(ranges, outboxes).send(number)
        shown.append((answer.status_code, answer.json, dict(answer.headers, **{"X-Request-Id": ""})))
    assert shown[0] == shown[1]


def test_of_many_at_once_a_range_and_the_site_take_their_quotas(make_app: Made, outboxes: Outboxes) -> None:
    """OTP-19: no deadlock, no overshoot, though all of them fill the same two buckets."""
    app = make_app(sms_url=outboxes.sms.setting, sms_per_range_per_hour=QUOTA, sms_per_site_per_day=20)
    numbers = [f"{RANGE}{last:04}" for last in range(10)]
    others = [number for number, _ in zip(elsewhere(), range(10), strict=False)]
    callers = strangers(app, outboxes)
    answers = in_parallel([partial(next(callers).send, number) for number in [*numbers, *others]])
    seen = [answer.status_code for answer in answers if isinstance(answer, TestResponse)]
    assert len(seen) == 20
    assert seen.count(201) == 5
    assert seen[:10].count(201) <= QUOTA
    assert len(outboxes.sms.texts) == 5


@pytest.mark.parametrize(("env", "expected"), [("production", (20, 1_000)), ("development", (0, 0))])
def test_the_defaults_are_for_production(env: str, expected: tuple[int, int]) -> None:
    """Contract, section 1, as for the other limits; no other limit has to be on for these."""
    unset = {"sms_per_range_per_hour": None, "sms_per_site_per_day": None}
    settings = load_settings(environment("sqlite:////tmp/x.db", "smtp://127.0.0.1:1", env=env, **unset))
    assert (settings.sms_per_range_per_hour, settings.sms_per_site_per_day) == expected


def test_zero_is_no_limit(make_app: Made, outboxes: Outboxes) -> None:
    app = make_app(sms_url=outboxes.sms.setting)
    callers = strangers(app, outboxes)
    assert {next(callers).send(f"{RANGE}{last:04}").status_code for last in range(30)} == {201}


def test_reached_limits_are_in_the_log_once_a_minute_and_without_a_number(
    make_app: Made, outboxes: Outboxes, alarms: CapturingLogger, clock: time_machine.Traveller
) -> None:
    """OPS-04, OPS-03."""
    app = make_app(sms_url=outboxes.sms.setting, sms_per_range_per_hour=2, sms_per_site_per_day=12, resend_after=0)
    api = ApiDriver(app, outboxes)
    for _ in range(4):
        api.send(ADA)
    in_range = ("warning", ("sms_range_limit_reached",), {"quota": 2, "window": HOUR})
    assert alarms.calls == [in_range]
    for number, _ in zip(elsewhere(), range(3), strict=False):
        api.send(number)
    on_site = ("warning", ("sms_limit_reached",), {"quota": 12, "window": DAY})
    assert alarms.calls == [in_range, on_site]
    clock.shift(60)
    api.send(ADA)
    assert alarms.calls[2:] in ([in_range, on_site], [on_site, in_range])
