"""All letters and text messages with made-up facts, to look at. Registered only in development."""

from __future__ import annotations

from flask import Blueprint, Response, abort, current_app, make_response, render_template

from auth_portal.delivery.samples import Samples
from auth_portal.web.i18n import choose_locale
from auth_portal.web.pages.mailbox import LETTER_CSP
from auth_portal.web.services import services

blueprint = Blueprint("letters", __name__, url_prefix="/dev/letters")


@blueprint.get("")
def index() -> str:
    """Each letter and each text in the person's language."""
    locale = choose_locale()
    samples = _samples()
    return render_template("dev/letters.html", letters=samples.letters(locale), texts=samples.texts(locale))


@blueprint.get("/<name>.html")
def letter(name: str) -> Response:
    """The HTML part of one letter, sandboxed."""
    found = next((sample for sample in _samples().letters(choose_locale()) if sample.name == name), None)
    if found is None:
        abort(404)
    response = make_response(found.html)
    response.headers["Content-Security-Policy"] = LETTER_CSP
    return response


def _samples() -> Samples:
    """Those of this portal; made when they are first asked for."""
    found: Samples | None = current_app.extensions.get("auth_portal_samples")
    if found is None:
        found = current_app.extensions["auth_portal_samples"] = Samples(services().settings)
    return found
