"""How attackers act in tests of floods: requests from many networks, and which letters these bring."""

from __future__ import annotations

from collections.abc import Iterator

from werkzeug.test import TestResponse

from tests.drivers import ApiDriver
from tests.support.letters import code_in, text_of
from tests.support.smtp import MailSink

ADA = "ada@example.com"
LIMIT = 3
HOUR = 3_600
LIFE = 600
LIMITED = (429, "too_many_requests")
REFUSED = (401, "code_invalid")


def networks(api: ApiDriver) -> Iterator[ApiDriver]:
    """Callers that are each in a network of their own."""
    return (api.at(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}") for number in range(1, 2**24))


def fill(api: ApiDriver, email: str) -> list[TestResponse]:
    """Use the inbox's sends up, from networks that nobody else uses."""
    answers = [api.at(f"203.0.113.{host}").send(email) for host in range(LIMIT)]
    assert [answer.status_code for answer in answers] == [201] * LIMIT
    return answers


def lengths(outbox: MailSink, email: str = ADA) -> list[int]:
    """How many digits the codes of the letters to this address have; 0 for a letter without one."""
    return [len(code) for code in codes(outbox, email)]


def codes(outbox: MailSink, email: str = ADA) -> list[str]:
    """The codes of the letters to this address; an empty one for a letter without."""
    return [code_in(mail) if "not-me" in text_of(mail) else "" for mail in outbox.sent_to(email)]
