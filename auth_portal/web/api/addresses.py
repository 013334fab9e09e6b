"""The addresses and numbers of a person by JSON: adding one by its code, choosing the main one, removing one.

All of it needs a sign-in of the last minutes (SES-15), and can end all other sessions in the same call (SES-12).
"""

from __future__ import annotations

from flask import Blueprint, Response

from auth_portal.web.api import inputs
from auth_portal.web.api.bearer import recent_session

blueprint = Blueprint("api_addresses", __name__, url_prefix="/api/v1/auth/me")

Given = inputs.GivenEmail | inputs.GivenPhone
Proof = inputs.ProveEmail | inputs.ProvePhone


@blueprint.before_request
def _check_channel() -> None:
    """Without a gateway there are no numbers, whoever asks."""


@blueprint.post("/email")
def add_email() -> Response:
    """Send a code to an address that the person wants to have."""
    session = recent_session()
    return _start(session, inputs.parse_body(inputs.GivenEmail))
