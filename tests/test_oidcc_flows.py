"""The Basic OP and Form Post OP plans of the OpenID Foundation: what modules ask of the sign-in (CONF-02).

Each test bears the name of a module and checks what that checks; ``basic`` and ``formpost`` in its id are the plans.
Where a module wants a screenshot, the page's status and heading are checked. The rest is in ``test_oidcc_basic``.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from auth_portal.oidc.requests import ACR
from auth_portal.settings import LOCALES
from tests.oidcc import ISSUER, RUNS, Suite, check_id_token, check_page, check_token_answer
from tests.relying import ADA, CALLBACK
from tests.support.smtp import MailSink

NEEDS_PERSON = {"login_required", "interaction_required", "consent_required", "account_selection_required"}


@pytest.fixture(params=RUNS)
def run(request: pytest.FixtureRequest) -> str:
    """A plan and its database."""
    return str(request.param)


@pytest.fixture
def database_url(run: str, new_database: Callable[[str], str]) -> str:
    """The database of the run."""
    return new_database(run.partition("-")[2])


@pytest.fixture
def suite(run: str, make_app: Callable[..., Flask], outbox: MailSink) -> Suite:
    """A run of the Basic plan, and one of the Form Post plan."""
    return Suite(make_app(public_url=ISSUER), outbox, run)


def shown_sign_in(suite: Suite, start: TestResponse) -> None:
    """An authorization request led to the first page of the sign-in, and to no letter."""
    assert start.status_code == 303
    assert start.location.startswith("/login?request=")
    letters = suite.letters
    check_page(suite.person.follow(start), suite.person, 200, "Sign in")
    assert suite.letters == letters


def shown_and_signed_in(suite: Suite, **parameters: str) -> None:
    """With this parameter the usual sign-in is shown, without an error, and ends with good tokens."""
    start = suite.send(**parameters)
    shown_sign_in(suite, start)
    fields = suite.callback(suite.sign_in(start))
    tokens = check_token_answer(suite.first.exchange(fields["code"]))
    claims = check_id_token(suite.first, tokens, suite.sent["nonce"])
    suite.userinfo({**tokens, "claims": claims})


def test_oidcc_response_type_missing(suite: Suite) -> None:
    """The client is told, by its own way, and nobody has to sign in for that."""
    assert suite.error(suite.send(response_type=None)) in ("invalid_request", "unsupported_response_type")
    assert suite.sign_ins == 0


def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(suite: Suite) -> None:
    """A code, and an ID token without a nonce."""
    assert "nonce" not in suite.tokens(nonce=None)["claims"]


def test_oidcc_display_page(suite: Suite) -> None:
    """``display=page``."""
    shown_and_signed_in(suite, display="page")


def test_oidcc_display_popup(suite: Suite) -> None:
    """``display=popup`` is not offered, and no error either (OP-19)."""
    shown_and_signed_in(suite, display="popup")


def again_after(suite: Suite, clock: time_machine.Traveller, seconds: int, **parameters: str) -> tuple[int, int]:
    """The person signs in, and later once more although she is signed in: both times of authentication."""
    first = suite.tokens(**{name: value for name, value in parameters.items() if name == "max_age"})["claims"]
    clock.shift(seconds)
    start = suite.send(**parameters)
    shown_sign_in(suite, start)
    clock.shift(1)
    fields = suite.callback(suite.sign_in(start))
    tokens = check_token_answer(suite.first.exchange(fields["code"]))
    second = check_id_token(suite.first, tokens, suite.sent["nonce"])
    assert suite.sign_ins == 2
    assert second["sub"] == first["sub"]
    assert 0 <= second["iat"] - second["auth_time"] <= 2
    return first["auth_time"], second["auth_time"]


def test_oidcc_prompt_login(suite: Suite, clock: time_machine.Traveller) -> None:
    """``prompt=login`` asks anew; the time of authentication is later."""
    before, after = again_after(suite, clock, 1, prompt="login")
    assert after > before


def test_oidcc_max_age_1(suite: Suite, clock: time_machine.Traveller) -> None:
    """After more than one second ``max_age=1`` asks anew; the time is there, later and recent."""
    before, after = again_after(suite, clock, 2, max_age="1")
    assert after - before >= 2


def test_oidcc_prompt_none_not_logged_in(suite: Suite) -> None:
    """Nobody is signed in: the client is told at once, with its long state as it was sent; no page, no letter."""
    state = ("A-b.c~9_" * 16)[:128]
    letters = suite.letters
    assert suite.error(suite.send(prompt="none", state=state)) in NEEDS_PERSON
    assert suite.sent["state"] == state
    assert suite.letters == letters


def silently(suite: Suite, clock: time_machine.Traveller, **parameters: str) -> None:
    """A second request succeeds without a page, for the same person and the same authentication."""
    first = suite.tokens()["claims"]
    clock.shift(2)
    second = suite.tokens(**parameters)["claims"]
    assert suite.sign_ins == 1
    for name in ("sub", "auth_time", "sid"):
        assert second[name] == first[name]
    assert second["iat"] > first["iat"]


def test_oidcc_prompt_none_logged_in(suite: Suite, clock: time_machine.Traveller) -> None:
    """Somebody is signed in: ``prompt=none`` succeeds."""
    silently(suite, clock, prompt="none")


def test_oidcc_max_age_10000(suite: Suite, clock: time_machine.Traveller) -> None:
    """``max_age=10000`` does not ask anew."""
    silently(suite, clock, max_age="10000")


def test_oidcc_id_token_hint(suite: Suite) -> None:
    """``prompt=none`` with the hint of who is signed in succeeds for the same person."""
    first = suite.tokens()
    second = suite.tokens(prompt="none", id_token_hint=first["id_token"])
    assert second["claims"]["sub"] == first["claims"]["sub"]
    assert suite.sign_ins == 1


def test_oidcc_ensure_request_with_unknown_parameter_succeeds(suite: Suite) -> None:
    """``extra=foobar`` is ignored."""
    suite.tokens(extra="foobar")


def test_oidcc_login_hint(suite: Suite) -> None:
    """``login_hint`` makes no error and sends no letter; the page has the address filled in (OP-18)."""
    start = suite.send(login_hint=ADA)
    shown_sign_in(suite, start)
    assert suite.person.value("email") == ADA
    suite.callback(suite.sign_in(start))


def test_oidcc_ui_locales(suite: Suite) -> None:
    """``ui_locales`` makes no error; the page speaks the first of them that we do."""
    start = suite.send(ui_locales="se tr en")
    suite.person.follow(start)
    assert '<html lang="tr"' in suite.person.page
    suite.callback(suite.sign_in(start))
    shown_sign_in(suite, suite.send(ui_locales="se", prompt="login"))


def test_oidcc_claims_locales(suite: Suite) -> None:
    """``claims_locales`` makes no error."""
    assert set(LOCALES) >= {"en"}
    shown_and_signed_in(suite, claims_locales="se")


def test_oidcc_ensure_request_with_acr_values_succeeds(suite: Suite) -> None:
    """The ID token has one of the levels that were asked for; asking for another makes no error."""
    wanted = suite.metadata["acr_values_supported"]
    assert wanted == [ACR]
    assert suite.tokens(acr_values=" ".join([*wanted, "urn:another"]))["claims"]["acr"] in wanted
    assert suite.tokens(acr_values="1 2")["claims"]["acr"] == ACR


def test_oidcc_ensure_registered_redirect_uri(suite: Suite) -> None:
    """An address that is not registered: an error page, whoever is signed in, and no way to that address."""
    for _ in ("signed out", "signed in"):
        for address in (f"{CALLBACK}/other", "https://evil.example/", f"{CALLBACK}?a=b", CALLBACK.upper()):
            answer = suite.send(redirect_uri=address)
            check_page(answer, suite.person, 400, "That did not work")
            assert "The app that sent you here is not registered, or its return address is not." in answer.text
            assert "evil.example" not in answer.text
        suite.authorize()


def test_oidcc_ensure_post_request_succeeds(suite: Suite) -> None:
    """A request by POST from another site, which carries no cookie of ours, does the same (D6)."""
    for is_signed_in in (False, True):
        form = dict(parse_qsl(urlsplit(suite.request()).query))
        # Lax cookies are not sent with it, but those of the answer are kept and all are sent with the redirect.
        answer = suite.app.test_client(use_cookies=False).post("/oauth/authorize", data=form)
        assert answer.status_code == 303
        assert not set(form.values()) & set(parse_qsl(urlsplit(answer.location).query))
        while answer.status_code == 303 and answer.location.startswith("/oauth/"):
            answer = suite.person.follow(answer)
        if not is_signed_in:
            answer = suite.sign_in(answer)
        fields = suite.callback(answer)
        check_id_token(suite.first, check_token_answer(suite.first.exchange(fields["code"])), suite.sent["nonce"])
    assert suite.sign_ins == 1
