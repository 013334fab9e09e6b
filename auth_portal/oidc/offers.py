"""What clients may choose from. Registration, the endpoints and discovery all say this (OP-49)."""

from __future__ import annotations

SECRET_METHODS = ("client_secret_basic", "client_secret_post")
OWN_METHODS = [*SECRET_METHODS, "private_key_jwt"]
"""How a client authenticates that can."""
AUTH_METHODS = [*OWN_METHODS, "none"]
"""How those may who act for a person: public clients, too."""
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
GRANT_TYPES = ("authorization_code", "refresh_token", DEVICE_GRANT, "client_credentials")
ID_TOKEN_ALGORITHMS = ("RS256", "ES256")
ASSERTION_ALGORITHMS = ("RS256", "ES256", "PS256")
