"""The endpoints that clients call directly: token, userinfo, introspection, revocation, PAR, device authorization."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError, UnauthorizedClientError
from flask import Blueprint, Response, g, request

from auth_portal.errors import ClientRequestRefused, ScopeInsufficient, Unauthenticated
from auth_portal.oidc.clients import Client
from auth_portal.oidc.devices import DEVICE_CODE_TTL, INTERVAL_S
from auth_portal.oidc.offers import DEVICE_GRANT
from auth_portal.oidc.pending import PUSHED_TTL
from auth_portal.oidc.protocol import ProtocolRequest, Reply, error_reply
from auth_portal.oidc.requests import AuthorizationFault
from auth_portal.oidc.subjects import claims_of
from auth_portal.signin.callers import source_network
from auth_portal.web.devices import device_of
from auth_portal.web.services import services

blueprint = Blueprint("oauth_api", __name__, url_prefix="/oauth")

_MOST_RESOURCES = 20
_METHODS = "GET, POST, OPTIONS"
_FORM = "application/x-www-form-urlencoded"


def protocol_endpoint(serve: Callable[[ProtocolRequest], Reply]) -> Callable[[], Response]:
    """An endpoint that takes a form and answers in the JSON of RFC 6749, section 5."""

    @wraps(serve)
    def endpoint() -> Response:
        is_basic = request.headers.get("Authorization", "")[:6].lower() == "basic "
        try:
            return _json(*serve(_form()))
        except OAuth2Error as error:
            return _json(*error_reply(error, is_basic=is_basic))

    return endpoint


@blueprint.post("/token")
@protocol_endpoint
def token(form: ProtocolRequest) -> Reply:
    """Exchange a grant for tokens."""
    if "grant_type" not in form.form:
        raise InvalidRequestError
    reply: Reply = services().protocol.create_token_response(form)
    return reply


@blueprint.post("/introspect")
@protocol_endpoint
def introspect(form: ProtocolRequest) -> Reply:
    """Whether a token is good (RFC 7662)."""
    reply: Reply = services().protocol.create_endpoint_response("introspection", form)
    return reply


@blueprint.post("/revoke")
@protocol_endpoint
def revoke(form: ProtocolRequest) -> Reply:
    """Make a token worthless (RFC 7009)."""
    reply: Reply = services().protocol.create_endpoint_response("revocation", form)
    return reply


@blueprint.post("/par")
@protocol_endpoint
def pushed_authorization_request(form: ProtocolRequest) -> Reply:
    """Take an authorization request from the client itself, wholly checked (RFC 9126)."""
    client: Client = services().protocol.authenticate_client(form)
    if "request_uri" in form.form:
        raise InvalidRequestError
    given = {**{name: [value] for name, value in form.form.items()}, "client_id": [client.id]}
    given["resource"] = list(form.resources)
    try:
        wanted = services().requests.read(given, client, is_pushed=True)
    except AuthorizationFault as fault:
        return 400, {"error": fault.error, "error_description": fault.description}, []
    except ClientRequestRefused:
        return 400, {"error": "invalid_request", "error_description": "This redirect_uri is not registered."}, []
    request_uri = services().pending.push(client.id, wanted.to_json())
    return 201, {"request_uri": request_uri, "expires_in": int(PUSHED_TTL.total_seconds())}, []


@blueprint.post("/device_authorization")
@protocol_endpoint
def device_authorization(form: ProtocolRequest) -> Reply:
    """Give a device its codes (RFC 8628, 3.2)."""
    client: Client = services().protocol.authenticate_client(form)
    if not client.check_grant_type(DEVICE_GRANT):
        raise UnauthorizedClientError
    wanted = form.form.get("scope") or " ".join(scope for scope in client.scopes if scope != "offline_access")
    scope = client.get_allowed_scope(wanted)
    if not scope:
        return 400, {"error": "invalid_scope", "error_description": "This client may have none of these scopes."}, []
    asked_by = {
        "device": device_of(request.headers.get("User-Agent", "")),
        "network": source_network(request.remote_addr),
    }
    new = services().device_codes.issue(client, scope, asked_by)
    page = f"{services().settings.public_url}/device"
    body = {
        "device_code": new.device_code,
        "user_code": new.user_code,
        "verification_uri": page,
        "verification_uri_complete": f"{page}?user_code={new.user_code}",
        "expires_in": int(DEVICE_CODE_TTL.total_seconds()),
        "interval": INTERVAL_S,
    }
    return 200, body, []


@blueprint.route("/userinfo", methods=["GET", "POST"])
def userinfo() -> Response:
    """What the client may know of its person (Core 5.3). The token comes in the header, or in a form's body."""
    try:
        claims = services().tokens.check_access_token(_bearer_token(), "openid")
        live = services().sessions.get_by_id(claims.session_id or "")
    except Unauthenticated as error:
        challenge = 'Bearer error="invalid_token"' if error.token_given else "Bearer"
        return _json(401, {"error": "invalid_token"} if error.token_given else {}, [("WWW-Authenticate", challenge)])
    except ScopeInsufficient:
        challenge = 'Bearer error="insufficient_scope", scope="openid"'
        return _json(403, {"error": "insufficient_scope"}, [("WWW-Authenticate", challenge)])
    wanted = (live.parameters or {}).get("userinfo_claims", ())
    told = claims_of(live.user, claims.scope.split(), wanted, services().settings.own_fields)
    return _json(200, {"sub": claims.subject, **told}, [])


@blueprint.after_request
def _allow_own_pages(response: Response) -> Response:
    """CORS for pages of registered clients, without credentials (OP-26)."""
    origin = request.headers.get("Origin")
    response.vary.add("Origin")
    if origin and services().clients.may_call(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "WWW-Authenticate, Retry-After"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = _METHODS
            response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
            response.headers["Access-Control-Max-Age"] = "600"
    return response


def _form() -> ProtocolRequest:
    """The request's form. Only the body counts (OP-36), and no name may come twice (RFC 6749, 3.2)."""
    if request.mimetype != _FORM and (request.mimetype or request.content_length):
        raise InvalidRequestError
    fields: Mapping[str, list[str]] = request.form.to_dict(flat=False)
    resources = fields.get("resource", [])
    if any(len(values) > 1 for name, values in fields.items() if name != "resource"):
        raise InvalidRequestError
    if len(resources) > _MOST_RESOURCES:
        raise InvalidRequestError
    single = {name: values[0] for name, values in fields.items() if name != "resource" and values[0] != ""}
    return ProtocolRequest(dict(request.headers), single, resources)


def _bearer_token() -> str:
    """The access token of the header or of a form's body, never of the address (JWT-14). Raises Unauthenticated."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    in_body = request.form.getlist("access_token") if request.mimetype == _FORM else []
    if (kind and in_body) or len(in_body) > 1:
        raise Unauthenticated
    if kind.lower() == "bearer" and value.strip():
        return value.strip()
    if kind or not in_body:
        raise Unauthenticated(token_given=False)
    return in_body[0]


def _json(status: int, body: Any, headers: list[tuple[str, str]]) -> Response:
    """JSON that nobody keeps (OP-35). The log and the metrics get its error."""
    if status >= 400:
        g.error = body.get("error", "unauthorized")
    response = Response(json.dumps(body), status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    response.headers.extend(
        [(name, value) for name, value in headers if name not in ("Content-Type", "Cache-Control")]
    )
    return response
