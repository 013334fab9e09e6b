"""The addresses and numbers of a person by JSON."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("api_addresses", __name__, url_prefix="/api/v1/auth")
