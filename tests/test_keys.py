"""The keys that sign tokens: made once, rotated without a gap, encrypted at rest, dropped after a leak."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta

import jwt
import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from auth_portal.errors import Unauthenticated
from auth_portal.signin.keys import ALGORITHMS, PUBLISH_LEAD, Algorithm
from tests.conftest import NOW, Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, outcome
from tests.relying import RelyingParty
from tests.rotating import ADA, UNAUTHORIZED, id_token, keys_of, kids, me, node, published
from tests.support.api import in_parallel

__all__ = ["node"]
LEAD = int(PUBLISH_LEAD.total_seconds())


def signing(node: ApiDriver, email: str) -> list[str]:
    """The keys that a node signs with: a new person's access token, and an ID token."""
    access = node.register(email)["accessToken"]
    headers = [jwt.get_unverified_header(token) for token in (access, id_token(node))]
    assert [header["alg"] for header in headers] == list(ALGORITHMS)
    return [header["kid"] for header in headers]


def test_the_key_set_has_one_key_of_each_algorithm_with_public_members_only(node: Made) -> None:
    """JWT-08, JWT-09."""
    answer = node().call("GET", "/.well-known/jwks.json")
    curve, modulus = answer.json["keys"]
    assert sorted(curve) == ["alg", "crv", "kid", "kty", "use", "x", "y"]
    assert (curve["kty"], curve["crv"], curve["alg"], curve["use"]) == ("EC", "P-256", "ES256", "sig")
    assert sorted(modulus) == ["alg", "e", "kid", "kty", "n", "use"]
    assert (modulus["kty"], modulus["e"], modulus["alg"], modulus["use"]) == ("RSA", "AQAB", "RS256", "sig")
    assert jwt.PyJWK(modulus).key.key_size >= 2_048
    assert curve["kid"] != modulus["kid"]
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_kid_is_the_thumbprint_of_its_key(node: Made) -> None:
    """RFC 7638: whoever reads the key set can tell that nobody swapped a key under its name."""
    required = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}
    keys = node().call("GET", "/.well-known/jwks.json").json["keys"]
    assert len(keys) == 2
    for key in keys:
        members = json.dumps({name: key[name] for name in required[key["kty"]]}, separators=(",", ":"))
        thumbprint = base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).decode().rstrip("=")
        assert key["kid"] == thumbprint


def test_all_nodes_share_the_keys_and_keep_them(node: Made) -> None:
    first, second = node(), node()
    assert published(first) == published(second) == published(node())
    assert me(second, first.register(ADA)) == 200
    assert services_of(second.app).tokens.read_id_token(id_token(first))["sub"] == "s"
    assert len(published(node())) == 2


@pytest.mark.parametrize("wanted", [("ES256",), ("RS256",), ALGORITHMS], ids="+".join)
def test_nodes_that_make_the_first_keys_at_once_make_one_of_each(
    app: Flask, node: Made, wanted: tuple[Algorithm, ...]
) -> None:
    makers = [(keys_of(node()), algorithm) for algorithm in wanted for _ in range(4)]
    made = in_parallel([lambda keys=keys, name=name: keys.current(name) for keys, name in makers])
    assert [getattr(key, "algorithm", key) for key in made] == [name for _keys, name in makers]
    assert len({getattr(key, "kid", key) for key in made}) == len(wanted)
    with services_of(app).engine.connect() as connection:
        found = connection.execute(text("SELECT algorithm FROM signing_key ORDER BY algorithm")).scalars().all()
    assert found == sorted(wanted)


def test_nodes_that_are_asked_for_their_first_key_set_at_once_publish_the_same(app: Flask, node: Made) -> None:
    nodes = [keys_of(node()) for _ in range(4)]
    sets = in_parallel([one.published for one in nodes])
    assert {tuple(sorted(key.algorithm for key in keys)) for keys in sets if isinstance(keys, list)} == {ALGORITHMS}
    assert len({tuple(sorted(key.kid for key in keys)) if isinstance(keys, list) else keys for keys in sets}) == 1
    with services_of(app).engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM signing_key")).scalar() == 2


