"""Refusals: a row for each, a real request for each status, texts to the letter or in the caller's language."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from auth_portal import errors
from auth_portal.app import create_app
from auth_portal.web.errors import HTTP, INTERNAL, REASONS, TABLE, refusal_of
from tests.conftest import Made, services_of, settings_for
from tests.drivers import ApiDriver
from tests.support.smtp import MailSink

ADA = "ada@example.com"
NAMES = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}
CODE_REFUSED = "Doğrulama kodu hatalı veya süresi dolmuş"
CANNOT = "Resource already exists or cannot be changed in its current state"


@dataclass
class World:
    """What a request needs to be refused; ``headers`` go with the refused one only."""

    api: ApiDriver
    make_app: Made
    outbox: MailSink
    headers: dict[str, str]

    def send(self, api: ApiDriver | None = None, **extra: Any) -> TestResponse:
        """Ask for a code."""
        return (api or self.api).post("send-otp-email", {"email": ADA, **extra}, **self.headers)

    def login(self, code: str) -> TestResponse:
        """Try a code."""
        return self.api.post("login-otp-email", {"email": ADA, "code": code}, **self.headers)


@pytest.fixture
def world(api: ApiDriver, make_app: Made, outbox: MailSink) -> World:
    """A world whose refused request sends no header of its own."""
    return World(api, make_app, outbox, {})


def subclasses(kind: type[errors.PortalError]) -> Iterator[type[errors.PortalError]]:
    """Every kind of refusal, however deep."""
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def test_every_refusal_has_a_row_and_every_row_is_a_refusal() -> None:
    """Design, section 4."""
    assert set(TABLE) == set(subclasses(errors.PortalError))


def test_every_refusal_is_drawn_in_the_tree() -> None:
    tree = errors.__doc__ or ""
    assert [kind.__name__ for kind in subclasses(errors.PortalError) if f" {kind.__name__} " not in tree] == []


def test_a_reason_code_names_one_refusal() -> None:
    """X-Error-Code is what programs decide by."""
    rows = {*TABLE.values(), *HTTP.values(), INTERNAL}
    codes = [row.code for row in rows]
    assert sorted(codes) == sorted(set(codes))
    assert all(code.isidentifier() and code.islower() for code in codes)


def test_facts_of_a_refusal_name_known_reasons() -> None:
    fault = errors.InvalidInput(email="missing", code="not_a_code")
    assert set(fault.faults.values()) <= set(REASONS)
    assert refusal_of(fault).status == 400


def too_soon(world: World) -> TestResponse:
    world.api.send(ADA)
    return world.send()


def wrong_code(world: World) -> TestResponse:
    return world.login("0000")


def suspended(world: World) -> TestResponse:
    user_id = world.api.at("203.0.113.9").register(ADA)["user"]["id"]
    services_of(world.api.app).users.suspend(user_id)
    world.api.send(ADA)
    return world.login(world.api.code_sent_to(ADA))


def leaving(world: World) -> TestResponse:
    token = world.api.at("203.0.113.9").register(ADA)["accessToken"]
    world.api.call("DELETE", "me", token=token)
    services_of(world.api.app).background.wait()
    world.api.send(ADA)
    return world.login(world.api.code_sent_to(ADA))


def registered(world: World) -> TestResponse:
    token = world.api.proven(ADA)["registrationToken"]
    world.api.post("complete-registration", NAMES, token=token)
    return world.api.post("complete-registration", NAMES, token=token, **world.headers)


def limited(world: World) -> TestResponse:
    api = ApiDriver(world.make_app(sends_per_inbox_per_hour=1, resend_after=0), world.outbox)
    api.send(ADA)
    return world.send(api)


def undelivered(world: World) -> TestResponse:
    world.outbox.fault = "reject_5xx"
    return world.send()


def no_database(world: World) -> TestResponse:
    app = create_app(settings_for("postgresql://nobody@127.0.0.1:1/nothing", world.outbox.url))
    return world.send(ApiDriver(app, world.outbox))


def no_directory(world: World) -> TestResponse:
    app = create_app(settings_for("sqlite:////nowhere/portal.db", world.outbox.url))
    return world.send(ApiDriver(app, world.outbox))


def lost_secret(world: World) -> TestResponse:
    token = world.api.register(ADA)["accessToken"]
    app = world.make_app(secret_key="a secret that nobody kept" * 2)
    return ApiDriver(app, world.outbox).call("GET", "me", token=token, **world.headers)


@dataclass(frozen=True)
class Reached:
    """A request that is refused, and what the contract says about it."""

    call: Callable[[World], TestResponse]
    status: int
    code: str
    text: str
    english: str = ""
    turkish: str = ""
    retry: bool = False


CHECK = "Please check what you entered."
AWAY = (
    "We cannot answer right now. Please try again in a moment.",
    "Şu anda yanıt veremiyoruz. Lütfen birazdan yeniden deneyin.",
)
REACHED = {
    "invalid": Reached(
        lambda world: world.api.post("send-otp-email", {}, **world.headers),
        400, "validation_failed", "Validation failed", CHECK, "Lütfen girdiklerinizi kontrol edin.",
    ),
    "wrong code": Reached(
        wrong_code,
        401, "code_invalid", CODE_REFUSED, "The code is wrong or has expired.", f"{CODE_REFUSED}.",
    ),
    "no token": Reached(
        lambda world: world.api.call("GET", "me", **world.headers),
        401, "unauthorized", "Unauthorized", "Please sign in.", "Lütfen giriş yapın.",
    ),
    "suspended": Reached(
        suspended,
        403, "account_suspended", "Hesap kullanıma kapalı",
    ),
    "leaving": Reached(
        leaving,
        403, "deletion_pending", "Hesap kullanıma kapalı",
    ),
    "unknown client": Reached(
        lambda world: world.send(clientId="unknown"),
        404, "client_unknown", "Resource not found", "There is nothing here.", "Burada bir şey yok.",
    ),
    "unknown path": Reached(
        lambda world: world.api.post("nothing", {}, **world.headers),
        404, "not_found", "Resource not found", "There is nothing here.", "Burada bir şey yok.",
    ),
    "too soon": Reached(
        too_soon,
        409, "resend_too_soon", CANNOT, retry=True,
    ),
    "already registered": Reached(
        registered,
        409, "already_registered", CANNOT,
    ),
    "too many": Reached(
        limited,
        429, "too_many_requests", "Too many requests", retry=True,
    ),
    "undelivered": Reached(
        undelivered,
        500, "delivery_failed", "Email gönderilirken hata oluştu", "The letter could not be sent. Please try again.",
        "E-posta gönderilirken hata oluştu. Lütfen yeniden deneyin.",
    ),
    "internal": Reached(
        lost_secret,
        500, "internal_error", "Internal server error",
    ),
    "no PostgreSQL": Reached(
        no_database,
        503, "service_unavailable", "Service unavailable", retry=True,
    ),
    "no SQLite file": Reached(
        no_directory,
        503, "service_unavailable", "Service unavailable", *AWAY, retry=True,
    ),
}  # fmt: skip


def test_every_status_of_the_contract_is_reached_by_a_request_of_this_file() -> None:
    assert {reached.status for reached in REACHED.values()} == {400, 401, 403, 404, 409, 429, 500, 503}


@pytest.mark.parametrize("name", REACHED)
def test_without_a_language_a_refusal_says_the_contracts_text_to_the_letter(world: World, name: str) -> None:
    reached = REACHED[name]
    answer = reached.call(world)
    assert (answer.status_code, answer.headers["X-Error-Code"]) == (reached.status, reached.code)
    assert answer.json["errors"][0] == reached.text
    assert answer.json["data"] is None
    assert (int(answer.headers.get("Retry-After", 0)) > 0) is reached.retry


@pytest.mark.parametrize("language", ["en", "tr"])
@pytest.mark.parametrize(
    "name", ["invalid", "wrong code", "no token", "unknown client", "undelivered", "no SQLite file"]
)
def test_with_a_language_a_refusal_speaks_it(world: World, name: str, language: str) -> None:
    world.headers["Accept_Language"] = language
    reached = REACHED[name]
    answer = reached.call(world)
    assert answer.json["errors"][0] == {"en": reached.english, "tr": reached.turkish}[language]
    assert (answer.status_code, answer.headers["X-Error-Code"]) == (reached.status, reached.code)
    assert "Accept-Language" in answer.headers["Vary"]


LANGUAGES = {
    "tr-TR,tr;q=0.9,en;q=0.8": "turkish",
    "en-GB": "english",
    "EN": "english",
    "it, en;q=0.5": "english",
    "tr;q=0.2, en;q=0.9": "english",
    "*, tr;q=0.5": "turkish",
    "*": "text",
    "*;q=0.5": "text",
    "it, nl;q=0.9": "text",
    "": "text",
    "en;q=0": "text",
    "english": "text",
}


def test_the_best_language_that_we_have_is_chosen_and_a_star_is_no_wish(world: World) -> None:
    reached = REACHED["no token"]
    for header, expected in LANGUAGES.items():
        world.headers["Accept_Language"] = header
        assert reached.call(world).json["errors"] == [getattr(reached, expected)], header


def test_details_speak_the_callers_language_and_english_where_none_was_named(world: World) -> None:
    shown = []
    for header in ("tr", "en", "*"):
        world.headers["Accept_Language"] = header
        shown.append(REACHED["invalid"].call(world).json["errors"][1])
    assert shown == ["email: zorunlu", "email: is required", "email: is required"]


def test_neither_a_query_nor_a_cookie_changes_the_language_of_the_api(app: Flask) -> None:
    """The contract knows Accept-Language only; a page's choice of language lies in a cookie of the same host."""
    for path, cookie in (("/api/v1/auth/me?lang=tr", ""), ("/api/v1/auth/me", "lang=tr")):
        headers = {"Accept-Language": "en", "Cookie": cookie}
        answer = app.test_client(use_cookies=False).get(path, headers=headers)
        assert answer.json["errors"] == [REACHED["no token"].english], (path, cookie)


def test_an_internal_error_says_nothing_about_its_cause(world: World) -> None:
    answer = REACHED["internal"].call(world)
    assert answer.json["errors"] == ["Internal server error"]
    assert "key" not in answer.text.lower()
    assert answer.headers["X-Request-Id"]
