"""Whoever floods an inbox keeps nobody out: beyond its limit all who ask share one long code (OTP-15, OTP-20)."""

from __future__ import annotations

import threading
from functools import partial

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome, wrong_code
from tests.flooding import ADA, HOUR, LIFE, LIMIT, LIMITED, REFUSED, codes, fill, lengths, networks
from tests.support.api import in_parallel
from tests.support.smtp import MailSink


@pytest.fixture
def app(clock: time_machine.Traveller, make_app: Made) -> Flask:
    """A portal that sends 3 letters an hour to one inbox."""
    made: Flask = make_app(sends_per_inbox_per_hour=LIMIT)
    return made


@pytest.fixture
def ada(app: Flask, api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller) -> str:
    """The address of Ada, who registered a while ago and has had no letter since."""
    api.register(ADA)
    clock.shift(HOUR)
    outbox.clear()
    return ADA


def shared_browsers(app: Flask, outbox: MailSink, many: int) -> list[BrowserDriver]:
    """Browsers that asked for Ada's code in a flood, and were all answered with the shared one."""
    browsers = [BrowserDriver(app, outbox, f"198.51.100.{host}") for host in range(many)]
    assert [browser.ask(ADA).location for browser in browsers] == ["/login/code"] * many
    assert all('data-code="20"' in browser.page for browser in browsers)
    return browsers


