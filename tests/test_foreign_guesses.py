"""Guesses of API callers from other networks without a handle: how many there are, and that they are not the owner's.

Contract, section 2: at most two at the newest challenge, which never use up the owner's own. Where the budget has no
room for them, one: so that the yearly bound holds with them (docs/decisions/0005-foreign-guesses.md).
"""

from __future__ import annotations

import pytest
import time_machine

from tests.conftest import Made
from tests.drivers import ApiDriver, data_of, outcome, wrong_code
from tests.support.smtp import MailSink

ADA = "ada@example.com"
REFUSED = (401, "code_invalid")


@pytest.fixture
def stranger(api: ApiDriver) -> ApiDriver:
    """A caller from another network."""
    return api.at("203.0.113.9")


@pytest.fixture
def roomy(make_app: Made, outbox: MailSink) -> ApiDriver:
    """A caller of a portal whose budget has room for seven guesses at once."""
    return ApiDriver(make_app(guess_budgets="4:7/365d", guess_target="0.01"), outbox)


def guess(api: ApiDriver, code: str, times: int, **extra: str) -> None:
    """Spend this many wrong guesses, each another one; all are refused."""
    for step in range(1, times + 1):
        assert outcome(api.login(ADA, wrong_code(code, step), **extra)) == REFUSED


def test_without_one_of_its_own_network_a_guess_is_at_the_newest_challenge(
    api: ApiDriver, stranger: ApiDriver, clock: time_machine.Traveller
) -> None:
    api.at("198.51.100.1").send(ADA)
    clock.shift(1)
    api.send(ADA)
    assert stranger.login(ADA, api.code_sent_to(ADA)).status_code == 200


def test_a_second_foreign_guess_is_taken_where_the_budget_has_room_for_it(roomy: ApiDriver) -> None:
    roomy.send(ADA)
    code = roomy.code_sent_to(ADA)
    guess(roomy.at("203.0.113.9"), code, 1)
    assert roomy.at("198.51.100.7").login(ADA, code).status_code == 200


def test_a_third_foreign_guess_is_refused_though_it_is_right(roomy: ApiDriver) -> None:
    roomy.send(ADA)
    code = roomy.code_sent_to(ADA)
    guess(roomy.at("203.0.113.9"), code, 1)
    guess(roomy.at("198.51.100.7"), code, 1)
    assert outcome(roomy.at("192.0.2.77").login(ADA, code)) == REFUSED
    assert roomy.login(ADA, code).status_code == 200


def test_where_the_budget_has_no_room_there_is_one_spare_foreign_guess(api: ApiDriver, stranger: ApiDriver) -> None:
    """9.6: a new account affords five guesses at four digits, and they are the owner's."""
    for right_at in (1, 2):
        email = f"new{right_at}@example.com"
        api.send(email)
        code = api.code_sent_to(email)
        typed = [wrong_code(code)] * (right_at - 1) + [code]
        assert [stranger.login(email, guess).status_code for guess in typed][-1] == (200 if right_at == 1 else 401)


@pytest.mark.parametrize("room", ["4:5/365d", "4:7/365d"])
@pytest.mark.parametrize("own_guesses", [0, 4])
def test_guesses_of_foreign_networks_never_use_up_the_owners(
    make_app: Made, outbox: MailSink, room: str, own_guesses: int
) -> None:
    """OTP-15: her fifth guess is still hers."""
    owner = ApiDriver(make_app(guess_budgets=room, guess_target="0.01"), outbox)
    owner.send(ADA)
    code = owner.code_sent_to(ADA)
    for host in range(1, 20):
        owner.at(f"203.0.113.{host}").login(ADA, wrong_code(code, host))
    guess(owner, code, own_guesses)
    assert owner.login(ADA, code).status_code == 200


