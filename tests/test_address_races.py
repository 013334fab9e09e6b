"""What happens to addresses at the same moment: each belongs to one person, and nobody has three (OTP-31, OTP-36)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from auth_portal.signin.callers import Caller
from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome
from tests.owning import ADA, BOB, NEW, NEWER, Owner, events, undo_links
from tests.support.api import in_parallel
from tests.support.smtp import MailSink
from tests.test_leaving_races import held_before_commit, start_and_wait

ROUNDS = 4


@pytest.fixture
def app(make_app: Made) -> Flask:
    """A portal in which codes may be asked for at any time."""
    app: Flask = make_app(resend_after=0)
    return app


@pytest.fixture
def ada(app: Flask, outbox: MailSink) -> Owner:
    """Ada, who has just registered."""
    return Owner(ApiDriver(app, outbox))


def another(owner: Owner) -> Owner:
    """The same person at a second device."""
    device = object.__new__(Owner)
    device.api, device.id = owner.api, owner.id
    device.sign_in_again(owner.has()[0])
    return device


def owners(app: Flask, email: str) -> list[str]:
    """Whose this address is."""
    with services_of(app).engine.connect() as connection:
        query = text("SELECT user_id FROM identifier WHERE value = :email")
        return list(connection.execute(query, {"email": email}).scalars())


def at_once(*calls: Callable[[], int]) -> list[int]:
    """The statuses of calls that start at the same moment; every one must be answered."""
    results = in_parallel(calls)
    assert [result for result in results if not isinstance(result, int)] == []
    return sorted(result for result in results if isinstance(result, int))


def status_of(call: Callable[[], TestResponse]) -> int:
    """What a call is answered with."""
    return call().status_code


def verify(owner: Owner, email: str, code: str, **body: object) -> Callable[[], int]:
    """A call that takes an address."""
    return lambda: owner.call("verify", email, code=code, **body).status_code


def pressed(reader: BrowserDriver, path: str) -> Callable[[], int]:
    """A call that presses the button of the page that is open."""
    return lambda: reader.post(path, {}).status_code


def test_a_right_code_adds_its_address_once(ada: Owner) -> None:
    """OTP-05: whoever comes second learns that the code is used, or that the address is theirs already."""
    code = ada.code_for(NEW)
    statuses = at_once(*[verify(ada, NEW, code)] * 8)
    assert (statuses.count(200), set(statuses) <= {200, 400, 401}) == (1, True)
    assert (ada.has(), events(ada)) == ([NEW], ["address_changed"])


def test_two_devices_that_add_a_second_one_at_once_do_not_make_three(ada: Owner) -> None:
    """OTP-36."""
    other = another(ada)
    for first, second in ((NEW, NEWER), ("ada@a.example", "ada@b.example")):
        codes = ada.code_for(first), other.code_for(second)
        statuses = at_once(
            verify(ada, first, codes[0], keepFormer=True), verify(other, second, codes[1], keepFormer=True)
        )
        assert statuses == [200, 409]
        main, second_one = ada.has()
        assert (main, second_one in (first, second)) == (ADA, True)
        assert ada.call("remove", second_one).status_code == 200


def test_two_people_who_prove_one_address_at_once_do_not_share_it(ada: Owner, app: Flask, outbox: MailSink) -> None:
    bob = Owner(ApiDriver(app, outbox), BOB)
    for number in range(ROUNDS):
        email = f"shared{number}@example.com"
        codes = ada.code_for(email), bob.code_for(email)
        statuses = at_once(
            verify(ada, email, codes[0], keepFormer=True), verify(bob, email, codes[1], keepFormer=True)
        )
        assert statuses == [200, 409]
        winner = next(owner for owner in (ada, bob) if owner.id in owners(app, email))
        assert winner.call("remove", email).status_code == 200
        assert owners(app, email) == []


def test_both_devices_that_choose_or_remove_at_once_leave_one_main_address(ada: Owner) -> None:
    other = another(ada)
    for number in range(2):
        email = f"second{number}@example.com"
        ada.take(email, keepFormer=True)
        statuses = at_once(
            partial(status_of, partial(ada.call, "main", email)),
            partial(status_of, partial(other.call, "remove", email)),
        )
        assert statuses in ([200, 200], [200, 404])
        assert ada.has() == [ADA]


def test_the_last_two_that_are_removed_at_once_leave_one(ada: Owner) -> None:
    """Nobody locks themselves out by two clicks."""
    other = another(ada)
    ada.take(NEW, keepFormer=True)
    statuses = at_once(lambda: ada.call("remove", ADA).status_code, lambda: other.call("remove", NEW).status_code)
    assert statuses == [200, 409]
    assert len(ada.has()) == 1


def test_an_address_that_is_given_up_and_claimed_at_once_stays_held(ada: Owner, app: Flask, outbox: MailSink) -> None:
    """By a registration that was begun while it was free, and by another account: neither gets in between."""
    bob = Owner(ApiDriver(app, outbox), BOB)
    body = {"firstName": "Eve", "lastName": "Hall", "acceptTerms": True}
    for number in range(ROUNDS):
        held, free = f"held{number}@example.com", f"free{number}@example.com"
        token = ada.api.proven(held)["registrationToken"]
        ada.take(held)
        codes = bob.code_for(held), ada.code_for(free)
        statuses = at_once(
            verify(ada, free, codes[1]),
            verify(bob, held, codes[0], keepFormer=True),
            partial(status_of, partial(ada.api.post, "complete-registration", body, token=token)),
        )
        assert statuses == [200, 409, 409]
        assert owners(app, held) == []
        assert ada.has() == [free]


def test_an_undo_and_one_more_change_at_once_leave_the_former_address_only(
    ada: Owner, app: Flask, outbox: MailSink
) -> None:
    """Whoever is first: the change goes with the undo, or finds its session ended."""
    for number in range(ROUNDS):
        first, second = f"first{number}@example.org", f"second{number}@example.org"
        ada.take(first)
        code = ada.code_for(second)
        path = undo_links(outbox, ADA)[-1]
        readers = [BrowserDriver(app, outbox, f"198.51.100.{host}") for host in range(3)]
        for reader in readers:
            reader.get(path)
        statuses = at_once(verify(ada, second, code), *(pressed(reader, path) for reader in readers))
        assert statuses in ([200, 303, 303, 303], [303, 303, 303, 401])
        ada.sign_in_again(ADA)
        assert ada.has() == [ADA]
        assert events(ada).count("address_restored") == number + 1


def test_a_change_and_a_suspension_at_once_do_not_wait_for_each_other(ada: Owner, app: Flask) -> None:
    """Both write the person and hold sessions: in the same order, or PostgreSQL would have to end one of them."""
    code = ada.code_for(NEW)
    suspended = 'UPDATE "user" SET suspended_at = created_at WHERE id = :id'
    ended = "UPDATE session SET ended_at = created_at WHERE user_id = :id"
    with ThreadPoolExecutor(1) as pool:
        with services_of(app).engine.begin() as connection:
            connection.execute(text(suspended), {"id": ada.id})
            status = pool.submit(verify(ada, NEW, code))
            assert wait([status], timeout=1).not_done, "it waits"
            connection.execute(text(ended), {"id": ada.id})
        assert status.result() == 401
    assert owners(app, NEW) == []


def test_a_sign_in_that_was_under_way_with_what_an_undo_removes_is_out(
    ada: Owner, app: Flask, outbox: MailSink
) -> None:
    """Whoever took the account typed a code at the very moment: its session ends with all others."""
    ada.take(NEW)
    services = services_of(app)
    token = undo_links(outbox, ADA)[-1].rpartition("/")[2]
    thief = ApiDriver(app, outbox, "203.0.113.9")
    assert thief.send(NEW).status_code == 201
    code = thief.code_sent_to(NEW)
    with held_before_commit(services.engine, lambda: thief.login(NEW, code)) as answered:
        undoing = start_and_wait(services.engine, lambda: services.undos.undo(token, Caller.api("198.51.100.7")))
    undoing.join(30)
    stolen = data_of(answered[0])["accessToken"]
    assert outcome(thief.call("GET", "me", token=stolen)) == (401, "unauthorized")
    ada.sign_in_again(ADA)
    assert ada.has() == [ADA]


def test_an_undo_and_a_stranger_who_adds_what_it_removes_do_not_wait_for_each_other(
    ada: Owner, app: Flask, outbox: MailSink
) -> None:
    """Both are answered, and none of them by a refusal of the database."""
    bob = Owner(ApiDriver(app, outbox), BOB)
    for number in range(ROUNDS):
        email = f"taken{number}@example.com"
        ada.take(email)
        ada.wait()
        code = bob.code_for(email)
        reader = BrowserDriver(app, outbox, "198.51.100.7")
        path = undo_links(outbox, ADA)[-1]
        reader.get(path)
        statuses = at_once(verify(bob, email, code, keepFormer=True), pressed(reader, path))
        assert (statuses[0], statuses[1] in (401, 409)) == (303, True)
        ada.sign_in_again(ADA)
        assert ada.has() == [ADA]
