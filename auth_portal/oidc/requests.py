"""Authorization requests: what a client asks for, checked once, before anybody sees a page (Core 3.1.2.1).

Two kinds of faults. As long as client and redirect_uri are not certain, ``ClientRequestRefused``: a page for the
person, never a redirect (OP-02). From then on ``AuthorizationFault``: an error for the client (OP-10, OP-28). Error
texts are ours; nothing that was sent is repeated in them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from auth_portal.errors import ClientRequestRefused, Unauthenticated
from auth_portal.oidc.clients import Client, ClientService
from auth_portal.signin.tokens import TokenIssuer

ACR = "urn:auth-portal:acr:code"
"""How people prove themselves here: a code to an address. It claims no assurance level (D2)."""
RESPONSE_MODES = ("query", "form_post")
PROMPTS = ("none", "login", "consent", "select_account")
MAX_STATE = 4_096
_MAX_TEXT = 2_048
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_DIGITS = re.compile(r"\d{1,9}", re.ASCII)
_MAY_REPEAT = ("resource",)

Parameters = Mapping[str, Sequence[str]]
"""Everything that was sent, each name with all its values."""


class AuthorizationFault(Exception):
    """A fault that the client is told of: at ``redirect_uri`` in ``response_mode``, with its ``state``."""

    def __init__(self, error: str, description: str, answer: Answer) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Answer:
    """Where and how a client is answered."""

    redirect_uri: str
    response_mode: str = "query"
    state: str | None = None


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A checked request. ``scope`` holds only what the client may have; ``max_age`` is in seconds.

    ``hinted_subject``: whom the client believes to be signed in, as it names people (OP-17).
    ``userinfo_claims``, ``id_token_claims``: those of the ``claims`` parameter that we know (OP-42).
    """

    client_id: str
    redirect_uri: str
    scope: str
    response_mode: str = "query"
    state: str | None = None
    nonce: str | None = None
    code_challenge: str | None = None
    prompt: tuple[str, ...] = ()
    max_age: int | None = None
    login_hint: str | None = None
    ui_locales: tuple[str, ...] = ()
    hinted_subject: str | None = None
    userinfo_claims: tuple[str, ...] = ()
    id_token_claims: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()

    @property
    def answer(self) -> Answer:
        """Where and how the client is answered."""
        return Answer(self.redirect_uri, self.response_mode, self.state)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes as words."""
        return tuple(self.scope.split())

    def to_json(self) -> dict[str, Any]:
        """As kept in the database."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> AuthorizationRequest:
        """As read from the database."""
        values: dict[str, Any] = {known.name: stored[known.name] for known in fields(cls) if known.name in stored}
        lists: dict[str, Any] = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**(values | lists))

    def fault(self, error: str, description: str) -> AuthorizationFault:
        """An error for the client of this request."""
        return AuthorizationFault(error, description, self.answer)


class RequestReader:
    """Reads authorization requests. ``claims``: those that may be asked for by name."""

    def __init__(self, clients: ClientService, tokens: TokenIssuer, claims: Sequence[str]) -> None:
        self._clients = clients
        self._tokens = tokens
        self._claims = claims

    def client_of(self, given: Parameters) -> Client:
        """The client that asks. Raises ClientRequestRefused."""
        client_ids = given.get("client_id", ())
        client = self._clients.find(client_ids[0]) if len(client_ids) == 1 else None
        if client is None:
            raise ClientRequestRefused(reason="client_id")
        return client

    def read(self, given: Parameters, client: Client, *, is_pushed: bool = False) -> AuthorizationRequest:
        """The request that these parameters make. Raises ClientRequestRefused or AuthorizationFault."""
        answer = self._answer(given, client)

        def refuse(error: str, description: str) -> AuthorizationFault:
            return AuthorizationFault(error, description, answer)

        if any(len(values) > 1 for name, values in given.items() if name not in _MAY_REPEAT):
            raise refuse("invalid_request", "A parameter is given more than once.")
        one = {name: values[0] for name, values in given.items() if values and values[0] != ""}
        if len(one.get("state", "")) > MAX_STATE:
            raise refuse("invalid_request", "The state is too long.")
        _check_type(one, client, refuse)
        if client.require_pushed and not is_pushed:
            raise refuse("invalid_request", "This client must push its requests (RFC 9126).")
        wanted = _read_claims(one, self._claims, refuse)
        return AuthorizationRequest(
            client_id=client.id,
            redirect_uri=answer.redirect_uri,
            response_mode=answer.response_mode,
            state=answer.state,
            scope=_read_scope(one, client, refuse),
            nonce=_read_text(one, "nonce", refuse),
            code_challenge=_read_challenge(one, client, refuse),
            prompt=_read_prompt(one, refuse),
            max_age=_read_max_age(one, refuse),
            login_hint=one.get("login_hint", "")[:254] or None,
            ui_locales=tuple(one.get("ui_locales", "")[:200].split()),
            hinted_subject=self._read_hint(one, client, refuse) or wanted.subject,
            userinfo_claims=wanted.userinfo,
            id_token_claims=wanted.id_token,
            resources=_read_resources(given, client, refuse),
        )

    @staticmethod
    def _answer(given: Parameters, client: Client) -> Answer:
        redirect_uris = given.get("redirect_uri", ())
        if len(redirect_uris) != 1 or not client.check_redirect_uri(redirect_uris[0]):
            raise ClientRequestRefused(reason="redirect_uri")
        states = [state for state in given.get("state", ()) if len(state) <= MAX_STATE]
        state = states[0] if len(states) == 1 and states[0] else None
        modes = [mode for mode in given.get("response_mode", ()) if mode]
        if len(modes) > 1 or (modes and modes[0] not in RESPONSE_MODES):
            answer = Answer(redirect_uris[0], "query", state)
            raise AuthorizationFault("invalid_request", "This response_mode is not supported.", answer)
        mode = modes[0] if modes else "query"
        if mode == "form_post" and urlsplit(redirect_uris[0]).scheme not in ("http", "https"):
            answer = Answer(redirect_uris[0], "query", state)
            raise AuthorizationFault("invalid_request", "A form cannot be sent to this redirect_uri.", answer)
        return Answer(redirect_uris[0], mode, state)

    def _read_hint(self, one: Mapping[str, str], client: Client, refuse: Any) -> str | None:
        if "id_token_hint" not in one:
            return None
        try:
            claims = self._tokens.read_id_token(one["id_token_hint"])
        except Unauthenticated:
            raise refuse("invalid_request", "The id_token_hint is not a token of this issuer.") from None
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if client.id not in audience:
            raise refuse("invalid_request", "The id_token_hint is another client's.")
        return str(claims["sub"])