def test_a_code_that_its_owner_used_up_is_dead_for_foreign_networks_too(api: ApiDriver, stranger: ApiDriver) -> None:
    """OTP-08."""
    api.send(ADA)
    code = api.code_sent_to(ADA)
    guess(api, code, 5)
    assert outcome(stranger.login(ADA, code)) == REFUSED


def test_a_resend_gives_foreign_networks_no_fresh_guesses(
    api: ApiDriver, stranger: ApiDriver, clock: time_machine.Traveller
) -> None:
    api.send(ADA)
    code = api.code_sent_to(ADA)
    guess(stranger, code, 2)
    clock.shift(31)
    api.send(ADA)
    assert outcome(stranger.login(ADA, code)) == REFUSED


def test_a_new_code_has_fresh_foreign_guesses(
    api: ApiDriver, stranger: ApiDriver, clock: time_machine.Traveller
) -> None:
    api.send(ADA)
    guess(stranger, api.code_sent_to(ADA), 2)
    clock.shift(600)
    api.send(ADA)
    assert stranger.login(ADA, api.code_sent_to(ADA)).status_code == 200


def test_a_caller_that_used_up_its_own_code_gets_no_guess_at_somebody_elses(
    api: ApiDriver, stranger: ApiDriver, clock: time_machine.Traveller
) -> None:
    stranger.send(ADA)
    guess(stranger, api.code_sent_to(ADA), 5)
    clock.shift(1)
    api.send(ADA)
    assert outcome(stranger.login(ADA, api.code_sent_to(ADA))) == REFUSED


def test_a_success_of_the_owner_refunds_no_guess_of_strangers(api: ApiDriver, clock: time_machine.Traveller) -> None:
    """9.6, rule 4: else somebody who waits for her daily sign-in would have a guess a day for nothing."""
    lengths = []
    for day in range(8):
        sent = data_of(api.send(ADA))
        lengths.append(sent["codeLength"])
        code = api.code_sent_to(ADA)
        api.at(f"203.0.113.{day}").login(ADA, wrong_code(code))
        assert api.login(ADA, code, challengeId=sent["challengeId"]).status_code == 200
        clock.shift(86_400)
    assert lengths == [4] * 5 + [6] * 3


@pytest.mark.parametrize(("by_handle", "left"), [(True, 1), (False, 5)])
def test_with_a_handle_a_success_refunds_only_what_was_guessed_with_it(
    api: ApiDriver, clock: time_machine.Traveller, by_handle: bool, left: int
) -> None:
    """9.6, rule 4: four wrong ones from the same network without it are a neighbour's, unless nobody has a handle."""
    sent = data_of(api.send(ADA))
    code = api.code_sent_to(ADA)
    guess(api, code, 4)
    extra = {"challengeId": sent["challengeId"]} if by_handle else {}
    assert api.login(ADA, code, **extra).status_code == 200
    clock.shift(3_600)
    assert data_of(api.send(ADA))["codeLength"] == 4
    code = api.code_sent_to(ADA)
    guess(api, code, left - 1)
    assert api.login(ADA, code).status_code == 200


def test_what_the_owner_mistypes_with_the_handle_costs_nothing(api: ApiDriver, clock: time_machine.Traveller) -> None:
    """9.6, rule 4."""
    for _ in range(3):
        sent = data_of(api.send(ADA))
        code = api.code_sent_to(ADA)
        guess(api, code, 4, challengeId=sent["challengeId"])
        assert api.login(ADA, code, challengeId=sent["challengeId"]).status_code == 200
        clock.shift(3_600)
    assert data_of(api.send(ADA))["codeLength"] == 4


def test_a_right_guess_from_another_network_is_no_wrong_one(
    api: ApiDriver, stranger: ApiDriver, clock: time_machine.Traveller
) -> None:
    """9.6, rule 4: whoever signs in on the way home every day keeps short codes."""
    for _ in range(8):
        assert data_of(api.send(ADA))["codeLength"] == 4
        assert stranger.login(ADA, api.code_sent_to(ADA)).status_code == 200
        clock.shift(86_400)
