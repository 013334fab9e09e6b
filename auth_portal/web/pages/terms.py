"""Terms that changed since a person accepted them."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("pages_terms", __name__, url_prefix="/account")
