"""Everything that is kept about a person, for the person (PRIV-01): complete, documented, and nothing secret."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from auth_portal.db import Model
from auth_portal.models import Event
from auth_portal.settings import ROOT
from auth_portal.signin.events import OPERATOR
from auth_portal.signin.export_sections import OMITTED, SECTIONS, WITHOUT
from tests.conftest import services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of
from tests.leaving import ADA, ADDED, COMPANY, FIRST, FORMER, LAST, NUMBER, Life, every_value, found_in
from tests.support.smtp import MailSink

HEAD = {"format", "issuer", "exportedAt", "apps"}
DOCUMENT = ROOT / "docs" / "accounts.md"


@pytest.fixture
def life(app: Flask, outbox: MailSink, clock: time_machine.Traveller) -> Life:
    """Ada, of whom every table knows something."""
    return Life(app, outbox, clock)


@pytest.fixture
def given(life: Life) -> dict[str, Any]:
    """Her export as the API gives it."""
    life.clock.shift(31)
    token = life.api.at("203.0.113.250").proven(ADA)["accessToken"]
    life.services.background.wait()
    answer = life.api.call("GET", "me/export", token=token)
    assert answer.status_code == 200, answer.text
    return data_of(answer)


def test_every_column_of_every_table_is_given_or_left_out_for_a_reason() -> None:
    """PRIV-01: whoever adds a column must say which."""
    columns = {str(column) for table in Model.metadata.tables.values() for column in table.columns}
    given = {f"{column.class_.__tablename__}.{column.key}" for one in SECTIONS.values() for column in one.columns}
    of_nobody = {column for column in columns if column.partition(".")[0] in WITHOUT}
    assert given & set(OMITTED) == set()
    assert (given | set(OMITTED)) & of_nobody == set()
    assert given | set(OMITTED) | of_nobody == columns
    assert all({**OMITTED, **WITHOUT}.values())


def test_whatever_names_a_person_is_given() -> None:
    """A table with a key of a person has no reason good enough to be left out whole."""
    keys = {"user_id", "destination", "account", "email", "phone"}
    tables = Model.metadata.tables.values()
    of_people = {table.name for table in tables if keys & set(table.columns.keys())}
    of_people |= {key.parent.table.name for table in tables for key in table.foreign_keys if key.column.table.name in
                  ("user", "session")}  # fmt: skip
    assert of_people & set(WITHOUT) == set()
    assert len(of_people) >= 11


def test_every_member_of_a_full_life_is_there_and_tells_of_it(life: Life, given: dict[str, Any]) -> None:
    assert set(given) == {*HEAD, *SECTIONS}
    assert [member for member in SECTIONS if not given[member]] == ["logoutNotices"], "nothing has ended yet"
    assert given["profile"] | {"createdAt": None} == {
        "id": life.user_id,
        "firstName": FIRST,
        "lastName": LAST,
        "locale": "en",
        "fields": {"company": COMPANY},
        "createdAt": None,
        "updatedAt": None,
        "suspendedAt": None,
    }
    assert [row["value"] for row in given["addresses"]] == [ADA, NUMBER]
    assert [(row["former"], row["current"]) for row in given["addressChanges"]] == [(FORMER, ADA)]
    assert {row["destination"] for row in given["codes"]} == {ADA, ADDED}
    assert {row["destination"] for row in given["registrations"]} == {ADA, FORMER}
    assert [row["subject"] for row in given["pairwiseSubjects"]] == [life.names["pairwise subject"]]
    assert [row["clientId"] for row in given["consents"]] == [life.blog.id]
    assert {row["clientId"] for row in given["grants"]} == {life.shop.id, life.blog.id}
    assert given["apps"] == {life.shop.id: "Demo Shop", life.blog.id: "Blog"}
    assert {"registered", "signed_in", "code_refused", "exported"} <= {row["kind"] for row in given["events"]}
    assert given["deletion"] == {"eraseAt": None}
    assert given["exportedAt"].endswith("Z")


def test_it_holds_no_secret_no_hash_and_nothing_that_opens_something(life: Life, given: dict[str, Any]) -> None:
    """A stolen export is no way in."""
    text = json.dumps(given)
    stored = every_value(life.engine)
    names = ("hash", "digest", "seed", "caller", "key_id", "secret", "device_id", "challenge.id", "registration.id")
    columns = [column for column in stored if any(name in column for name in names)]
    secret = {value for column in columns for value in stored[column] if len(value) > 3} - {"none"}
    assert len(secret) > 30
    assert [value for value in secret if value in text] == []
    tokens = [life.tokens[name] for name in ("accessToken", "refreshToken")]
    tokens += [life.shop_tokens[name] for name in ("access_token", "refresh_token", "id_token")]
    assert [token for token in (*tokens, life.code, life.waiting.device_code) if token in text] == []
    assert life.browser.cookie("portal-session") not in text


def test_networks_are_told_roughly(given: dict[str, Any]) -> None:
    """PRIV-05: whoever asked for a code may be somebody else."""
    networks = {row["network"] for member in ("codes", "sessions", "events") for row in given[member]}
    assert {"198.51.100.0/24", "203.0.113.0/24"} <= networks
    assert all(network == "" or network.endswith("/24") for network in networks)


def test_it_tells_of_nobody_else(life: Life, outbox: MailSink) -> None:
    other = BrowserDriver(life.app, outbox, "192.0.2.99")
    other.register("bob@example.com", "Bob", "Babbage")
    life.shop.sign_in(other)
    export = services_of(life.app).exports.export(life.user_id, OPERATOR)
    text = json.dumps(export, default=str)
    bob = services_of(life.app).users.newest(1)[0]
    assert [word for word in (bob.id, "bob@", "Babbage", "192.0.2") if word in text] == []


def test_a_person_without_a_life_has_a_small_one(api: ApiDriver) -> None:
    given = data_of(api.call("GET", "me/export", token=api.register("new@example.com")["accessToken"]))
    assert {member for member in SECTIONS if given[member]} == {
        "profile",
        "terms",
        "deletion",
        "addresses",
        "registrations",
        "codes",
        "sessions",
        "refreshTokens",
        "events",
    }


def test_while_one_is_leaving_it_says_until_when(app: Flask, api: ApiDriver) -> None:
    """An operator can give it then; and what was to be told to apps."""
    user_id = api.register("new@example.com")["user"]["id"]
    erase_at = services_of(app).leaving.request(user_id, OPERATOR)
    assert services_of(app).exports.export(user_id, OPERATOR)["deletion"] == {"eraseAt": erase_at}


def test_that_it_was_exported_is_noted_without_what(app: Flask, browser: BrowserDriver) -> None:
    """PRIV-11."""
    browser.register("new@example.com")
    browser.get("/account/export")
    browser.post("/account/export", {})
    with services_of(app).engine.connect() as connection:
        (event,) = connection.execute(select(Event).where(Event.kind == "exported")).all()
    assert (event.actor, event.network, event.device) == ("person", "127.0.0.0/24", "Firefox/Windows")
    assert event.facts is None


def test_the_page_gives_the_same_as_a_file(browser: BrowserDriver, clock: time_machine.Traveller) -> None:
    browser.register("new@example.com")
    browser.get("/account/export")
    assert browser.heading == "Your data"
    answer = browser.post("/account/export", {})
    assert (answer.status_code, answer.content_type) == (200, "application/json; charset=utf-8")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="account-2026-05-22.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(json.loads(answer.data)) == {*HEAD, *SECTIONS}


def test_a_link_of_another_site_downloads_nothing(browser: BrowserDriver) -> None:
    """SES-16."""
    browser.register("new@example.com")
    browser.get("/account/export")
    assert browser.post("/account/export", {"csrf_token": ""}).status_code == 403
    assert browser.post("/account/export", {}, Sec_Fetch_Site="cross-site").status_code == 403


def test_the_document_names_every_member_and_each_of_its_own() -> None:
    """PRIV-01: the format is documented; whoever changes one must change the other."""
    section = DOCUMENT.read_text("utf-8").partition("## Export")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|.*\|([^|]*)\|$", section, re.MULTILINE)
    documented = {name: set(re.findall(r"`(\w+)`", cell)) for name, cell in rows}
    assert documented == {
        name: set(SECTIONS[name].names) if name in SECTIONS else set() for name in (*HEAD, *SECTIONS)
    }


def test_where_a_person_is_known_the_export_or_a_reason_is_found(life: Life, given: dict[str, Any]) -> None:
    """The other way round: every column that holds the person's address, number or names is given or has a reason."""
    stored = every_value(life.engine)
    shown = {f"{column.class_.__tablename__}.{column.key}" for one in SECTIONS.values() for column in one.columns}
    for needle in (ADA, NUMBER, FORMER, ADDED, FIRST, LAST, COMPANY):
        assert found_in(stored, needle) - shown <= {"pending_request.parameters"}, needle
        assert needle in json.dumps(given, ensure_ascii=False), needle
