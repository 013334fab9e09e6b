"""The keys that sign tokens: made once, rotated without a gap, encrypted at rest, dropped after a leak."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from auth_portal.errors import KeysUnreadable
from auth_portal.signin.keys import PUBLISH_LEAD, SigningKeys
from tests.conftest import NOW, Made, services_of
from tests.drivers import ApiDriver, outcome
from tests.support.api import in_parallel
from tests.support.smtp import MailSink

ADA = "ada@example.com"
OLD, NEW = "former secret of the tests/" * 2, "present secret of the tests/" * 2
LEAD = int(PUBLISH_LEAD.total_seconds())
UNAUTHORIZED = (401, "unauthorized")


@pytest.fixture
def node(clock: time_machine.Traveller, make_app: Made, outbox: MailSink) -> Any:
    """Starts one more node of the portal, which has read nothing yet; the clock stands still."""
    return lambda **settings: ApiDriver(make_app(**settings), outbox)


def keys_of(node: ApiDriver) -> SigningKeys:
    """A node's signing keys."""
    return services_of(node.app).keys


def published(node: ApiDriver) -> list[str]:
    """The ids in the node's key set, oldest first."""
    return [key["kid"] for key in node.call("GET", "/.well-known/jwks.json").json["keys"]]


def kid_of(data: dict[str, Any]) -> str:
    """The key that signed an access token."""
    return str(jwt.get_unverified_header(data["accessToken"])["kid"])


def me(node: ApiDriver, data: dict[str, Any]) -> int:
    """The status of the profile."""
    return node.call("GET", "me", token=data["accessToken"]).status_code


def test_the_key_set_has_one_key_with_public_members_only(node: Made) -> None:
    """JWT-08, JWT-09."""
    answer = node().call("GET", "/.well-known/jwks.json")
    (key,) = answer.json["keys"]
    assert sorted(key) == ["alg", "crv", "kid", "kty", "use", "x", "y"]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_kid_is_the_thumbprint_of_its_key(node: Made) -> None:
    """RFC 7638: whoever reads the key set can tell that nobody swapped a key under its name."""
    (key,) = node().call("GET", "/.well-known/jwks.json").json["keys"]
    assert jwt.PyJWK(key).key_id == key["kid"]
    assert len(key["kid"]) == 43


def test_all_nodes_share_one_key_and_keep_it(node: Made) -> None:
    first, second = node(), node()
    assert published(first) == published(second) == published(node())
    assert me(second, first.register(ADA)) == 200


def test_nodes_that_make_the_first_key_at_once_make_one(app: Flask, node: Made) -> None:
    makers = [keys_of(node()) for _ in range(4)]
    made = in_parallel([maker.current for maker in makers])
    assert len({getattr(key, "kid", key) for key in made}) == 1
    with services_of(app).engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM signing_key")).scalar() == 1


def test_a_key_is_published_before_it_signs(node: Made, clock: time_machine.Traveller) -> None:
    """JWT-10: every verifier that honours our cache header has the key before the first token needs it."""
    api = node()
    before = api.register(ADA)
    new = keys_of(node()).rotate()
    assert published(node()) == [kid_of(before), new.kid]
    assert kid_of(node().register("b@example.com")) == kid_of(before)
    clock.shift(LEAD - 1)
    assert kid_of(node().register("c@example.com")) == kid_of(before)
    clock.shift(1)
    assert kid_of(node().register("d@example.com")) == new.kid


def test_a_key_is_published_for_longer_than_verifiers_keep_the_key_set(node: Made) -> None:
    cached = int(node().call("GET", "/.well-known/jwks.json").headers["Cache-Control"].rpartition("=")[2])
    assert timedelta(seconds=cached) < PUBLISH_LEAD


def test_a_former_key_verifies_until_its_last_token_is_over(node: Made, clock: time_machine.Traveller) -> None:
    """JWT-10: also the registration token of the last second, which lives a day."""
    api = node()
    api.register("first@example.com")
    keys_of(api).rotate()
    clock.shift(LEAD - 1)
    last, pending = node().register(ADA), node().proven("new@example.com")["registrationToken"]
    clock.shift(599)
    assert me(node(), last) == 200
    clock.shift(86_400 - 600)
    body = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}
    assert node().post("complete-registration", body, token=pending).status_code == 201


