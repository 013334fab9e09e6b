"""How tests spend text messages: a portal that limits them by range, and callers and numbers that share nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.conftest import Made
from tests.drivers import ApiDriver
from tests.support.outboxes import Outboxes
from tests.support.sms import SmsSink

HOUR = 3_600
RANGE = "+90555111"
ADA = f"{RANGE}2233"
LIMITED = (429, "too_many_requests")
QUOTA = 3
"""Text messages an hour to a range."""


@pytest.fixture
def ranges(make_app: Made, sms: SmsSink) -> Flask:
    """A portal that texts 3 numbers of a range an hour."""
    made: Flask = make_app(sms_url=sms.setting, sms_per_range_per_hour=QUOTA, resend_after=0)
    return made


def strangers(app: Flask, outboxes: Outboxes) -> Iterator[ApiDriver]:
    """Callers that are each in a network of their own."""
    return (ApiDriver(app, outboxes, f"10.0.{number // 256}.{number % 256}") for number in range(60_000))


def elsewhere() -> Iterator[str]:
    """Numbers that are each in a range of their own."""
    return (f"+90532{number:03}0000" for number in range(1_000))
