"""After an erasure nothing tells of the person any more, wherever one looks (PRIV-02)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import ForeignKey, Table, insert, select, text

from auth_portal.db import Model, utcnow
from auth_portal.models import ErasedUser, Event, PairwiseSubject, User
from auth_portal.signin import retention
from auth_portal.signin.erasure import BY_HAND, erase, erase_due, find_erased
from auth_portal.signin.events import OPERATOR, PORTAL
from auth_portal.signin.keyring import digest
from tests.conftest import services_of
from tests.drivers import ApiDriver, BrowserDriver, wrong_code
from tests.leaving import ADA, SINGLE, WEEK, Life, every_value, found_in, user_id_of
from tests.support.smtp import MailSink

BOB = "bob@example.com"
LIMITS = {"sends_per_inbox_per_hour": 5, "sends_per_inbox_per_day": 20, "sends_per_source_per_hour": 100}


@pytest.fixture
def life(make_app: Callable[..., Flask], outbox: MailSink, clock: time_machine.Traveller) -> Life:
    """Ada, at a portal with send limits."""
    return Life(make_app(**LIMITS), outbox, clock)


def leave(life: Life) -> None:
    """She deletes her account, is attacked further, comes back to have a look, and stays away."""
    life.browser.get("/account/delete")
    assert life.browser.post("/account/delete", {"sure": "y"}).location == "/account/deleted"
    life.clock.shift(86_400)
    life.api.send(ADA)
    life.api.login(ADA, wrong_code(life.api.code_sent_to(ADA)))
    returning = BrowserDriver(life.app, life.outbox, "198.51.100.78")
    answer = returning.prove(ADA)
    assert answer.location.startswith("/account/restore/")
    assert returning.get(answer.location).status_code == 200
    settle(life)


def settle(life: Life) -> None:
    """Let all be done that nobody waits for."""
    life.services.background.wait()
    life.services.outbox.wait()


def told(life: Life) -> dict[str, set[str]]:
    """Where each of the things by which Ada could be known again is stored."""
    values = every_value(life.engine)
    return {name: columns for name, needle in life.names.items() if (columns := found_in(values, needle))}


def failures(life: Life) -> int:
    """The wrong guesses that the site's ledger counts."""
    return sum(level.failed for level in life.services.site_ledger.read_levels())


def test_of_a_person_who_was_erased_no_column_of_any_table_tells(life: Life) -> None:
    """PRIV-02, PRIV-06: address, number, names, subjects, sessions, networks; the counts of the site go on."""
    leave(life)
    assert set(told(life)) == set(life.names)
    failed = failures(life)
    life.clock.shift(WEEK)
    assert retention.prune(life.engine, life.services.seals)["people"] == 1
    assert told(life) == {}
    assert failures(life) == failed > 0


def test_one_who_is_erased_at_once_leaves_nothing_either(life: Life) -> None:
    """Nothing of it had time to be pruned: codes, registrations and requests of apps under way."""
    life.services.leaving.request(life.user_id, OPERATOR, at_once=True)
    settle(life)
    assert set(told(life)) == set(life.names)
    assert erase(life.engine, life.user_id, OPERATOR)
    assert told(life) == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_files_of_a_sqlite_database_hold_no_deleted_content(life: Life, database_url: str) -> None:
    """PRIV-02: neither free pages nor the write-ahead log; no VACUUM is needed."""
    path = Path(database_url.removeprefix("sqlite:///"))

    def held() -> set[str]:
        content = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*")).lower()
        spellings = {
            name: (needle.encode(), json.dumps(needle)[1:-1].encode()) for name, needle in life.names.items()
        }
        return {name for name, ways in spellings.items() if any(way.lower() in content for way in ways)}

    leave(life)
    assert held() == set(life.names)
    life.clock.shift(WEEK)
    retention.prune(life.engine, life.services.seals)
    assert held() == set()


def test_the_erasure_itself_is_remembered_by_a_hash_and_an_event_without_a_name(life: Life) -> None:
    """PRIV-02, PRIV-11, JWT-12."""
    leave(life)
    life.clock.shift(WEEK)
    assert find_erased(life.engine, life.user_id) is None
    assert erase_due(life.engine) == 1
    assert find_erased(life.engine, life.user_id) == utcnow()
    with life.engine.connect() as connection:
        assert connection.execute(select(ErasedUser.subject_hash)).scalars().all() == [digest(life.user_id)]
        events = connection.execute(select(Event).where(Event.kind == "erased")).all()
        emptied = connection.execute(select(Event.user_id, Event.erased_at).where(Event.kind == "signed_in")).all()
    assert [(event.actor, event.user_id) for event in events] == [("portal", None)]
    assert {(row.user_id, row.erased_at) for row in emptied} == {(None, utcnow())}