def test_a_former_key_is_gone_when_its_last_token_is_over(node: Made, clock: time_machine.Traveller) -> None:
    api = node()
    old = published(api)[0]
    new = keys_of(api).rotate()
    clock.shift(LEAD + 86_400 + 120)
    assert published(node()) == [new.kid]
    keys_of(node()).rotate()
    assert keys_of(node()).find(old) is None


def test_rotating_during_traffic_fails_nobody(node: Made, clock: time_machine.Traveller) -> None:
    """JWT-10: three rotations in a row; a token is good at every node as long as it lives."""
    for number in range(3):
        tokens = node().register(f"person{number}@example.com")
        keys_of(node()).rotate()
        for _ in range(2):
            assert me(node(), tokens) == 200
            clock.shift(298)


def test_at_once_signs_with_the_new_key_and_still_takes_the_old_ones_tokens(node: Made) -> None:
    before = node().register(ADA)
    new = keys_of(node()).rotate(at_once=True)
    assert kid_of(node().register("b@example.com")) == new.kid
    assert me(node(), before) == 200


def test_a_key_that_was_waiting_never_overtakes_one_that_signs_at_once(
    node: Made, clock: time_machine.Traveller
) -> None:
    keys_of(node()).rotate()
    emergency = keys_of(node()).rotate(at_once=True)
    clock.shift(LEAD + 60)
    assert keys_of(node()).current().kid == emergency.kid


def test_a_leaked_key_is_dropped_with_all_its_tokens(node: Made) -> None:
    """JWT-11: and people go on with their refresh tokens."""
    before = node().register(ADA)
    new = keys_of(node()).rotate(drop_former=True)
    assert published(node()) == [new.kid]
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
    keys_of(node()).ensure()
    keys_of(node()).rotate()
    keys = keys_of(node()).published()
    assert [key.state(NOW) for key in keys] == ["active", "next"]
    after = NOW + PUBLISH_LEAD
    assert [key.state(after) for key in keys] == ["retiring", "active"]


def test_private_keys_are_encrypted_in_the_database(app: Flask) -> None:
    """JWT-11."""
    services_of(app).keys.ensure()
    with services_of(app).engine.connect() as connection:
        stored = bytes(connection.execute(text("SELECT private_key FROM signing_key")).scalar_one())
    assert stored.startswith(b"gAAAA")  # Fernet, version 128


def test_a_new_secret_with_the_former_as_fallback_keeps_key_and_tokens(node: Made) -> None:
    """OPS-15."""
    before = node(secret_key=OLD).register(ADA)
    rotated = node(secret_key=NEW, secret_key_fallbacks=OLD)
    assert me(rotated, before) == 200
    assert kid_of(rotated.register("b@example.com")) == kid_of(before)
    assert rotated.post("refresh-token", {"refreshToken": before["refreshToken"]}).status_code == 200


def test_a_lost_answer_is_repeated_across_a_new_secret(node: Made) -> None:
    """D10: the successor that the former secret derived, not a second branch."""
    before = node(secret_key=OLD)
    token = before.register(ADA)["refreshToken"]
    first = before.post("refresh-token", {"refreshToken": token}).json["data"]["refreshToken"]
    rotated = node(secret_key=NEW, secret_key_fallbacks=OLD)
    assert rotated.post("refresh-token", {"refreshToken": token}).json["data"]["refreshToken"] == first


def test_rotating_the_keys_frees_them_from_the_former_secret(node: Made) -> None:
    """Re-encrypted: afterwards the fallback may go."""
    before = node(secret_key=OLD).register(ADA)
    keys_of(node(secret_key=NEW, secret_key_fallbacks=OLD)).rotate()
    assert me(node(secret_key=NEW), before) == 200


def test_under_a_lost_secret_nothing_is_signed_and_no_key_is_made_silently(node: Made) -> None:
    before = published(node(secret_key=OLD))
    with pytest.raises(KeysUnreadable):
        keys_of(node(secret_key=NEW)).current()
    assert published(node(secret_key=OLD)) == before


def test_a_lost_secret_has_a_way_out(node: Made) -> None:
    """The operator drops the keys that nobody can read; people sign in again."""
    before = node(secret_key=OLD).register(ADA)
    new = keys_of(node(secret_key=NEW)).rotate(drop_former=True)
    assert published(node(secret_key=NEW)) == [new.kid]
    assert outcome(node(secret_key=NEW).call("GET", "me", token=before["accessToken"])) == UNAUTHORIZED
    assert node(secret_key=NEW).register("b@example.com")["tokenType"] == "Bearer"
