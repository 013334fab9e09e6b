"""Taking one's data along, and leaving."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("pages_leaving", __name__, url_prefix="/account")
