"""Send limits: how many letters an inbox and a source network get, what a refusal says, and who counts as one."""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from auth_portal.signin.callers import source_network
from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, data_of, outcome
from tests.support.smtp import MailSink

ADA = "ada@example.com"
LIMITED = (429, "too_many_requests")
HOUR = 3_600


@pytest.fixture
def inbox(clock: time_machine.Traveller, make_app: Made, outbox: MailSink) -> ApiDriver:
    """A caller of a portal that allows 3 letters an hour to one inbox."""
    return ApiDriver(make_app(sends_per_inbox_per_hour=3, resend_after=0), outbox)


@pytest.fixture
def source(clock: time_machine.Traveller, make_app: Made, outbox: MailSink) -> ApiDriver:
    """A caller of a portal that allows 3 letters an hour from one source network."""
    return ApiDriver(make_app(sends_per_source_per_hour=3, resend_after=0), outbox)


def send(api: ApiDriver, times: int, email: str = ADA) -> list[int]:
    """Ask for this many codes; the statuses."""
    return [api.send(email).status_code for _ in range(times)]


def refused(api: ApiDriver, email: str = ADA) -> TestResponse:
    """The refusal of one more code."""
    answer = api.send(email)
    assert outcome(answer) == LIMITED
    return answer


def test_an_inbox_gets_its_quota_and_no_letter_more(inbox: ApiDriver, outbox: MailSink) -> None:
    """OTP-19."""
    assert send(inbox, 5) == [201, 201, 201, 429, 429]
    assert len(outbox.messages) == 3


def test_a_refusal_says_when_to_come_back_and_which_limit_it_was(inbox: ApiDriver) -> None:
    """API-03, API-04."""
    send(inbox, 3)
    answer = refused(inbox)
    assert answer.json["errors"] == ["Too many requests"]
    assert answer.headers["RateLimit-Policy"] == f'"inbox-hour";q=3;w={HOUR}'
    # Once the code that this caller holds is over, it gets the long one that all share.
    assert answer.headers["Retry-After"] == "600"
    assert answer.headers["RateLimit"] == '"inbox-hour";r=0;t=600'


def test_the_announced_wait_is_neither_too_short_nor_too_long(
    source: ApiDriver, clock: time_machine.Traveller
) -> None:
    send(source, 3)
    wait = int(refused(source).headers["Retry-After"])
    assert wait == HOUR // 3
    clock.shift(wait - 1)
    assert refused(source).headers["Retry-After"] == "1"
    clock.shift(1)
    assert send(source, 2) == [201, 429]


def test_a_full_window_gives_the_whole_quota_back(inbox: ApiDriver, clock: time_machine.Traveller) -> None:
    send(inbox, 4)
    clock.shift(HOUR)
    assert send(inbox, 4) == [201, 201, 201, 429]


