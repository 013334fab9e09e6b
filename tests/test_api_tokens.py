"""Tokens of the JSON API: their claims, where they count, refreshing and signing out."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from auth_portal.errors import Unauthenticated
from auth_portal.signin.keys import ALGORITHMS
from tests.bearing import ADA, CLAIMS, ISSUER, UNAUTHORIZED, me, tokens
from tests.conftest import NOW, services_of
from tests.drivers import ApiDriver, data_of, outcome

__all__ = ["tokens"]


def refresh(api: ApiDriver, token: Any) -> TestResponse:
    """Exchange a refresh token."""
    return api.post("refresh-token", {"refreshToken": token})


def successor(api: ApiDriver, token: str) -> str:
    """The refresh token that follows this one."""
    answer = refresh(api, token)
    assert answer.status_code == 200, answer.text
    return str(data_of(answer)["refreshToken"])


def published(api: ApiDriver) -> list[dict[str, str]]:
    """The key set."""
    keys: list[dict[str, str]] = api.call("GET", "/.well-known/jwks.json").json["keys"]
    return keys


def test_anyone_verifies_an_access_token_offline_and_reads_these_claims(
    api: ApiDriver, tokens: dict[str, Any]
) -> None:
    """JWT-04, JWT-07, JWT-13: RFC 9068, no personal data."""
    token = tokens["accessToken"]
    header = jwt.get_unverified_header(token)
    key = next(key for key in published(api) if key["kid"] == header["kid"])
    claims = jwt.decode(token, jwt.PyJWK(key), algorithms=[key["alg"]], audience=ISSUER, issuer=ISSUER)
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    assert set(claims) == {*CLAIMS, "scope", "amr"}
    now = int(NOW.timestamp())
    assert (claims["iat"], claims["auth_time"], claims["exp"]) == (now, now, now + tokens["expiresIn"])
    assert (claims["sub"], claims["amr"]) == (tokens["user"]["id"], ["otp"])


def test_two_access_tokens_of_a_session_share_sid_and_auth_time_but_no_jti(
    api: ApiDriver, tokens: dict[str, Any], clock: time_machine.Traveller
) -> None:
    clock.shift(100)
    later = data_of(refresh(api, tokens["refreshToken"]))["accessToken"]
    one, two = (jwt.decode(token, options={"verify_signature": False}) for token in (tokens["accessToken"], later))
    assert (one["sid"], one["auth_time"], one["sub"]) == (two["sid"], two["auth_time"], two["sub"])
    assert one["jti"] != two["jti"]
    assert two["iat"] - one["iat"] == 100


@pytest.mark.parametrize(("second", "status"), [(0, 200), (599, 200), (606, 401)])
def test_an_access_token_lives_ten_minutes(
    api: ApiDriver, tokens: dict[str, Any], clock: time_machine.Traveller, second: int, status: int
) -> None:
    """JWT-06, JWT-07."""
    clock.shift(second)
    assert me(api, tokens["accessToken"]).status_code == status


def test_an_authorization_without_a_bearer_token_is_no_credential(api: ApiDriver, tokens: dict[str, Any]) -> None:
    """JWT-15: no error code where no credentials were sent."""
    for value in ("", "Bearer", "Bearer ", "Basic YTpi", "Token {0}", "{0}", "Bearer{0}"):
        answer = api.call("GET", "me", Authorization=value.format(tokens["accessToken"]))
        assert (outcome(answer), answer.headers["WWW-Authenticate"]) == (UNAUTHORIZED, "Bearer")


def test_a_token_counts_in_the_header_only(api: ApiDriver, tokens: dict[str, Any]) -> None:
    """JWT-14; the scheme's name knows no case."""
    token = tokens["accessToken"]
    assert outcome(me(api, None)) == UNAUTHORIZED
    assert outcome(api.call("GET", f"me?access_token={token}")) == UNAUTHORIZED
    assert api.call("GET", "me", Authorization=f"bearer {token}").status_code == 200


def test_a_refresh_gives_new_tokens_and_the_family_keeps_its_end(
    api: ApiDriver, tokens: dict[str, Any], clock: time_machine.Traveller
) -> None:
    """REF-02, REF-05."""
    clock.shift(86_400)
    data = data_of(refresh(api, tokens["refreshToken"]))
    assert sorted(data) == sorted(tokens)
    assert data["refreshToken"] != tokens["refreshToken"]
    assert data["refreshExpiresIn"] == tokens["refreshExpiresIn"] - 86_400
    assert me(api, data["accessToken"]).status_code == 200


