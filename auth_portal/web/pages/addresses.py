"""The addresses and numbers of a person."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("pages_addresses", __name__, url_prefix="/account")
