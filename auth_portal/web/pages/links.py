"""The links of a code's letter. Opening one has no effect, whoever or whatever opens it; its button has (OTP-37)."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, url_for
from flask_babel import gettext

from auth_portal.errors import CodeRefused
from auth_portal.signin.callers import device_words, rough_network
from auth_portal.signin.links import OpenedLink, StoppedCode
from auth_portal.web.flow import find_flow_of
from auth_portal.web.forms import ButtonForm
from auth_portal.web.services import services
from auth_portal.web.visitor import current_session, this_caller, to, welcome

blueprint = Blueprint("pages_links", __name__, url_prefix="/login")


@blueprint.get("/link/<token>")
def link(token: str) -> Response:
    """Say what the link would do in this browser."""
    found = services().links.find(token, this_caller())
    if found.state == "dead" and current_session() is not None:
        return to("pages_account.account")
    return _link_page(found)


@blueprint.post("/link/<token>")
def follow_link(token: str) -> Response:
    """Sign in here, or let the browser that asked go on."""
    links = services().links
    found = links.find(token, this_caller())
    if found.state == "here":
        try:
            flow = find_flow_of(challenge_id=found.challenge.id) if found.challenge else None
            return welcome(links.sign_in(token, this_caller()), flow)
        except CodeRefused:
            return _link_page(OpenedLink("dead"))
    if links.approve(token, this_caller()):
        return _link_page(OpenedLink("approved", found.challenge))
    return _link_page(found if found.state == "type_code" else OpenedLink("dead"))


@blueprint.get("/not-me/<token>")
def not_me(token: str) -> Response:
    """Say what the button would do."""
    return _not_me_page(services().links.find_stop(token))


@blueprint.post("/not-me/<token>")
def stop_code(token: str) -> Response:
    """Kill the codes that are pending for the address."""
    return _not_me_page(services().links.stop(token, this_caller()))


def _link_page(found: OpenedLink) -> Response:
    if found.challenge is None:
        return make_response(render_template("pages/link.html", state=found.state, form=ButtonForm()), 404)
    challenge = found.challenge
    page = render_template(
        "pages/link.html",
        state=found.state,
        form=ButtonForm(),
        destination=challenge.destination.value,
        device=device_words(challenge.device, gettext),
        network=rough_network(challenge.network),
        asked_at=challenge.sent_at,
        not_me_url=url_for("pages_links.not_me", token=services().links.not_me_token(challenge)),
    )
    return make_response(page, 404 if found.state == "dead" else 200)


def _not_me_page(found: StoppedCode) -> Response:
    page = render_template(
        "pages/not_me.html",
        state=found.state,
        form=ButtonForm(),
        destination=found.destination.value if found.destination else None,
        used_at=found.used_at,
    )
    return make_response(page, 404 if found.state == "dead" and found.destination is None else 200)
