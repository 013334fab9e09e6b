"""The page that asks for a code: of somebody who signs in, or who proves one more address or number."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, render_template

from auth_portal.db import utcnow
from auth_portal.errors import PortalError
from auth_portal.signin.challenges import Challenge
from auth_portal.web.errors import refusal_of
from auth_portal.web.forms import ButtonForm, CodeForm
from auth_portal.web.pages.webmail import webmail_of
from auth_portal.web.services import services
from auth_portal.web.visitor import notice_of_before


def code_page(
    form: CodeForm, challenge: Challenge, status: int = 200, refused: PortalError | None = None, **adding: Any
) -> Response:
    """The page as the challenge stands. ``adding``: what it says beyond a sign-in's, for one more address."""
    now = utcnow()
    attempts_left = getattr(refused, "attempts_left", None)
    is_approved = challenge.is_live(now) and challenge.approved_at is not None
    # Text messages have no link that could be confirmed elsewhere, and who adds an address gets none.
    may_be_approved = challenge.is_live(now) and challenge.destination.channel == "email" and not adding
    is_open = is_approved or (challenge.is_open(now) and (refused is None or bool(attempts_left)))
    resend_at = challenge.sent_at + services().settings.resend_after
    page = render_template(
        "pages/code.html",
        form=form,
        destination=challenge.destination,
        code_length=challenge.code_length,
        expires_at=challenge.expires_at,
        expires_in=max(0, int((challenge.expires_at - now).total_seconds())),
        resend_in=max(0, round((resend_at - now).total_seconds())),
        attempts_left=attempts_left,
        state="open" if is_open else "dead",
        resend_form=ButtonForm(formdata=None),
        webmail=webmail_of(challenge.destination),
        is_waiting=may_be_approved,
        adding=adding,
        **notice_of_before(),
    )
    return make_response(page, refusal_of(refused).status if refused is not None else status)
