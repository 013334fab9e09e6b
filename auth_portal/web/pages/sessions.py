"""The signed-in devices of a person."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("pages_sessions", __name__, url_prefix="/account")
