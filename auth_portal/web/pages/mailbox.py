"""The development mailbox. Registered only where a development portal catches its mail or its text messages."""

from __future__ import annotations

from flask import Blueprint, Response, abort, make_response, render_template

from auth_portal.delivery.mailbox import CaughtLetter, Mailbox
from auth_portal.web.envelope import to_json
from auth_portal.web.services import services

blueprint = Blueprint("mailbox", __name__, url_prefix="/dev/mailbox")

LETTER_CSP = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"
"""How the HTML of a letter is shown: nothing runs, nothing is fetched."""


@blueprint.get("")
def index() -> str:
    """The letters and texts that were caught, newest first."""
    return render_template("dev/mailbox.html", letters=_mailbox().letters())


@blueprint.get("/letters.json")
def caught() -> Response:
    """The same for programs: what the playground shows beside a call."""
    letters = [
        {
            "id": letter.id,
            "channel": letter.channel,
            "to": letter.to,
            "subject": letter.subject,
            "sentAt": letter.sent_at,
            "code": letter.code,
            "text": letter.text,
        }
        for letter in _mailbox().letters()
    ]
    return Response(to_json({"letters": letters}) + "\n", content_type="application/json; charset=utf-8")


@blueprint.get("/<letter_id>.html")
def letter(letter_id: str) -> Response:
    """The HTML part of one letter, sandboxed."""
    found: CaughtLetter | None = _mailbox().find(letter_id)
    if found is None or not found.html:
        abort(404)
    response = make_response(found.html)
    response.headers["Content-Security-Policy"] = LETTER_CSP
    return response


def _mailbox() -> Mailbox:
    mailbox = services().mailbox
    if mailbox is None:
        abort(404)
    return mailbox
