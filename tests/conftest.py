"""What tests are given. Nothing of ours is faked: the database, the relay, the migrations and the keys are real.

Every test that asks for ``app`` runs on SQLite and on PostgreSQL, each time in a fresh database. Codes are
read from the letters that the portal hands to the SMTP server of this process.
"""

from __future__ import annotations

import gc
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from playwright.sync_api import Browser

from auth_portal import schema
from auth_portal.app import create_app
from auth_portal.delivery.compiled import CompiledOnce
from auth_portal.settings import Settings, load_settings
from auth_portal.web.services import Services
from tests.drivers import ApiDriver, BrowserDriver
from tests.support.chromium import ChromiumUnavailable, Visitor, launched_chromium
from tests.support.keeping import Keeper
from tests.support.outboxes import Outboxes
from tests.support.postgres import PostgresServer, PostgresUnavailable
from tests.support.sms import SmsSink
from tests.support.smtp import MailSink

Visit = Callable[..., Visitor]
DATABASES = ("sqlite", "postgresql")
SECRET_KEY = "a secret of the tests that is well over thirty-two bytes"
NOW = datetime(2026, 5, 22, 16, 11, 27, 126_000, tzinfo=UTC)

_names = itertools.count()


def unavailable(reason: str) -> None:
    """Skip with the reason where a developer lacks something; in CI nothing may be missing."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL server."""
    server = PostgresServer()
    try:
        server.start()
    except PostgresUnavailable as error:
        unavailable(f"no PostgreSQL: {error}")
    yield server
    server.close()


@pytest.fixture(scope="session")
def sink() -> Iterator[MailSink]:
    """A real SMTP server that keeps what it is given."""
    with MailSink() as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def _descriptors_given_back() -> Iterator[None]:
    """A portal keeps an SMTP connection for each thread; what a test dropped is closed when it is collected."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def sms_sink() -> Iterator[SmsSink]:
    """A real SMS gateway that keeps what it is given."""
    with SmsSink() as server:
        yield server


@pytest.fixture
def sms(sms_sink: SmsSink) -> SmsSink:
    """The SMS gateway, empty and without a fault: ``make_app(sms_url=sms.setting)``."""
    sms_sink.release()
    sms_sink.clear()
    return sms_sink


@pytest.fixture
def outbox(sink: MailSink) -> MailSink:
    """The SMTP server, empty and without a fault."""
    sink.fault = None
    sink.clear()
    return sink


@pytest.fixture
def outboxes(outbox: MailSink, sms: SmsSink) -> Outboxes:
    """The SMTP server and the SMS gateway, for portals that have both."""
    return Outboxes(outbox, sms)


def environment(database_url: str, mail_url: str, **overrides: object) -> dict[str, str]:
    """The environment of a production portal on loopback; ``overrides`` are setting names in lower case."""
    values: dict[str, object] = {
        "env": "production",
        "secret_key": SECRET_KEY,
        "public_url": "http://127.0.0.1:8000",
        "database_url": database_url,
        "mail_url": mail_url,
        "mail_from": "Auth Portal <no-reply@portal.example>",
        "sends_per_inbox_per_hour": 0,
        "sends_per_inbox_per_day": 0,
        "sends_per_source_per_hour": 0,
        "sms_per_range_per_hour": 0,
        "sms_per_site_per_day": 0,
        "log_level": "warning",
    }
    merged = {**values, **overrides}
    return {f"AUTH_PORTAL_{name.upper()}": str(value) for name, value in merged.items() if value is not None}


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, copied for each test."""
    path = tmp_path_factory.mktemp("template") / "portal.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """The name of a migrated PostgreSQL database, copied for each test."""
    _migrate(postgres.create_database("template_portal"))
    return "template_portal"


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Makes a fresh, migrated database of a kind (``sqlite``, ``postgresql``) and says its URL."""
    made: list[str] = []

    def make(kind: str) -> str:
        if kind == "sqlite":
            path = tmp_path / f"portal{next(_names)}.db"
            shutil.copy(request.getfixturevalue("sqlite_template"), path)
            return f"sqlite:///{path}"
        template = request.getfixturevalue("postgres_template")
        made.append(f"portal_{os.getpid()}_{next(_names)}")
        return str(request.getfixturevalue("postgres").create_database(made[-1], template))

    yield make
    for name in made:
        request.getfixturevalue("postgres").drop_database(name)


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> str:
    """A fresh, migrated database: the test runs once for each kind."""
    return new_database(request.param)


COMPILED = CompiledOnce()
"""Pages, compiled once for all the portals of a test process: that is a third of what such a portal costs."""


@pytest.fixture
def make_app(database_url: str, outbox: MailSink) -> Iterator[Callable[..., Flask]]:
    """Builds portals on this test's database: ``make_app(code_length=6)``. Production unless said otherwise.

    All that their JSON API answers is held against their OpenAPI document.
    """
    made: list[Flask] = []
    keepers: list[Keeper] = []

    def make(**overrides: object) -> Flask:
        settings = settings_for(database_url, outbox.url, **overrides)
        made.append(create_app(settings))
        made[-1].jinja_env.bytecode_cache = COMPILED
        keepers.append(Keeper(made[-1], settings.own_fields))
        return made[-1]

    yield make
    for app in made:
        services_of(app).background.wait()
        services_of(app).upkeep.wait()
        services_of(app).outbox.wait()
        services_of(app).engine.dispose()
    assert [breach for keeper in keepers for breach in keeper.breaches] == []


def settings_for(database_url: str, mail_url: str, **overrides: object) -> Settings:
    """The settings of ``environment``."""
    return load_settings(environment(database_url, mail_url, **overrides))


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """A production portal with default settings, without send limits."""
    return make_app()


def services_of(app: Flask) -> Services:
    """The wired services of a portal."""
    services: Services = app.extensions["auth_portal"]
    return services


@pytest.fixture
def api(app: Flask, outbox: MailSink) -> ApiDriver:
    """A JSON caller at 127.0.0.1."""
    return ApiDriver(app, outbox)


@pytest.fixture
def browser(app: Flask, outbox: MailSink) -> BrowserDriver:
    """A browser without JavaScript."""
    return BrowserDriver(app, outbox)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A running Chromium; each test opens windows of its own in it."""
    try:
        with launched_chromium() as browser:
            yield browser
    except ChromiumUnavailable as error:
        unavailable(f"no browser: {error}")


@pytest.fixture
def visit(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Opens windows at the module's ``portal``: ``visit(locale="tr-TR")``. None of them may have complained."""
    visitors: list[Visitor] = []

    def open_window(**options: object) -> Visitor:
        visitors.append(Visitor(chromium, request.getfixturevalue("portal").url, **options))
        return visitors[-1]

    yield open_window
    for visitor in visitors:
        visitor.close()
    assert [complaint for visitor in visitors for complaint in visitor.complaints] == []


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that stands still at NOW until it is moved: ``clock.shift(31)``."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def _migrate(database_url: str) -> None:
    app = create_app(settings_for(database_url, "smtp://127.0.0.1:1"))
    engine = services_of(app).engine
    schema.upgrade(engine)
    engine.dispose()


def pytest_report_header() -> list[str]:
    """Say where the tests run."""
    return [f"CI: {'yes, nothing may be skipped' if os.environ.get('CI') else 'no'}"]


Made = Callable[..., Any]