@dataclass(frozen=True, slots=True)
class _WantedClaims:
    userinfo: tuple[str, ...] = ()
    id_token: tuple[str, ...] = ()
    subject: str | None = None


def _check_type(one: Mapping[str, str], client: Client, refuse: Any) -> None:
    """Request objects are refused as announced (D9); the only response type is ``code`` (OP-04)."""
    for name, error in (("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")):
        if name in one:
            raise refuse(error, "Request objects are not supported.")
    if "registration" in one:
        raise refuse("registration_not_supported", "The registration parameter is not supported.")
    if "response_type" not in one:
        raise refuse("invalid_request", "The response_type is missing.")
    if one["response_type"] != "code":
        raise refuse("unsupported_response_type", "The only response_type is code.")
    if not client.check_response_type("code"):
        raise refuse("unauthorized_client", "This client did not register the authorization code grant.")


def _read_scope(one: Mapping[str, str], client: Client, refuse: Any) -> str:
    scope = client.get_allowed_scope(one.get("scope", ""))
    if not scope:
        raise refuse("invalid_scope", "There is no scope that this client may have.")
    return scope


def _read_text(one: Mapping[str, str], name: str, refuse: Any) -> str | None:
    if len(one.get(name, "")) > _MAX_TEXT:
        raise refuse("invalid_request", f"The {name} is too long.")
    return one.get(name)


def _read_challenge(one: Mapping[str, str], client: Client, refuse: Any) -> str | None:
    """PKCE with S256 only (OP-06). A challenge without a method would be ``plain``, so it is refused, too."""
    challenge, method = one.get("code_challenge"), one.get("code_challenge_method")
    if challenge is None and method is None:
        if client.require_pkce or client.is_public:
            raise refuse("invalid_request", "A code_challenge is required (RFC 7636).")
        return None
    if method != "S256":
        raise refuse("invalid_request", "The only code_challenge_method is S256.")
    if challenge is None or not _CHALLENGE.fullmatch(challenge):
        raise refuse("invalid_request", "The code_challenge is malformed.")
    return challenge


def _read_prompt(one: Mapping[str, str], refuse: Any) -> tuple[str, ...]:
    prompts = tuple(dict.fromkeys(one.get("prompt", "").split()))
    if any(prompt not in PROMPTS for prompt in prompts) or ("none" in prompts and len(prompts) > 1):
        raise refuse("invalid_request", "This prompt is not supported.")
    return prompts


def _read_max_age(one: Mapping[str, str], refuse: Any) -> int | None:
    if "max_age" not in one:
        return None
    if not _DIGITS.fullmatch(one["max_age"]):
        raise refuse("invalid_request", "The max_age is not a number of seconds.")
    return int(one["max_age"])


def _read_resources(given: Parameters, client: Client, refuse: Any) -> tuple[str, ...]:
    """The APIs that the access token is for (RFC 8707)."""
    resources = tuple(dict.fromkeys(value for value in given.get("resource", ()) if value))
    if any(resource not in client.resources for resource in resources):
        raise refuse("invalid_target", "This client may not call that resource.")
    return resources


def _read_claims(one: Mapping[str, str], known: Sequence[str], refuse: Any) -> _WantedClaims:
    """The ``claims`` parameter (Core 5.5): what we know of it counts, the rest is ignored."""
    if "claims" not in one:
        return _WantedClaims()
    malformed = refuse("invalid_request", "The claims parameter is malformed.")
    try:
        claims = json.loads(one["claims"])
    except (ValueError, RecursionError):
        raise malformed from None
    if not isinstance(claims, dict):
        raise malformed
    userinfo, id_token = (claims.get(member) or {} for member in ("userinfo", "id_token"))
    if not isinstance(userinfo, dict) or not isinstance(id_token, dict):
        raise malformed
    # Asked-for levels that nobody reaches here must not be passed over in silence (OP-29).
    acr = id_token.get("acr")
    if isinstance(acr, dict) and acr.get("essential") is True:
        values = acr.get("values")
        if ACR not in (values if isinstance(values, list) else [acr.get("value", ACR)]):
            raise refuse("unmet_authentication_requirements", "People sign in here by a code, and nothing else.")
    subject = id_token.get("sub")
    wanted = subject.get("value") if isinstance(subject, dict) else None
    return _WantedClaims(
        tuple(name for name in known if name in userinfo),
        tuple(name for name in known if name in id_token),
        wanted if isinstance(wanted, str) else None,
    )
