"""Aliases of one mailbox in a flood: one limit, different people, nothing that tells who has a user (OTP-20)."""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask

from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, data_of, outcome
from tests.flooding import ADA, HOUR, LIMIT, REFUSED, codes, fill, networks
from tests.support.smtp import MailSink


@pytest.fixture
def app(clock: time_machine.Traveller, make_app: Made) -> Flask:
    """A portal that sends 3 letters an hour to one inbox."""
    made: Flask = make_app(sends_per_inbox_per_hour=LIMIT)
    return made


def test_tags_and_the_dots_of_gmail_make_no_second_inbox(api: ApiDriver, outbox: MailSink) -> None:
    """OTP-19: folded for the limit only; elsewhere a dot makes another person."""
    spellings = {
        "ada@example.com": ["ada+1@example.com", "ADA+2@example.com", "ada+@example.com"],
        "ada.lovelace@gmail.com": [
            "adalovelace@gmail.com",
            "a.d.a.lovelace+x@googlemail.com",
            "adalovelace@gmail.com",
        ],
    }
    for plain, aliases in spellings.items():
        seen = [
            data_of(caller.send(alias))["codeLength"] for caller, alias in zip(networks(api), aliases, strict=False)
        ]
        assert seen[0] == 4, plain
        assert data_of(api.send(plain))["codeLength"] == 20, plain
    assert data_of(api.send("a.da@example.com"))["codeLength"] == 4


def test_aliases_are_different_people_with_different_codes(
    app: Flask, api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-20: the inbox is one, the shared codes are not."""
    aliases = ["ada@example.com", "ada+shop@example.com"]
    users = {api.register(alias)["user"]["id"] for alias in aliases}
    assert len(users) == 2
    clock.shift(HOUR)
    fill(api, aliases[0])
    outbox.clear()
    for alias in aliases:
        assert data_of(api.send(alias))["codeLength"] == 20
    services_of(app).background.wait()
    plain, tagged = (codes(outbox, alias)[0] for alias in aliases)
    assert plain != tagged
    assert outcome(api.login(aliases[1], plain)) == REFUSED
    assert data_of(api.login(aliases[1], tagged))["user"]["email"] == aliases[1]
    assert data_of(api.login(aliases[0], plain))["user"]["email"] == aliases[0]


def test_a_flood_of_made_up_aliases_brings_five_letters_an_hour_and_looks_the_same(
    app: Flask, api: ApiDriver, outbox: MailSink
) -> None:
    """OTP-20, OTP-21: aliases are no way around the limit, and keep new people who have one in."""
    fill(api, ADA)
    before = len(outbox.messages)
    plain = api.send(ADA)
    assert len(outbox.messages) == before + 1
    for number in range(20):
        answer = api.send(f"ada+{number}@example.com")
        assert answer.status_code == 201
        data = data_of(plain) | {"email": f"ada+{number}@example.com", "challengeId": data_of(answer)["challengeId"]}
        assert data_of(answer) == data
    services_of(app).background.wait()
    assert len(outbox.messages) == before + 1 + 5
    assert api.login("ada+0@example.com", codes(outbox, "ada+0@example.com")[0]).status_code == 200


@pytest.mark.parametrize("fault", ["reject_5xx", "refuse_connection"])
def test_nobody_learns_from_a_relay_whether_an_alias_has_a_user(
    app: Flask, api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller, fault: str
) -> None:
    """OTP-21: the answer does not wait for that letter; a lost one is withdrawn, and the next request sends it."""
    known, unknown = "ada+shop@example.com", "ada+new@example.com"
    api.register(known)
    clock.shift(HOUR)
    fill(api, ADA)
    for number in range(5):
        api.send(f"ada+{number}@example.com")
    services_of(app).background.wait()
    outbox.fault = fault
    assert [api.send(email).status_code for email in (known, unknown)] == [201, 201]
    services_of(app).background.wait()
    outbox.fault = None
    assert api.at("203.0.113.99").send(known).status_code == 201
    services_of(app).background.wait()
    assert len(codes(outbox, known)[-1]) == 20
