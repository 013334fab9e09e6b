"""The page for those who ask while the limit of their network, or of the whole site, is reached (OTP-40)."""

from __future__ import annotations

from flask import Response, g, make_response, render_template

from auth_portal.errors import TooManyRequests
from auth_portal.signin.addresses import Destination
from auth_portal.web.errors import refusal_of
from auth_portal.web.forms import PressureForm
from auth_portal.web.refusing import tell_limit
from auth_portal.web.services import services
from auth_portal.web.visitor import this_caller


def pressure_page(destination: Destination, error: TooManyRequests, *, had_proof: bool) -> Response:
    """Say how long to wait, and let the browser solve a puzzle instead. Raises the error where no puzzle would help.

    ``had_proof``: one was given and not good. Then the next is solved only when the person asks for it, so that a
    browser whose network changes all the time does not go on by itself for ever.
    """
    if not error.takes_proof:
        raise error
    refusal = refusal_of(error)
    g.error = refusal.code
    page = render_template(
        "pages/pressure.html",
        form=PressureForm(formdata=None),
        destination=destination,
        is_own_network=error.limit != "site-hour",
        retry_after=error.retry_after,
        puzzle=services().proofs.issue(this_caller().network),
        starts_by_itself=not had_proof,
    )
    response = make_response(page, refusal.status)
    tell_limit(response, error)
    return response