def test_refused_requests_make_nobody_wait_longer(inbox: ApiDriver, clock: time_machine.Traveller) -> None:
    """OTP-15: hammering a full bucket cannot keep it full."""
    send(inbox, 50)
    clock.shift(HOUR // 3)
    assert send(inbox, 1) == [201]


def test_an_inbox_is_one_however_its_address_is_written_and_wherever_from(inbox: ApiDriver) -> None:
    spellings = ["ada@münchen.de", "ADA@MÜNCHEN.DE", "ada@xn--mnchen-3ya.de", "Ada@München.de"]
    callers = [inbox.at(f"203.0.113.{host}") for host in range(4)]
    answers = [caller.send(email) for caller, email in zip(callers, spellings, strict=True)]
    assert [data_of(answer)["codeLength"] for answer in answers] == [4, 6, 6, 20]


def test_one_full_inbox_leaves_others_alone(inbox: ApiDriver) -> None:
    send(inbox, 4)
    assert send(inbox, 1, "bob@example.com") == [201]


def test_a_full_inbox_says_the_same_for_known_and_unknown_addresses(
    inbox: ApiDriver, clock: time_machine.Traveller
) -> None:
    """OTP-22."""
    inbox.register("known@example.com")
    clock.shift(HOUR)
    shown = []
    for email in ("known@example.com", "unknown@example.com"):
        assert send(inbox, 3, email) == [201, 201, 201]
        answer = refused(inbox, email)
        headers = {name: value for name, value in answer.headers.items() if name != "X-Request-Id"}
        shown.append((answer.json, headers))
    assert shown[0] == shown[1]


def test_a_full_inbox_lets_issued_codes_work(inbox: ApiDriver) -> None:
    send(inbox, 4)
    assert inbox.login(ADA, inbox.code_sent_to(ADA)).status_code == 200


def test_of_two_full_limits_the_longer_wait_is_told_and_is_enough(
    clock: time_machine.Traveller, make_app: Made, outbox: MailSink
) -> None:
    """API-03: of a full inbox it is the time that the caller's code still lives; then it shares the long one."""
    api = ApiDriver(make_app(sends_per_source_per_hour=2, sends_per_inbox_per_day=2, resend_after=0), outbox)
    send(api, 2)
    answer = refused(api)
    assert answer.headers["Retry-After"] == str(HOUR // 2)
    assert answer.headers["RateLimit-Policy"] == f'"source-hour";q=2;w={HOUR}'
    clock.shift(HOUR // 2 - 1)
    refused(api)
    clock.shift(1)
    assert data_of(api.send(ADA))["codeLength"] == 20
    answer = refused(api)
    assert answer.headers["Retry-After"] == str(HOUR // 2)
    api.at("203.0.113.9").send(ADA)
    assert refused(api.at("203.0.113.9")).headers["Retry-After"] == "600"


def test_a_refusal_by_one_limit_spends_nothing_of_another(
    clock: time_machine.Traveller, make_app: Made, outbox: MailSink
) -> None:
    app = make_app(sends_per_inbox_per_hour=1, sends_per_source_per_hour=2, resend_after=0)
    api = ApiDriver(app, outbox)
    assert send(api, 5) == [201, 429, 429, 429, 429]
    assert send(api, 1, "bob@example.com") == [201]


def test_a_letter_that_no_relay_took_is_not_counted(inbox: ApiDriver, outbox: MailSink) -> None:
    outbox.fault = "reject_5xx"
    assert send(inbox, 5) == [500] * 5
    outbox.fault = None
    assert send(inbox, 4) == [201, 201, 201, 429]


def test_a_refund_never_fills_a_bucket_beyond_its_quota(
    inbox: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """Failures of a past hour are no credit for this one."""
    send(inbox, 3)
    clock.shift(HOUR)
    outbox.fault = "reject_5xx"
    send(inbox, 3)
    outbox.fault = None
    assert send(inbox, 4) == [201, 201, 201, 429]


def test_asking_too_soon_spends_nothing(clock: time_machine.Traveller, make_app: Made, outbox: MailSink) -> None:
    api = ApiDriver(make_app(sends_per_inbox_per_hour=2), outbox)
    assert send(api, 5) == [201, 409, 409, 409, 409]
    clock.shift(30)
    assert send(api, 1) == [201]


def test_a_refused_request_opens_no_challenge_and_keeps_the_older_one(
    clock: time_machine.Traveller, make_app: Made, outbox: MailSink
) -> None:
    api = ApiDriver(make_app(sends_per_inbox_per_hour=1), outbox)
    api.send(ADA)
    clock.shift(31)
    refused(api)
    clock.shift(1)
    assert outcome(api.send(ADA)) == LIMITED
    assert api.login(ADA, api.code_sent_to(ADA)).status_code == 200


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("203.0.113.9", "203.0.113.10", False),
        ("203.0.113.9", "::ffff:203.0.113.9", True),
        ("2001:db8:1:200::1", "2001:db8:1:2ff::1", True),
        ("2001:db8:1:200::1", "2001:db8:1:300::1", False),
    ],
)
def test_a_source_is_an_ipv4_address_or_an_ipv6_56(source: ApiDriver, first: str, second: str, is_one: bool) -> None:
    """OTP-19; a mapped address is no second source."""
    for number in range(3):
        assert send(source.at(first), 1, f"a{number}@example.com") == [201]
    assert send(source.at(second), 1, "b@example.com") == [429 if is_one else 201]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2ff::1", "2001:db8:1:200::/56"),
        ("2001:DB8:0:0::2", "2001:db8::/56"),
        ("fe80::1%eth0", "fe80::/56"),
        (None, "unknown"),
        ("", "unknown"),
        ("unix:", "unknown"),
        ("203.0.113.9:80", "unknown"),
        ("x" * 10_000, "unknown"),
    ],
)
def test_an_address_names_its_network(address: str | None, network: str) -> None:
    assert source_network(address) == network


@pytest.mark.parametrize(("proxies", "statuses"), [(0, [201, 201, 201, 429]), (1, [201, 201, 201, 201])])
def test_a_forwarded_address_counts_only_behind_a_trusted_proxy(
    make_app: Made, outbox: MailSink, proxies: int, statuses: list[int]
) -> None:
    """SES-22."""
    api = ApiDriver(make_app(sends_per_source_per_hour=3, trusted_proxies=proxies), outbox)
    seen = [
        api.post(
            "send-otp-email", {"email": f"a{number}@example.com"}, X_Forwarded_For=f"203.0.113.{number}"
        ).status_code
        for number in range(4)
    ]
    assert seen == statuses


def test_a_caller_behind_a_trusted_proxy_cannot_choose_its_address(make_app: Made, outbox: MailSink) -> None:
    """SES-22: only what the proxy itself appended counts."""
    api = ApiDriver(make_app(sends_per_source_per_hour=3, trusted_proxies=1), outbox)
    seen = [
        api.post(
            "send-otp-email", {"email": f"a{number}@example.com"}, X_Forwarded_For=f"198.51.100.{number}, 203.0.113.9"
        ).status_code
        for number in range(4)
    ]
    assert seen == [201, 201, 201, 429]


def test_zero_is_no_limit(app: Flask, api: ApiDriver) -> None:
    assert all(api.at(f"203.0.113.{host}").send(ADA).status_code == 201 for host in range(30))


def test_no_address_is_stored_with_a_limit(make_app: Made, outbox: MailSink) -> None:
    """OTP-22, PRIV-06: the keys tell nothing without the server's secret, which changes every one of them."""
    for secret in ("one secret of the tests" * 2, "two secrets of the tests" * 2):
        app = make_app(sends_per_inbox_per_hour=3, sends_per_source_per_hour=3, resend_after=0, secret_key=secret)
        ApiDriver(app, outbox, "203.0.113.9").send(ADA)
    with services_of(app).engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM send_limit")).all()
    assert len(rows) == 8  # inbox, source, site and the ledger's lock, for each secret
    assert ADA not in str(rows)
    assert "203.0.113" not in str(rows)
