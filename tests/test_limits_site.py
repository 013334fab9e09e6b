"""The limit of the whole site: how many codes unknown devices get, kept in sixteen parts (OTP-19)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text
from structlog.testing import CapturingLogger
from werkzeug.test import TestResponse

from auth_portal.db import utcnow
from auth_portal.settings import load_settings
from auth_portal.signin import limits, proof_of_work
from auth_portal.signin.addresses import parse_email
from auth_portal.signin.buckets import Bucket, milliseconds
from auth_portal.signin.limits import SITE_PARTS
from tests.conftest import Made, environment, services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome
from tests.support.api import in_parallel
from tests.support.puzzles import proof_for
from tests.support.smtp import MailSink

ADA = "ada@example.com"
HOUR = 3_600
LIMITED = (429, "too_many_requests")
EACH = 2
"""Codes of each part of the sites below."""
SITE = {"sends_per_site_per_hour": EACH * SITE_PARTS, "sends_per_source_per_hour": 1_000, "resend_after": 0}

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def app(make_app: Made) -> Flask:
    """A portal that sends 32 codes an hour to unknown devices."""
    made: Flask = make_app(**SITE)
    return made


@pytest.fixture
def alarms(monkeypatch: pytest.MonkeyPatch) -> CapturingLogger:
    """What is written into the log of the limits."""
    logger = CapturingLogger()
    monkeypatch.setattr(limits, "log", logger)
    return logger


def part_of(app: Flask, email: str) -> Bucket:
    """The part of the site's limit that an address is in."""
    buckets = services_of(app).limits.buckets(parse_email(email), "192.0.2.1")
    return next(bucket for bucket in buckets if bucket.is_site)


def beside(app: Flask, email: str = ADA) -> Iterator[str]:
    """Other addresses in the same part."""
    names = (f"person{number}@example.com" for number in range(10_000))
    return (name for name in names if part_of(app, name) == part_of(app, email))


def fill(app: Flask, outbox: MailSink, email: str = ADA) -> TestResponse:
    """Use up the part that an address is in, by others; the refusal of one more."""
    api, others = ApiDriver(app, outbox, "198.51.100.1"), beside(app, email)
    assert [api.send(next(others)).status_code for _ in range(EACH)] == [201] * EACH
    answer = api.send(next(others))
    assert outcome(answer) == LIMITED
    outbox.clear()
    return answer


def levels(app: Flask) -> list[float]:
    """How many sends are in each part that has any."""
    select = text("SELECT spent_until FROM send_limit WHERE kind = 'site-hour' AND spent_until > :now ORDER BY key")
    now = milliseconds(utcnow())
    with services_of(app).engine.connect() as connection:
        return [(until - now) / (HOUR * 1000 / EACH) for (until,) in connection.execute(select, {"now": now})]


def test_the_site_sends_about_its_quota_and_never_more(app: Flask, outbox: MailSink) -> None:
    """OTP-19: from as many networks as anybody has, to as many addresses."""
    api = ApiDriver(app, outbox)
    statuses = [api.at(f"10.0.0.{host}").send(f"person{host}@example.com").status_code for host in range(120)]
    assert set(statuses) == {201, 429}
    assert EACH * SITE_PARTS * 0.8 <= statuses.count(201) <= EACH * SITE_PARTS
    assert len(outbox.messages) == statuses.count(201)
    assert len(levels(app)) == SITE_PARTS


