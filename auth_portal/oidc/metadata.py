"""What we say of ourselves (OpenID Connect Discovery 1.0, RFC 8414). Only what is true (OP-49)."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc8628 import DEVICE_CODE_GRANT_TYPE

from auth_portal.oidc.protocol import ASSERTION_ALGORITHMS, AUTH_METHODS
from auth_portal.oidc.requests import ACR, PROMPTS, RESPONSE_MODES
from auth_portal.oidc.subjects import CLAIMS, STANDARD_SCOPES
from auth_portal.settings import LOCALES, Settings

GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials", DEVICE_CODE_GRANT_TYPE)


def metadata(settings: Settings) -> dict[str, Any]:
    """The document of both well-known addresses. The issuer comes from the settings only (OP-47)."""
    issuer = settings.public_url
    endpoint = f"{issuer}/oauth"
    confidential = [method for method in AUTH_METHODS if method != "none"]
    about_clients = {
        f"{name}_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS)
        for name in ("token_endpoint", "revocation_endpoint", "introspection_endpoint")
    }
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
        "scopes_supported": list(STANDARD_SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": list(GRANT_TYPES),
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "acr_values_supported": [ACR],
        "claim_types_supported": ["normal"],
        "claims_supported": [*CLAIMS, "acr", "amr", "auth_time", "iss", "sid"],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "require_request_uri_registration": False,
        "require_pushed_authorization_requests": False,
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": list(PROMPTS),
        "display_values_supported": ["page"],
        "ui_locales_supported": list(LOCALES),
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "introspection_endpoint_auth_methods_supported": confidential,
        **about_clients,
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        **{
            name: address
            for name, address in (("op_tos_uri", settings.terms_url), ("op_policy_uri", settings.privacy_url))
            if address
        },
    }
