"""A signed-in person proves again to be who they are, before something sensitive (SES-15)."""

from __future__ import annotations

from flask import Blueprint, Response, flash, g, make_response, render_template, request
from flask_babel import gettext

from auth_portal.errors import DeliveryFailed, ResendTooSoon, TooManyRequests
from auth_portal.signin.addresses import Destination
from auth_portal.signin.proven import is_reachable
from auth_portal.signin.recency import is_recent
from auth_portal.signin.sessions import LiveSession
from auth_portal.signin.users import Profile
from auth_portal.web.errors import REASONS, refusal_of
from auth_portal.web.forms import ButtonForm
from auth_portal.web.i18n import choose_locale
from auth_portal.web.pages.guard import for_signed_in
from auth_portal.web.refusing import tell_limit
from auth_portal.web.services import services
from auth_portal.web.visitor import browser_secret, caller_of, home, keep_browser, notice_of_before, to

blueprint = Blueprint("pages_confirm", __name__, url_prefix="/account/confirm")


@blueprint.get("")
@for_signed_in
def confirm(session: LiveSession) -> Response:
    """Offer to send a code to the person's main address or number; who typed one lately goes on."""
    return home() if is_recent(session) else _page(session)


@blueprint.post("")
@for_signed_in
def send_code(session: LiveSession) -> Response:
    """Send the code; typing it leads on to where the person was going."""
    choices = _choices(session.user)
    # The secret that binds a code to its browser lives shorter than a session, and may be gone by now.
    secret = browser_secret()
    destination = next((choice for choice in choices if choice.channel == request.form.get("channel")), choices[0])
    if not is_reachable(services().settings, destination):
        reason = REASONS["not_served"]
        return _page(session, fault=gettext("This %(reason)s.", reason=gettext(reason)), status=400)
    try:
        sent = services().otp.send_code(destination, caller_of(secret), choose_locale())
        g.code_length = sent.code_length
    except ResendTooSoon as error:
        flash(
            gettext("A code was sent a moment ago. It can be sent again in %(seconds)s s.", seconds=error.retry_after)
        )
    except DeliveryFailed as error:
        refusal = refusal_of(error)
        return _page(session, fault=gettext(refusal.message), status=refusal.status)
    except TooManyRequests as error:
        if len(choices) == 1:
            raise
        # There is another way: the page stays.
        response = _page(session, fault=gettext(refusal_of(error).message), status=refusal_of(error).status)
        tell_limit(response, error)
        return response
    response = to("pages.code")
    keep_browser(response, secret)
    return response


def _choices(user: Profile) -> list[Destination]:
    """Where a code may go, the address first: it is the cheaper one and the harder one to take over."""
    found = [Destination("email", user.email)] if user.email else []
    number = Destination("sms", user.phone) if user.phone else None
    if number is not None and (is_reachable(services().settings, number) or not found):
        found.append(number)
    return found


def _page(session: LiveSession, fault: str = "", status: int = 200) -> Response:
    page = render_template(
        "pages/confirm.html", choices=_choices(session.user), form=ButtonForm(), fault=fault, **notice_of_before()
    )
    return make_response(page, status)
