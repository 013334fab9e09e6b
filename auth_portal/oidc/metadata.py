"""What we say of ourselves (OpenID Connect Discovery 1.0, RFC 8414). Only what is true (OP-49)."""

from __future__ import annotations

from typing import Any

from auth_portal.oidc.offers import (
    ASSERTION_ALGORITHMS,
    AUTH_METHODS,
    GRANT_TYPES,
    ID_TOKEN_ALGORITHMS,
    OWN_METHODS,
)
from auth_portal.oidc.requests import ACR, PROMPTS, RESPONSE_MODES
from auth_portal.oidc.subjects import STANDARD_SCOPES, known_claims
from auth_portal.settings import LOCALES, Settings


def metadata(settings: Settings) -> dict[str, Any]:
    """The document of both well-known addresses. The issuer comes from the settings only (OP-47)."""
    policies = {"op_tos_uri": settings.terms_url, "op_policy_uri": settings.privacy_url}
    return {
        **_addresses(settings.public_url),
        "scopes_supported": list(STANDARD_SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": list(GRANT_TYPES),
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": list(ID_TOKEN_ALGORITHMS),
        "acr_values_supported": [ACR],
        "claim_types_supported": ["normal"],
        "claims_supported": [*known_claims(settings.own_fields), "acr", "amr", "auth_time", "iss", "sid"],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "require_request_uri_registration": False,
        "require_pushed_authorization_requests": False,
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": list(PROMPTS),
        "display_values_supported": ["page"],
        "ui_locales_supported": list(LOCALES),
        **_authentication(),
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        **{name: address for name, address in policies.items() if address},
    }


def _addresses(issuer: str) -> dict[str, Any]:
    endpoint = f"{issuer}/oauth"
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{endpoint}/authorize",
        "token_endpoint": f"{endpoint}/token",
        "userinfo_endpoint": f"{endpoint}/userinfo",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "introspection_endpoint": f"{endpoint}/introspect",
        "revocation_endpoint": f"{endpoint}/revoke",
        "pushed_authorization_request_endpoint": f"{endpoint}/par",
        "device_authorization_endpoint": f"{endpoint}/device_authorization",
        "end_session_endpoint": f"{endpoint}/logout",
    }


def _authentication() -> dict[str, Any]:
    """How clients authenticate; introspection is for those that can."""
    methods = {"token": AUTH_METHODS, "revocation": AUTH_METHODS, "introspection": OWN_METHODS}
    return {
        **{f"{name}_endpoint_auth_methods_supported": list(allowed) for name, allowed in methods.items()},
        **{f"{name}_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS) for name in methods},
    }
