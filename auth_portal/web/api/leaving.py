"""Taking one's data along, and leaving, by JSON."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("api_leaving", __name__, url_prefix="/api/v1/auth")
