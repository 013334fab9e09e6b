"""What happened to a person's account."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("pages_activity", __name__, url_prefix="/account")