@pytest.mark.parametrize("is_rotating", [False, True])
def test_an_installation_of_an_older_release_gets_its_rs256_key_when_the_key_set_is_read(
    app: Flask, node: Made, is_rotating: bool
) -> None:
    """Such a one has ES256 keys only; they stay, and so do their tokens."""
    before = node().register(ADA)
    if is_rotating:
        keys_of(node()).rotate()
        with services_of(app).engine.begin() as connection:
            connection.execute(text("DELETE FROM signing_key WHERE algorithm = 'RS256'"))
    old = [key.kid for key in keys_of(node())._read()]
    assert len(old) == 1 + is_rotating
    upgraded = node()
    (new,) = set(published(upgraded)) - set(old)
    assert published(upgraded, "ES256") == old
    assert published(node(), "RS256") == [new]
    assert keys_of(node()).current("RS256").state(NOW) == "active"
    assert me(node(), before) == 200


def test_a_key_is_published_before_it_signs(node: Made, clock: time_machine.Traveller) -> None:
    """JWT-10: every verifier that honours our cache header has the key before the first token needs it."""
    old = signing(node(), ADA)
    new = kids(keys_of(node()).rotate())
    assert published(node()) == [*old, *new]
    assert signing(node(), "b@example.com") == old
    clock.shift(LEAD - 1)
    assert signing(node(), "c@example.com") == old
    clock.shift(1)
    assert signing(node(), "d@example.com") == new


def test_a_key_is_published_for_longer_than_verifiers_keep_the_key_set(node: Made) -> None:
    cached = int(node().call("GET", "/.well-known/jwks.json").headers["Cache-Control"].rpartition("=")[2])
    assert timedelta(seconds=cached) < PUBLISH_LEAD


def test_a_former_key_verifies_until_its_last_token_is_over(node: Made, clock: time_machine.Traveller) -> None:
    """JWT-10: also the registration token of the last second, which lives a day."""
    api = node()
    old = signing(api, "first@example.com")
    keys_of(api).rotate()
    clock.shift(LEAD - 1)
    last, pending = node().register(ADA), node().proven("new@example.com")["registrationToken"]
    identity = id_token(node())
    clock.shift(599)
    assert signing(node(), "late@example.com") != old
    assert me(node(), last) == 200
    assert services_of(node().app).tokens.read_id_token(identity)["sub"] == "s"
    clock.shift(86_400 - 600)
    body = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}
    assert node().post("complete-registration", body, token=pending).status_code == 201


def test_a_former_key_verifies_only_hints_when_its_last_token_is_over(
    node: Made, clock: time_machine.Traveller
) -> None:
    """Core 3.1.2.1, RPI 2: an ID token comes back as a hint for as long as its session may live."""
    api = node()
    old, identity = published(api), id_token(api)
    new = kids(keys_of(api).rotate())
    clock.shift(LEAD + 86_400 + 120)
    assert published(node()) == new
    keys_of(node()).rotate()
    assert [keys_of(node()).find(kid) for kid in old] == [None, None]
    assert services_of(node().app).tokens.read_id_token(identity)["sub"] == "s"


def test_a_former_key_is_gone_when_its_last_session_is_over(node: Made, clock: time_machine.Traveller) -> None:
    api = node()
    old, identity = published(api), id_token(api)
    keys_of(api).rotate()
    clock.shift(LEAD + 31 * 86_400 + 120)
    with pytest.raises(Unauthenticated):
        services_of(node().app).tokens.read_id_token(identity)
    keys_of(node()).rotate()
    with services_of(api.app).engine.connect() as connection:
        stored = connection.execute(text("SELECT kid FROM signing_key")).scalars().all()
    assert len(stored) == 4
    assert not set(stored) & set(old)


@pytest.mark.parametrize("kid", ["x" * 43, "", "\0" * 43, "ü" * 43, "x" * 4_000])
def test_no_such_key_was_ever_ours(node: Made, kid: str) -> None:
    assert keys_of(node()).find_former(kid) is None


def test_rotating_during_traffic_fails_nobody(node: Made, clock: time_machine.Traveller) -> None:
    """JWT-10: three rotations in a row; a token is good at every node as long as it lives."""
    for number in range(3):
        tokens, identity = node().register(f"person{number}@example.com"), id_token(node())
        keys_of(node()).rotate()
        for _ in range(2):
            assert me(node(), tokens) == 200
            assert services_of(node().app).tokens.read_id_token(identity)["sub"] == "s"
            clock.shift(298)


