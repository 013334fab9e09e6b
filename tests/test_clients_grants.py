"""What a client may ask for: grants, scopes, APIs, how long tokens live, and names that one sector knows only."""

from __future__ import annotations

from typing import Any

import pytest

from auth_portal.oidc.offers import DEVICE_GRANT, GRANT_TYPES
from auth_portal.oidc.subjects import STANDARD_SCOPES
from tests.registering import columns, faults


@pytest.mark.parametrize(
    ("wanted", "grants"),
    [
        ({}, list(GRANT_TYPES)),
        ({"auth_method": "none"}, list(GRANT_TYPES[:3])),
        ({"redirect_uris": ()}, list(GRANT_TYPES[1:])),
        ({"redirect_uris": (), "auth_method": "none"}, list(GRANT_TYPES[1:3])),
        ({"redirect_uris": (), "site": "https://wiki.example"}, ["authorization_code"]),
        ({"site": "https://wiki.example"}, list(GRANT_TYPES)),
        ({"grant_types": ("device_code", "refresh_token")}, [DEVICE_GRANT, "refresh_token"]),
        ({"grant_types": ("client_credentials", "client_credentials"), "redirect_uris": ()}, ["client_credentials"]),
    ],
)
def test_a_client_has_the_grants_that_fit_or_those_that_were_named(wanted: dict[str, Any], grants: list[str]) -> None:
    """OP-38."""
    assert columns(**wanted)["grant_types"] == grants


def test_scopes_are_the_standard_ones_or_those_that_were_named() -> None:
    """OP-38."""
    assert columns()["scopes"] == list(STANDARD_SCOPES)
    assert columns(scopes=("openid  read:all", "write openid"))["scopes"] == ["openid", "read:all", "write"]


@pytest.mark.parametrize("scope", ["account", 'a"b', "a\\b", "a\tb", "ü", "a" * 101])
def test_a_scope_that_is_reserved_or_malformed_is_refused(scope: str) -> None:
    """OP-38."""
    assert len(faults(scopes=(f"openid {scope}",))) == 1


@pytest.mark.parametrize("name", ["https://api.example/v1", "urn:example:api", "https://api.example/?x=1"])
def test_an_api_is_named_by_an_absolute_uri(name: str) -> None:
    kept = columns(resources=(name,), api_identifier=name)
    assert (kept["resources"], kept["api_identifier"]) == ([name], name)


@pytest.mark.parametrize("name", ["api", "/api", "https://api.example/#v1", "urn:a b", "urn:" + "a" * 252, "urn:ü"])
def test_an_api_with_no_such_name_is_refused(name: str) -> None:
    assert len(faults(resources=(name,))) == len(faults(api_identifier=name)) == 1


@pytest.mark.parametrize(
    ("field", "given", "seconds"),
    [
        ("access_token_ttl", "30", 30),
        ("access_token_ttl", "10m", 600),
        ("access_token_ttl", 3_600, 3_600),
        ("access_token_ttl", None, None),
        ("refresh_token_ttl", "60s", 60),
        ("refresh_token_ttl", "400d", 400 * 86_400),
    ],
)
def test_a_time_to_live_is_seconds_or_has_a_unit(field: str, given: str | int | None, seconds: int | None) -> None:
    assert columns(**{field: given})[field] == seconds


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("access_token_ttl", "29"),
        ("access_token_ttl", "61m"),
        ("access_token_ttl", "soon"),
        ("access_token_ttl", "-60"),
        ("refresh_token_ttl", "59"),
        ("refresh_token_ttl", "401d"),
        ("refresh_token_ttl", "1w"),
    ],
)
def test_a_time_to_live_out_of_bounds_is_refused(field: str, given: str) -> None:
    assert len(faults(**{field: given})) == 1


def test_pairwise_names_belong_to_the_one_host_or_to_a_sector() -> None:
    """OP-70."""
    two = ("https://a.example/cb", "https://b.example/cb")
    assert columns()["sector"] is None
    assert columns(is_pairwise=True)["sector"] == "app.example"
    assert columns(redirect_uris=two, is_pairwise=True, sector="example.com")["sector"] == "example.com"
    for wanted in ({"redirect_uris": two}, {"redirect_uris": ("com.example.app:/cb",), "auth_method": "none"}):
        assert "sector" in faults(is_pairwise=True, **wanted)[0]
    for sector in ("https://example.com", "Example.com", "", "a b"):
        assert "no host" in faults(is_pairwise=True, sector=sector)[0]