def test_a_full_site_says_when_to_come_back(app: Flask, outbox: MailSink, clock: time_machine.Traveller) -> None:
    """API-03, API-04."""
    answer = fill(app, outbox)
    assert answer.headers["Retry-After"] == str(HOUR // EACH)
    assert answer.headers["RateLimit-Policy"] == f'"site-hour";q={EACH};w={HOUR}'
    assert answer.headers["RateLimit"] == f'"site-hour";r=0;t={HOUR // EACH}'
    api = ApiDriver(app, outbox)
    clock.shift(HOUR // EACH - 1)
    assert outcome(api.send(ADA)) == LIMITED
    clock.shift(1)
    assert api.send(ADA).status_code == 201


@pytest.mark.parametrize(
    ("overrides", "is_limited"),
    [
        ({}, True),
        ({"sends_per_site_per_hour": 0}, False),
        ({"sends_per_source_per_hour": 0}, False),
    ],
    ids=["on", "zero", "without_a_source_limit"],
)
def test_the_site_has_no_limit_where_a_source_has_none(
    make_app: Made, outbox: MailSink, overrides: dict[str, int], is_limited: bool
) -> None:
    """Whoever measures without the limits of the contract measures without this one; one row less is written."""
    app = make_app(**{**SITE, "sends_per_site_per_hour": 1, **overrides})
    api = ApiDriver(app, outbox)
    statuses = [api.send(ADA).status_code for _ in range(5)]
    assert statuses == ([201, 429, 429, 429, 429] if is_limited else [201] * 5)
    assert bool(levels(app)) is is_limited


@pytest.mark.parametrize(("env", "quota"), [("production", 10_000), ("development", 0)])
def test_the_default_is_for_production(env: str, quota: int) -> None:
    """Contract, section 1, as for the other limits."""
    settings = load_settings(environment("sqlite:////tmp/x.db", "smtp://127.0.0.1:1", env=env))
    assert settings.sends_per_site_per_hour == quota


def test_an_address_is_always_in_the_same_part_and_nobody_can_tell_which(app: Flask, make_app: Made) -> None:
    """OTP-22: all parts are used, and the secret decides."""
    emails = [f"person{number}@example.com" for number in range(200)]
    parts = [part_of(app, email) for email in emails]
    assert [part_of(app, email.upper()) for email in emails] == parts
    assert len({part.key for part in parts}) == SITE_PARTS
    other = make_app(**SITE, secret_key="another secret of the tests that is long enough")
    assert not {part.key for part in parts} & {part_of(other, email).key for email in emails}


@pytest.mark.parametrize("quota", [1, 15, 16, 17, 10_000])
def test_each_part_has_a_sixteenth_rounded_up(make_app: Made, quota: int) -> None:
    app = make_app(**SITE | {"sends_per_site_per_hour": quota})
    assert part_of(app, ADA).quota == -(-quota // 16)


def test_one_full_part_leaves_the_others_alone(app: Flask, outbox: MailSink) -> None:
    fill(app, outbox)
    api = ApiDriver(app, outbox)
    assert outcome(api.send(ADA)) == LIMITED
    names = (f"other{number}@example.com" for number in range(99))
    assert api.send(next(name for name in names if part_of(app, name) != part_of(app, ADA))).status_code == 201


def test_a_known_browser_gets_its_code_and_fills_nothing(
    app: Flask, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-17."""
    member = BrowserDriver(app, outbox)
    member.register(ADA)
    member.post("/logout", {})
    clock.shift(HOUR)
    fill(app, outbox)
    before = levels(app)
    for _ in range(EACH * 3):
        assert member.ask(ADA).location == "/login/code"
    assert levels(app) == before
    assert member.enter(member.code_sent_to(ADA)).location == "/account"
    assert BrowserDriver(app, outbox).ask(ADA).status_code == 429


def test_a_flooded_inbox_does_not_close_the_site_to_others(make_app: Made, outbox: MailSink) -> None:
    """OTP-15: what brings no letter counts for nobody else."""
    app = make_app(**SITE | {"sends_per_site_per_hour": 3 * SITE_PARTS}, sends_per_inbox_per_hour=1)
    api = ApiDriver(app, outbox)
    answers = [api.at(f"10.0.0.{host}").send(ADA) for host in range(30)]
    assert [data_of(answer)["codeLength"] for answer in answers] == [4] + [20] * 29
    assert len(outbox.messages) == 2
    other, late = (name for name, _ in zip(beside(app), range(2), strict=False))
    assert api.send(other).status_code == 201, "the part held more than the two letters"
    assert outcome(api.send(late)) == LIMITED


def test_a_letter_that_no_relay_takes_is_not_counted(app: Flask, outbox: MailSink) -> None:
    api = ApiDriver(app, outbox)
    outbox.fault = "reject_5xx"
    assert [api.send(ADA).status_code for _ in range(5)] == [500] * 5
    outbox.fault = None
    assert [api.send(ADA).status_code for _ in range(3)] == [201, 201, 429]


def test_of_many_at_once_each_part_takes_its_quota(app: Flask, outbox: MailSink) -> None:
    """OTP-19: no deadlock, no overshoot."""
    others = beside(app)
    emails = [next(others) for _ in range(12)] + [f"x{number}@example.com" for number in range(12)]
    api = ApiDriver(app, outbox)
    answers = in_parallel([partial(api.at(f"10.0.0.{at}").send, email) for at, email in enumerate(emails)])
    seen = {email: answer.status_code for email, answer in zip(emails, answers, strict=True)}
    assert set(seen.values()) <= {201, 429}
    assert [seen[email] for email in seen if part_of(app, email) == part_of(app, ADA)].count(201) == EACH
    assert sum(levels(app)) == list(seen.values()).count(201)


@pytest.mark.parametrize(
    ("language", "cause"), [("en", "Very many codes are being asked for"), ("tr", "Şu anda çok fazla kod isteniyor.")]
)
def test_the_page_tells_that_it_is_not_the_network_and_takes_a_proof(
    app: Flask, outbox: MailSink, language: str, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OTP-40."""
    monkeypatch.setattr(proof_of_work, "MAX_TRIES", 5)
    fill(app, outbox)
    browser = BrowserDriver(app, outbox, language=language)
    assert browser.ask(ADA).status_code == 429
    assert cause in browser.page
    before = levels(app)
    assert browser.post("/login", {"email": ADA, "proof": proof_for(browser.page)}).location == "/login/code"
    assert levels(app) == before, "a part was filled beyond its quota"


def test_a_site_that_is_full_says_so_in_the_log_once_a_minute(
    app: Flask, outbox: MailSink, alarms: CapturingLogger, clock: time_machine.Traveller
) -> None:
    """OPS-04, OPS-03: without anybody's address."""
    api = ApiDriver(app, outbox)
    api.send(ADA)
    api.send(ADA)
    assert alarms.calls == []
    for _ in range(3):
        api.send(ADA)
    line = ("warning", ("site_limit_reached",), {"quota": EACH * SITE_PARTS, "window": HOUR})
    assert alarms.calls == [line]
    clock.shift(59)
    api.send(ADA)
    assert alarms.calls == [line]
    clock.shift(1)
    api.send(ADA)
    assert alarms.calls == [line] * 2
