"""The app's request that a person is signing in for: which it is, what the pages say of it, and the way back to it.

Pages carry only the request's id, which opens nothing in another browser. Where even that got lost (a closed tab, the
letter's link), the code or the registration that the person goes on with tells which request it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Response, g, make_response, redirect, request, url_for

from auth_portal.errors import RequestExpired
from auth_portal.oidc.addresses import origin_of
from auth_portal.oidc.clients import Client
from auth_portal.oidc.pending import Pending
from auth_portal.oidc.requests import AuthorizationRequest
from auth_portal.settings import LOCALES
from auth_portal.signin.otp import AskingApp
from auth_portal.web.apps import app_of
from auth_portal.web.cookies import get_cookie, set_cookie
from auth_portal.web.services import services

_MARK = "app"
"""The cookie of browsers that brought a request lately: nobody else's sign-in looks for one."""
PARAMETER = "request"
"""The name under which pages and forms carry the id."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A sign-in for an app."""

    pending: Pending
    request: AuthorizationRequest
    client: Client

    @property
    def host(self) -> str:
        """Where the person will be sent back to; of a native app its own scheme."""
        return urlsplit(self.request.redirect_uri).netloc or origin_of(self.request.redirect_uri)

    @property
    def id(self) -> str:
        """The id that pages carry."""
        return self.pending.id


def mark_browser(response: Response) -> Response:
    """Note in the browser that it brought a request, as long as a registration for it may take."""
    if response.status_code == 303:
        set_cookie(response, _MARK, "1", services().settings.registration_ttl)
    return response


def open_flow(request_id: str) -> Flow:
    """The sign-in with this id, for all of this web request. Raises RequestExpired."""
    return enter_flow(services().pending.get(request_id, get_cookie("browser")))


def find_flow() -> Flow | None:
    """The sign-in that this page carries the id of, if it is of this browser and not over."""
    return find_by_id(request.values.get(PARAMETER, ""))


def find_by_id(request_id: str) -> Flow | None:
    """The sign-in with this id, if it is of this browser and not over."""
    return _entered(services().pending.find(request_id, get_cookie("browser")) if request_id else None)


def find_flow_of(*, challenge_id: str = "", registration_id: str = "") -> Flow | None:
    """The sign-in of the page, or else that of the code or registration it is about."""
    found = find_flow()
    if found is not None or not get_cookie(_MARK):
        return found
    pending = services().pending.find_for(
        get_cookie("browser"), challenge_id=challenge_id, registration_id=registration_id
    )
    return _entered(pending)


def enter_flow(pending: Pending) -> Flow:
    """Work for this sign-in from now on: its app's language, and forms that may lead to it. Raises RequestExpired."""
    client = services().clients.find(pending.client_id or "")
    if client is None:
        raise RequestExpired
    flow = Flow(pending, AuthorizationRequest.from_json(pending.parameters), client)
    g.flow = flow
    g.form_targets = client.origins
    wishes = (tag.partition("-")[0].lower() for tag in flow.request.ui_locales)
    g.ui_locale = next((wish for wish in wishes if wish in LOCALES), client.locale)
    return flow


def back_to_dispatcher(flow: Flow) -> Response:
    """Ask the authorization endpoint what comes next."""
    return make_response(redirect(url_for("oauth.resume", request_id=flow.id), 303))


def asking_app(flow: Flow | None) -> AskingApp | None:
    """The app as a letter shows it."""
    return None if flow is None else app_of(flow.client)


def _entered(pending: Pending | None) -> Flow | None:
    return None if pending is None or pending.finished_at is not None else enter_flow(pending)