def test_who_comes_back_is_somebody_new_to_the_portal_and_to_every_app(life: Life) -> None:
    """JWT-12: the subject never returns, neither the own one nor that of a sector."""
    leave(life)
    life.clock.shift(WEEK)
    erase_due(life.engine)
    life.browser.register(ADA)
    assert user_id_of(life.app, ADA) != life.user_id
    tokens = life.blog.sign_in(life.browser) if life.blog.client.is_trusted else None
    assert tokens is None, "the consent of before counts for nobody"
    life.services.consents.allow(user_id_of(life.app, ADA), life.blog.id, ["openid", "email", "profile"], PORTAL)
    with life.engine.connect() as connection:
        assert connection.execute(select(PairwiseSubject.subject)).all() == []
    subject = life.blog.claims(life.blog.sign_in(life.browser)["id_token"])["sub"]
    assert subject not in (life.names["pairwise subject"], life.user_id)


def test_what_belongs_to_others_stays(life: Life) -> None:
    """Not even those who share a mailbox, a network or an app with the person."""
    alias = ADA.replace("+1815", "+1816")
    life.clock.shift(86_400)
    other = BrowserDriver(life.app, life.outbox, SINGLE)
    other.register(alias, "Bob", "Babbage")
    life.clock.shift(31)
    tokens = life.shop.sign_in(other, scope="openid email offline_access")
    known = user_id_of(life.app, alias)
    life.api.at("203.0.113.150").send(alias)
    before = found_in(every_value(life.engine), known)
    life.services.leaving.request(life.user_id, OPERATOR, at_once=True)
    settle(life)
    erase(life.engine, life.user_id, OPERATOR)
    assert found_in(every_value(life.engine), known) == before
    assert found_in(every_value(life.engine), alias) >= {"identifier.value", "challenge.destination"}
    assert life.shop.refresh(tokens["refresh_token"]).status_code == 200
    assert other.get("/account").status_code == 200


def test_only_those_whose_time_is_over_are_erased(app: Flask, api: ApiDriver, clock: time_machine.Traveller) -> None:
    engine, leaving = services_of(app).engine, services_of(app).leaving
    due, later, stays = (api.register(f"{name}@example.com")["user"]["id"] for name in ("due", "later", "stays"))
    leaving.request(due, PORTAL)
    clock.shift(1)
    leaving.request(later, PORTAL)
    clock.shift(WEEK.total_seconds() - 2)
    assert erase_due(engine) == 0
    clock.shift(1)
    assert not erase(engine, later, PORTAL)
    assert erase_due(engine) == 1
    assert [services_of(app).users.find_by_id(user_id) is None for user_id in (due, later, stays)] == [
        True,
        False,
        False,
    ]
    assert erase_due(engine) == 0
    assert not erase(engine, due, PORTAL)


def test_many_are_erased_in_one_run(app: Flask) -> None:
    """More than are looked for at once."""
    engine, now = services_of(app).engine, utcnow()
    names = {"first_name": "A", "last_name": "B", "locale": "tr", "created_at": now, "terms_accepted_at": now}
    with engine.begin() as connection:
        connection.execute(insert(User), [{"id": f"{n:032x}", "erase_at": now, **names} for n in range(205)])
    assert erase_due(engine) == 205


def test_one_who_cannot_be_erased_does_not_keep_the_others(
    app: Flask, api: ApiDriver, clock: time_machine.Traveller
) -> None:
    engine = services_of(app).engine
    users = [api.register(f"{name}@example.com")["user"]["id"] for name in ("held", "free")]
    for user_id in users:
        services_of(app).leaving.request(user_id, PORTAL)
        clock.shift(1)
    with engine.begin() as connection:
        connection.execute(text('CREATE TABLE holder (user_id VARCHAR(32) REFERENCES "user" (id))'))
        connection.execute(text("INSERT INTO holder VALUES (:held)"), {"held": users[0]})
    clock.shift(WEEK)
    assert erase_due(engine) == 1
    assert services_of(app).users.find_by_id(users[0]) is not None
    assert services_of(app).users.find_by_id(users[1]) is None
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE holder"))
    assert erase_due(engine) == 1


WITHOUT_PEOPLE = {
    "client": "what operators wrote about apps, access lists of theirs included",
    "client_origin": "apps",
    "erased_user": "hashes of subjects, kept for ever: see docs/accounts.md",
    "event_seal": "counts",
    "seal_key": "keys of the portal",
    "signing_key": "keys of the portal",
    "spent_assertion": "hashes of what apps sent, until they are over",
}


def hangs_on_the_user(table: Table) -> bool:
    """Whether the rows go when the user's does."""
    keys: list[ForeignKey] = [key for key in table.foreign_keys if key.ondelete == "CASCADE"]
    owners = {key.column.table for key in keys}
    return table.name == "user" or any(owner.name != "client" and hangs_on_the_user(owner) for owner in owners)


def test_every_table_is_erased_by_its_user_or_by_hand_or_holds_nobody() -> None:
    """PRIV-02: whoever adds a table must say which."""
    tables: dict[str, Any] = dict(Model.metadata.tables)
    hanging = {name for name, table in tables.items() if hangs_on_the_user(table)}
    groups = (hanging, set(BY_HAND), set(WITHOUT_PEOPLE))
    assert sorted(name for group in groups for name in group) == sorted(tables)
