"""The signed-in devices of a person by JSON."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("api_sessions", __name__, url_prefix="/api/v1/auth")
