"""The secret that encrypts the signing keys: they and their tokens outlive its change, and its loss has a way out."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from auth_portal.errors import KeysUnreadable
from auth_portal.signin.keys import ALGORITHMS
from tests.conftest import Made, services_of
from tests.drivers import outcome
from tests.rotating import ADA, UNAUTHORIZED, id_token, keys_of, kids, me, node, published

__all__ = ["node"]
OLD, NEW = "former secret of the tests/" * 2, "present secret of the tests/" * 2


def kid_of(data: dict[str, Any]) -> str:
    """The key that signed an access token."""
    return str(jwt.get_unverified_header(data["accessToken"])["kid"])


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
    before, identity = node(secret_key=OLD).register(ADA), id_token(node(secret_key=OLD))
    keys_of(node(secret_key=NEW, secret_key_fallbacks=OLD)).rotate()
    assert me(node(secret_key=NEW), before) == 200
    assert services_of(node(secret_key=NEW).app).tokens.read_id_token(identity)["sub"] == "s"


def test_under_a_lost_secret_nothing_is_signed_and_no_key_is_made_silently(node: Made) -> None:
    before = published(node(secret_key=OLD))
    for algorithm in ALGORITHMS:
        with pytest.raises(KeysUnreadable):
            keys_of(node(secret_key=NEW)).current(algorithm)
    with pytest.raises(KeysUnreadable):
        keys_of(node(secret_key=NEW)).published()
    assert published(node(secret_key=OLD)) == before


def test_a_lost_secret_has_a_way_out(node: Made) -> None:
    """The operator drops the keys that nobody can read; people sign in again."""
    before = node(secret_key=OLD).register(ADA)
    new = kids(keys_of(node(secret_key=NEW)).rotate(drop_former=True))
    assert published(node(secret_key=NEW)) == new
    assert outcome(node(secret_key=NEW).call("GET", "me", token=before["accessToken"])) == UNAUTHORIZED
    assert node(secret_key=NEW).register("b@example.com")["tokenType"] == "Bearer"