def test_beyond_the_limit_everybody_without_a_code_gets_the_same_long_one_in_one_letter(
    api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-20."""
    fill(api, ADA)
    callers = networks(api)
    for letters in (1, 2):
        answers = [next(callers).send(ADA) for _ in range(10)]
        assert {(answer.status_code, data_of(answer)["codeLength"]) for answer in answers} == {(201, 20)}
        assert lengths(outbox).count(20) == letters
        clock.shift(LIFE)
    assert len(outbox.messages) == LIMIT + 2
    assert len(set(codes(outbox))) == LIMIT + 2, "a code was given out again after its life"


def test_beyond_the_limit_a_caller_that_has_a_code_is_told_when_to_come_back(
    api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-20, API-03, API-04: it holds a code, so it needs no letter."""
    fill(api, ADA)
    clock.shift(100)
    answer = api.at("203.0.113.0").send(ADA)
    assert outcome(answer) == LIMITED
    assert answer.headers["Retry-After"] == str(LIFE - 100)
    assert answer.headers["RateLimit-Policy"] == f'"inbox-hour";q={LIMIT};w={HOUR}'
    assert answer.headers["RateLimit"] == f'"inbox-hour";r=0;t={LIFE - 100}'
    assert len(outbox.messages) == LIMIT
    clock.shift(LIFE - 100)
    assert data_of(api.at("203.0.113.0").send(ADA))["codeLength"] == 20


def test_a_caller_that_holds_the_shared_code_gets_no_second_letter_of_it(
    api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-20."""
    fill(api, ADA)
    caller = next(networks(api))
    caller.send(ADA)
    assert outcome(caller.send(ADA)) == (409, "resend_too_soon")
    clock.shift(30)
    assert outcome(caller.send(ADA)) == LIMITED
    assert len(outbox.messages) == LIMIT + 1


def test_whoever_uses_the_shared_code_first_ends_it_for_all(
    app: Flask, api: ApiDriver, ada: str, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-20, OTP-05: each of those who share it may be the first."""
    for first in range(3):
        fill(api, ada)
        browsers = shared_browsers(app, outbox, 3)
        code = codes(outbox)[-1]
        assert browsers[first].enter(code).location == "/account"
        late = [browser.enter(code).status_code for browser in browsers if browser is not browsers[first]]
        assert late == [401, 401]
        services_of(app).background.wait()
        clock.shift(HOUR)


def test_of_twenty_that_use_the_shared_code_at_once_one_gets_in(
    app: Flask, api: ApiDriver, ada: str, outbox: MailSink
) -> None:
    """OTP-20, OTP-05; contract, section 5."""
    fill(api, ada)
    callers = [caller for caller, _ in zip(networks(api), range(20), strict=False)]
    assert {data_of(caller.send(ada))["codeLength"] for caller in callers} == {20}
    code = codes(outbox)[-1]
    answers = in_parallel([partial(caller.login, ada, code) for caller in callers])
    seen = [outcome(answer) for answer in answers if isinstance(answer, TestResponse)]
    assert sorted(seen) == [(200, None)] + [REFUSED] * 19


def test_the_tries_at_the_shared_code_are_counted_for_each_who_asked(
    app: Flask, api: ApiDriver, ada: str, outbox: MailSink
) -> None:
    """OTP-15: nobody uses up the tries of others."""
    fill(api, ada)
    attacker, owner = shared_browsers(app, outbox, 2)
    code = codes(outbox)[-1]
    for step in range(1, 6):
        assert attacker.enter(wrong_code(code, step)).status_code == 401
    assert attacker.enter(code).status_code == 401
    assert owner.enter(code).location == "/account"


def test_wrong_guesses_at_the_shared_code_lengthen_no_other(
    api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-14: it is long enough that no ledger has to pay."""
    fill(api, ADA)
    for caller, _ in zip(networks(api), range(10), strict=False):
        caller.send(ADA)
        for step in range(1, 6):
            assert outcome(caller.login(ADA, wrong_code(codes(outbox)[LIMIT], step))) == REFUSED
    clock.shift(HOUR)
    assert data_of(api.send(ADA))["codeLength"] == 4


def test_a_used_shared_code_stays_used_and_the_next_who_asks_gets_a_new_one(
    app: Flask, api: ApiDriver, ada: str, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-05: whoever saw it typed could sign in with it for the rest of its ten minutes."""
    fill(api, ada)
    owner = shared_browsers(app, outbox, 1)[0]
    code = codes(outbox)[-1]
    assert owner.enter(code).location == "/account"
    services_of(app).background.wait()
    clock.shift(60)
    late = BrowserDriver(app, outbox, "198.51.100.99")
    late.ask(ada)
    assert late.enter(code).status_code == 401
    assert codes(outbox)[-1] not in ("", code)
    assert late.enter(codes(outbox)[-1]).location == "/account"


def test_a_letter_that_no_relay_takes_is_withdrawn_for_all_who_share_its_code(
    app: Flask, api: ApiDriver, ada: str, outbox: MailSink
) -> None:
    """OTP-20; contract, section 2: while the first waits for the relay, a second asks; then the relay refuses."""
    fill(api, ada)
    first, second = BrowserDriver(app, outbox, "198.51.100.1"), BrowserDriver(app, outbox, "198.51.100.2")
    before = outbox.connections
    outbox.fault = "slow_banner"
    answers: list[TestResponse] = []
    asking = threading.Thread(target=lambda: answers.append(first.ask(ada)))
    asking.start()
    while outbox.connections == before:
        asking.join(0.01)
        assert asking.is_alive()
    assert second.ask(ada).status_code == 303
    outbox.fault = "refuse_connection"
    outbox.drop_connections()
    asking.join()
    assert answers[0].status_code == 500
    outbox.fault = None
    assert lengths(outbox) == [4, 6, 6]
    for browser in (second, first):
        assert browser.ask(ada).status_code == 303
    assert lengths(outbox) == [4, 6, 6, 20], "one letter, for both"
    assert second.enter(codes(outbox)[-1]).location == "/account"


def test_a_full_network_is_refused_whatever_the_inbox(make_app: Made, outbox: MailSink) -> None:
    """OTP-19: only a full inbox shares a code; nobody can make one source send without end."""
    api = ApiDriver(make_app(sends_per_inbox_per_hour=2, sends_per_source_per_hour=3), outbox)
    api.at("203.0.113.1").send(ADA)
    api.at("203.0.113.2").send(ADA)
    spent = [api.send(f"x{number}@example.com").status_code for number in range(4)]
    assert spent == [201, 201, 201, 429]
    assert outcome(api.send(ADA)) == LIMITED
    assert data_of(api.at("203.0.113.3").send(ADA))["codeLength"] == 20


def test_a_flood_looks_the_same_for_known_and_unknown_addresses(
    api: ApiDriver, ada: str, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-21, OTP-22."""
    shown = []
    for email in (ada, "new@example.com"):
        answers = [*fill(api, email), *(api.send(email) for _ in range(2))]
        clock.shift(30)
        answers += [api.send(email), api.at("203.0.113.0").send(email)]
        answers += [api.login(email, "0" * 20), api.login(email, "0000")]
        shown.append([(outcome(answer), dict(answer.headers, **{"X-Request-Id": ""})) for answer in answers])
        clock.shift(-30)
    assert shown[0] == shown[1]
    assert [status for (status, _code), _headers in shown[0]] == [201] * 4 + [409, 429, 429, 401, 400]
    assert lengths(outbox) == lengths(outbox, "new@example.com")


def test_the_owner_signs_in_every_day_through_a_month_of_flood(
    app: Flask, api: ApiDriver, ada: str, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-15: 60 requests in the hour before, each from a network of its own, and guesses at short codes."""
    days = 30 if services_of(app).engine.dialect.name == "sqlite" else 7
    attackers = networks(api)
    for day in range(days):
        for _ in range(60):
            attacker = next(attackers)
            length = data_of(attacker.send(ada))["codeLength"]
            if length < 20:
                attacker.login(ada, "7" * length)
            clock.shift(60)
        newcomer = BrowserDriver(app, outbox, "198.51.100.1")
        newcomer.ask(ada)
        length = int(newcomer.page.partition('data-code="')[2].partition('"')[0])
        mine = next(code for code in reversed(codes(outbox)) if len(code) == length)
        assert newcomer.enter(mine).location == "/account", day
        services_of(app).background.wait()
        outbox.clear()
        clock.shift(23 * HOUR)
