"""The Config OP plan of the OpenID Foundation (CONF-02, OP-46 … OP-50)."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from babel import Locale
from flask import Flask
from werkzeug.test import TestResponse

from auth_portal.app import create_app
from tests.conftest import services_of, settings_for
from tests.oidcc import ISSUER

STRINGS = {
    "issuer",
    *("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint"),
    *("introspection_endpoint", "revocation_endpoint", "pushed_authorization_request_endpoint"),
    *("device_authorization_endpoint", "op_tos_uri", "op_policy_uri"),
}
BOOLEANS = {
    *("claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported"),
    *("require_request_uri_registration", "require_pushed_authorization_requests"),
    *("authorization_response_iss_parameter_supported",),
    *("backchannel_logout_supported", "backchannel_logout_session_supported"),
}
RESPONSE_TYPES = {"code", "id_token", "token", "none", "code id_token", "code token", "id_token token"}
SIGNING = re.compile(r"(RS|PS|ES|HS)(256|384|512)|EdDSA|ES256K|none")
SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
LANGUAGE_TAG = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?")
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@pytest.fixture(params=[ISSUER, "https://example.org:8443/portal"], ids=["host", "path"])
def app(request: pytest.FixtureRequest, new_database: Any) -> Any:
    """A portal with this issuer; which database it has cannot matter here."""
    app = create_app(
        settings_for(
            new_database("sqlite"),
            "smtp://127.0.0.1:1",
            public_url=request.param,
            terms_url="https://portal.example/terms",
            privacy_url="https://portal.example/privacy",
        )
    )
    yield app
    services_of(app).engine.dispose()


@pytest.fixture
def answer(app: Flask) -> TestResponse:
    """The document."""
    return app.test_client().get("/.well-known/openid-configuration", headers={"Host": "evil.example"})


@pytest.fixture
def metadata(answer: TestResponse) -> dict[str, Any]:
    """What it says; no name may come twice in it."""
    pairs: list[tuple[str, Any]] = json.loads(answer.data, object_pairs_hook=list)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_oidcc_discovery_endpoint_verification(app: Flask, answer: TestResponse, metadata: dict[str, Any]) -> None:
    """200, JSON, the issuer exactly, the schema of everything, and keys without private members."""
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    check_issuer(metadata["issuer"], services_of(app).settings.public_url)
    check_kinds(metadata)
    check_addresses(metadata)
    check_values(metadata)
    check_words(metadata)
    check_keys(app.test_client().get("/.well-known/jwks.json"))


def check_issuer(issuer: str, expected: str) -> None:
    """https, without query, fragment or a slash at the end, and never taken from the request (OP-47)."""
    parts = urlsplit(issuer)
    assert issuer == expected
    assert (parts.scheme, parts.query, parts.fragment) == ("https", "", "")
    assert not issuer.endswith("/")


def check_kinds(metadata: dict[str, Any]) -> None:
    """Texts, booleans, and otherwise lists of texts, none of them empty and nothing twice in them."""
    for name, value in metadata.items():
        if name in STRINGS:
            assert isinstance(value, str), name
        elif name in BOOLEANS:
            assert isinstance(value, bool), name
        else:
            assert name.endswith("_supported"), name
            assert isinstance(value, list), name
            assert all(isinstance(entry, str) and entry for entry in value), name
            assert len(set(value)) == len(value) > 0, name


def check_addresses(metadata: dict[str, Any]) -> None:
    """Every endpoint is https, within the issuer, and without a fragment (OP-50)."""
    wanted = {"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint"}
    assert wanted <= set(metadata)
    for name in STRINGS - {"issuer"}:
        address = metadata[name]
        parts = urlsplit(address)
        assert parts.scheme == "https", name
        assert parts.hostname, name
        assert not parts.fragment, name
        assert address.startswith(f"{metadata['issuer']}/") or name.startswith("op_"), name


def check_values(metadata: dict[str, Any]) -> None:
    """What the suite knows the values of."""
    assert "code" in metadata["response_types_supported"]
    for value in metadata["response_types_supported"]:
        assert value in RESPONSE_TYPES
    assert set(metadata["subject_types_supported"]) <= {"public", "pairwise"}
    assert "RS256" in metadata["id_token_signing_alg_values_supported"]
    algorithms = {name: value for name, value in metadata.items() if "signing_alg" in name}
    assert len(algorithms) == 4
    for values in algorithms.values():
        assert all(SIGNING.fullmatch(value) for value in values)
    for name, values in algorithms.items():  # required wherever a client may sign, and never without a signature
        assert "none" not in values, name
    assert metadata["request_parameter_supported"] is False
    assert metadata["request_uri_parameter_supported"] is False
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert {"authorization_code", "refresh_token"} <= set(metadata["grant_types_supported"])
    methods = {"client_secret_basic", "client_secret_post"}
    assert methods <= set(metadata["token_endpoint_auth_methods_supported"])
    assert {"query", "form_post"} <= set(metadata["response_modes_supported"])


def check_words(metadata: dict[str, Any]) -> None:
    """Scopes and languages are written as they must be, languages in their canonical case (BCP 47)."""
    assert "openid" in metadata["scopes_supported"]
    assert all(SCOPE.fullmatch(scope) for scope in metadata["scopes_supported"])
    assert {"sub", "iss", "auth_time", "acr", "name", "email"} <= set(metadata["claims_supported"])
    for name in ("ui_locales_supported", "claims_locales_supported"):
        for tag in metadata.get(name, []):
            assert LANGUAGE_TAG.fullmatch(tag)
            assert str(Locale.parse(tag, sep="-")).replace("_", "-") == tag


def check_keys(answer: TestResponse) -> None:
    """A key set with a signing key of each kind, each with an id of its own, and only public members (JWT-09)."""
    assert (answer.status_code, answer.mimetype.partition("+")[0]) in {
        (200, "application/json"),
        (200, "application/jwk-set"),
    }
    keys = answer.json["keys"]
    assert {key["kty"] for key in keys} == {"RSA", "EC"}
    assert len({key["kid"] for key in keys}) == len(keys)
    for key in keys:
        assert not set(key) & PRIVATE
        assert key["use"] == "sig"
        members = {"RSA": {"n", "e"}, "EC": {"crv", "x", "y"}}[key["kty"]]
        assert set(key) == {"kty", "kid", "use", "alg"} | members
        for member in members - {"crv"}:
            assert re.fullmatch(r"[A-Za-z0-9_-]+", key[member])


def test_both_well_known_addresses_have_the_same_document(app: Flask, metadata: dict[str, Any]) -> None:
    """OP-46: RFC 8414 puts an issuer's path behind its own name."""
    path = urlsplit(metadata["issuer"]).path
    for address in ("/.well-known/oauth-authorization-server", f"/.well-known/oauth-authorization-server{path}"):
        assert app.test_client().get(address).json == metadata
    assert app.test_client().get("/.well-known/oauth-authorization-server/other").status_code == 404