def test_at_once_signs_with_the_new_key_and_still_takes_the_old_ones_tokens(node: Made) -> None:
    before, identity = node().register(ADA), id_token(node())
    new = kids(keys_of(node()).rotate(at_once=True))
    assert signing(node(), "b@example.com") == new
    assert me(node(), before) == 200
    assert services_of(node().app).tokens.read_id_token(identity)["sub"] == "s"


def test_a_key_that_was_waiting_never_overtakes_one_that_signs_at_once(
    node: Made, clock: time_machine.Traveller
) -> None:
    keys_of(node()).rotate()
    emergency = kids(keys_of(node()).rotate(at_once=True))
    clock.shift(LEAD + 60)
    assert [keys_of(node()).current(algorithm).kid for algorithm in ALGORITHMS] == emergency


def test_a_leaked_key_is_dropped_with_all_its_tokens(node: Made) -> None:
    """JWT-11: and people go on with their refresh tokens."""
    before, identity = node().register(ADA), id_token(node())
    new = kids(keys_of(node()).rotate(drop_former=True))
    assert published(node()) == new
    with pytest.raises(Unauthenticated):
        services_of(node().app).tokens.read_id_token(identity)
    assert outcome(node().call("GET", "me", token=before["accessToken"])) == UNAUTHORIZED
    refreshed = node().post("refresh-token", {"refreshToken": before["refreshToken"]}).json["data"]
    assert me(node(), refreshed) == 200


def test_a_node_learns_of_a_key_that_another_one_signs_with(node: Made) -> None:
    """It asks again for a kid that it does not know, without waiting for its next reload."""
    late = node()
    published(late)
    keys = keys_of(late)
    keys._read_at -= 2  # the last look was two seconds ago; at most one a second is allowed
    other = node()
    keys_of(other).rotate(at_once=True)
    assert me(late, other.register(ADA)) == 200


def test_states_tell_what_each_key_does(node: Made, clock: time_machine.Traveller) -> None:
    keys_of(node()).published()
    keys_of(node()).rotate()
    keys = keys_of(node()).published()
    for algorithm in ALGORITHMS:
        own = [key for key in keys if key.algorithm == algorithm]
        assert [key.state(NOW) for key in own] == ["active", "next"]
        after = NOW + PUBLISH_LEAD
        assert [key.state(after) for key in own] == ["retiring", "active"]


def test_a_key_of_one_algorithm_does_not_end_that_of_the_other(node: Made, clock: time_machine.Traveller) -> None:
    """Its RS256 key comes later than its ES256 key where an older release made that one."""
    keys_of(node()).ensure("ES256")
    clock.shift(86_400)
    keys = keys_of(node()).published()
    assert [(key.algorithm, key.state(NOW + timedelta(days=2))) for key in keys] == [
        ("ES256", "active"),
        ("RS256", "active"),
    ]


def test_private_keys_are_encrypted_in_the_database(app: Flask) -> None:
    """JWT-11."""
    services_of(app).keys.published()
    with services_of(app).engine.connect() as connection:
        stored = connection.execute(text("SELECT private_key FROM signing_key")).scalars().all()
    assert len(stored) == 2
    assert all(bytes(cipher).startswith(b"gAAAA") for cipher in stored)  # Fernet, version 128


def test_a_clients_longest_token_verifies_after_its_key_signs_no_more(
    node: Made, clock: time_machine.Traveller
) -> None:
    """JWT-10: an app may have tokens of an hour where the portal's own are over in a minute."""
    short = {"access_token_ttl": 60, "registration_ttl": 60}
    api = node(**short)
    person = BrowserDriver(api.app, api.outbox)
    person.register(ADA)
    shop = RelyingParty(api.app, access_token_ttl=3_600)
    old = published(api)
    keys_of(api).rotate()
    clock.shift(PUBLISH_LEAD.total_seconds() - 1)
    tokens = shop.sign_in(person)
    clock.shift(3_590)
    late = node(**short).call("GET", "/oauth/userinfo", token=tokens["access_token"])
    assert late.status_code == 200
    kid = jwt.get_unverified_header(tokens["access_token"])["kid"]
    assert kid in old
    assert kid in published(node(**short))