def test_a_retry_within_ten_seconds_gets_the_same_successor(
    api: ApiDriver, tokens: dict[str, Any], clock: time_machine.Traveller
) -> None:
    """D10."""
    first = successor(api, tokens["refreshToken"])
    clock.shift(10)
    assert successor(api, tokens["refreshToken"]) == first
    assert successor(api, first) != first


def test_a_retry_after_eleven_seconds_kills_the_family(
    api: ApiDriver, tokens: dict[str, Any], clock: time_machine.Traveller
) -> None:
    """REF-03."""
    live = successor(api, tokens["refreshToken"])
    clock.shift(11)
    assert outcome(refresh(api, tokens["refreshToken"])) == UNAUTHORIZED
    assert outcome(refresh(api, live)) == UNAUTHORIZED
    assert outcome(me(api, tokens["accessToken"])) == UNAUTHORIZED


@pytest.mark.parametrize("wait", [0, 60])
def test_replaying_the_first_of_three_kills_the_third(
    api: ApiDriver, tokens: dict[str, Any], clock: time_machine.Traveller, wait: int
) -> None:
    """REF-03: within the grace too, since its successor was used."""
    third = successor(api, successor(api, tokens["refreshToken"]))
    clock.shift(wait)
    assert outcome(refresh(api, tokens["refreshToken"])) == UNAUTHORIZED
    assert outcome(refresh(api, third)) == UNAUTHORIZED


def test_a_replay_leaves_other_sessions_of_the_person_alone(
    api: ApiDriver, tokens: dict[str, Any], clock: time_machine.Traveller
) -> None:
    other = api.at("203.0.113.9").proven(ADA)
    successor(api, successor(api, tokens["refreshToken"]))
    refresh(api, tokens["refreshToken"])
    assert me(api, other["accessToken"]).status_code == 200


def test_a_family_ends_at_its_absolute_limit_however_often_it_is_refreshed(
    api: ApiDriver, tokens: dict[str, Any], clock: time_machine.Traveller
) -> None:
    """REF-05."""
    token = tokens["refreshToken"]
    for _ in range(29):
        clock.shift(86_400)
        token = successor(api, token)
    clock.shift(86_400)
    assert outcome(refresh(api, token)) == UNAUTHORIZED


def test_a_made_up_refresh_token_is_refused(api: ApiDriver) -> None:
    for token in ("x", "A" * 43, "A" * 200, "a.b.c"):
        assert outcome(refresh(api, token)) == UNAUTHORIZED


def test_signing_out_ends_both_tokens_at_once(api: ApiDriver, tokens: dict[str, Any]) -> None:
    """JWT-16, REF-07, SES-08."""
    answer = api.post("logout", token=tokens["accessToken"])
    assert (answer.status_code, answer.json["isSuccess"]) == (200, True)
    assert outcome(me(api, tokens["accessToken"])) == UNAUTHORIZED
    assert outcome(refresh(api, tokens["refreshToken"])) == UNAUTHORIZED
    assert outcome(api.post("logout", token=tokens["accessToken"])) == UNAUTHORIZED


def test_suspending_ends_the_sessions_and_restoring_revives_none(
    app: Flask, api: ApiDriver, tokens: dict[str, Any]
) -> None:
    """SES-10."""
    users = services_of(app).users
    users.suspend(tokens["user"]["id"])
    assert outcome(me(api, tokens["accessToken"])) == UNAUTHORIZED
    users.restore(tokens["user"]["id"])
    assert outcome(me(api, tokens["accessToken"])) == UNAUTHORIZED
    assert outcome(refresh(api, tokens["refreshToken"])) == UNAUTHORIZED


def test_each_kind_of_token_opens_only_its_own_door(api: ApiDriver, tokens: dict[str, Any]) -> None:
    """JWT-03."""
    registration = api.proven("bob@example.com")["registrationToken"]
    assert outcome(me(api, registration)) == UNAUTHORIZED
    issuer, good = services_of(api.app).tokens, tokens["accessToken"]
    claims = jwt.decode(good, options={"verify_signature": False})
    for algorithm in ALGORITHMS:
        id_token = issuer.sign(claims, algorithm=algorithm)
        assert issuer.read_id_token(id_token)["sub"] == tokens["user"]["id"]
        assert outcome(me(api, id_token)) == UNAUTHORIZED
    for other in (good, registration):
        with pytest.raises(Unauthenticated):
            issuer.read_id_token(other)
    assert outcome(me(api, tokens["refreshToken"])) == UNAUTHORIZED
    assert refresh(api, tokens["accessToken"]).status_code in (400, 401)
