"""Forward-auth: whether a proxy may let a request through to a site that knows nothing of sign-in (contract, 4).

A guarded site is a client, and here we act as that client towards ourselves. Its hand-over address lies on the site,
so the proxy asks about it like about any other: we answer with the cookie of a grant, which only this client's site
can use, and which ends with the browser's session at the portal.

Nothing is stored for people who are not signed in. ``state`` is signed, says where they were going (a path, never a
host), and is bound to the browser by a nonce in a cookie of the site; the PKCE verifier is derived from that nonce.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import quote, urlencode

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import Connection

from auth_portal.db import utcnow
from auth_portal.errors import Unauthenticated
from auth_portal.oidc.clients import Client, ClientService
from auth_portal.oidc.codes import AuthorizationCodes, Code
from auth_portal.oidc.guarded import Guarded
from auth_portal.oidc.registration import HAND_OVER_PATH
from auth_portal.oidc.subjects import Subjects, claims_of
from auth_portal.oidc.tokens import lasting_parameters
from auth_portal.settings import Settings
from auth_portal.signin.endings import lock_live
from auth_portal.signin.keyring import KeyRing, digest
from auth_portal.signin.sessions import GrantDraft, LiveSession, SessionService

SIGN_OUT_PATH = "/.auth-portal/sign-out"
"""Where a guarded site sends people who want to sign out."""
IDENTITY_HEADERS = ("Remote-User", "Remote-Name", "Remote-Email", "X-Auth-Request-User", "X-Auth-Request-Email")
"""What a site is told of a person; the last two for apps that were made for oauth2-proxy."""
_SCOPE = "openid profile email"
# Proxies give a whole answer's headers 4 KiB, and half of that is the way back.
_MAX_TARGET = 1_024
_NONCE = re.compile(r"[A-Za-z0-9_-]{43}")
_ASCII = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")

Word = Literal["granted", "sent", "unauthenticated", "refused"]
Reason = Literal["no_such_site", "not_admitted", "stale", "denied"]


@dataclass(frozen=True, slots=True)
class SiteCookie:
    """A cookie of the site's own host. An empty value takes it away."""

    name: Literal["site", "nonce"]
    value: str = field(repr=False)
    lifetime: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the proxy is told. ``granted`` has the person's ``identity``, or nobody's on a public path; ``sent`` the
    address to go to, and at most one cookie: nginx hands on no more.
    """

    word: Word
    identity: Mapping[str, str] = field(default_factory=dict)
    location: str = ""
    cookie: SiteCookie | None = None
    reason: Reason | None = None
    client: Client | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sends the request: the secrets of the cookies that came with it, and how it came about.

    ``is_navigation``: an answer may be a page. ``is_foreign``: another site caused it.
    """

    site_secret: str = field(default="", repr=False)
    nonce: str = field(default="", repr=False)
    portal_secret: str = field(default="", repr=False)
    is_navigation: bool = False
    is_foreign: bool = False


@dataclass(frozen=True, slots=True)
class _State:
    """What travels by way of the authorization endpoint. ``tries``: how many codes were worth nothing before."""

    client_id: str
    target: str
    nonce_digest: str
    flow: str
    issued_at: float
    tries: int


class ForwardAuth:
    """Answers proxies."""

    def __init__(
        self,
        settings: Settings,
        keyring: KeyRing,
        clients: ClientService,
        sessions: SessionService,
        subjects: Subjects,
        codes: AuthorizationCodes,
    ) -> None:
        self._issuer = settings.public_url
        self._own_host = settings.public_host
        # As long as a registration may take, which is the longest way back to the site.
        self._patience = settings.registration_ttl
        self._keys = keyring.keys("forward-auth")
        signing = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        self._states = URLSafeSerializer(self._keys[::-1], salt="state", signer_kwargs=signing)
        self._clients = clients
        self._sessions = sessions
        self._subjects = subjects
        self._codes = codes

    def judge(self, guarded: Guarded | None, visitor: Visitor) -> Verdict:
        """Whether this request may pass. ``guarded`` is None where the portal itself is asked who is signed in."""
        client = self._clients.find_by_site(guarded.site) if guarded is not None else None
        if guarded is None or client is None:
            return self._judge_at_portal(visitor, is_own=guarded is None or guarded.hostname == self._own_host)
        if guarded.path == HAND_OVER_PATH and guarded.method == "GET":
            return self._take_over(client, guarded.parameters, visitor)
        if guarded.path == SIGN_OUT_PATH:
            return self._sign_out(client, visitor)
        if guarded.plain_path is not None and client.access.is_public(guarded.plain_path):
            return Verdict("granted")
        session = self._session(client, guarded, visitor)
        if session is None:
            return self._ask_to_sign_in(client, guarded, visitor)
        if not client.access.admits(session.user.email):
            return Verdict("refused", reason="not_admitted", client=client, address=session.user.address)
        return Verdict("granted", self._identity(session, client))

    def refuse(self, visitor: Visitor) -> Verdict:
        """Where it is not clear what is asked nobody passes, and nobody is sent anywhere."""
        return self._judge_at_portal(visitor, is_own=False)

    def _judge_at_portal(self, visitor: Visitor, *, is_own: bool) -> Verdict:
        """No registered site: on the portal's own host its session counts; elsewhere there is nothing to give."""
        session = self._sessions.find_by_secret(visitor.portal_secret)
        if session is None:
            return Verdict("unauthenticated")
        return Verdict("granted", self._identity(session)) if is_own else Verdict("refused", reason="no_such_site")

    def _session(self, client: Client, guarded: Guarded, visitor: Visitor) -> LiveSession | None:
        """The site's grant; on the portal's own host, whose cookies come along, also the portal's session."""
        found = self._sessions.find_by_secret(visitor.site_secret, client.id)
        if found is None and guarded.hostname == self._own_host:
            found = self._sessions.find_by_secret(visitor.portal_secret)
        return found

    def _identity(self, session: LiveSession, client: Client | None = None) -> dict[str, str]:
        """The headers for the app behind the proxy. A grant says no more than its scopes allow."""
        user = session.user
        subject = user.id if client is None else self._subjects.subject(client, user.id)
        known = claims_of(user, (session.scope or _SCOPE).split())
        name, email = known.get("name", ""), known.get("email", "")
        values = (subject, name, email, subject, email)
        return {header: header_text(value) for header, value in zip(IDENTITY_HEADERS, values, strict=True)}

    def _ask_to_sign_in(self, client: Client, guarded: Guarded, visitor: Visitor) -> Verdict:
        if guarded.method not in ("GET", "HEAD") or not visitor.is_navigation:
            return Verdict("unauthenticated")
        target = next(way for way in (guarded.target, guarded.path, "/") if len(way) <= _MAX_TARGET)
        return self._to_portal(client, "/" if target.startswith("/.auth-portal/") else target, visitor)

    def _to_portal(self, client: Client, target: str, visitor: Visitor, tries: int = 0) -> Verdict:
        """An authorization request of this site. The browser keeps one nonce, so that several tabs may ask."""
        nonce = visitor.nonce if _NONCE.fullmatch(visitor.nonce) else secrets.token_urlsafe(32)
        flow = secrets.token_urlsafe(12)
        state = self._states.dumps([client.id, target, digest(nonce), flow, int(utcnow().timestamp()), tries])
        wanted = {
            "client_id": client.id,
            "redirect_uri": f"{client.site}{HAND_OVER_PATH}",
            "response_type": "code",
            "scope": _SCOPE,
            "state": state,
            "code_challenge": _challenge(_verifier(self._keys[0], nonce, flow)),
            "code_challenge_method": "S256",
        }
        location = f"{self._issuer}/oauth/authorize?{urlencode(wanted, quote_via=quote)}"
        return Verdict("sent", location=location, cookie=SiteCookie("nonce", nonce, self._patience))

    def _take_over(self, client: Client, given: Mapping[str, str], visitor: Visitor) -> Verdict:
        """The browser comes back with an answer of the authorization endpoint."""
        state = self._read_state(client, given.get("state", ""), visitor.nonce)
        if state is None or given.get("iss") != self._issuer:
            return Verdict("refused", reason="stale", client=client)
        if "error" in given:
            return Verdict("refused", reason="denied", client=client)
        way_back = f"{client.site}{state.target}"
        if self._sessions.find_by_secret(visitor.site_secret, client.id) is not None:
            return Verdict("sent", location=way_back)  # another tab was first, or the page was loaded again
        cookie = self._redeem(client, given.get("code", ""), state, visitor.nonce)
        if cookie is not None:
            return Verdict("sent", location=way_back, cookie=cookie)
        if state.tries:
            return Verdict("refused", reason="stale", client=client)
        return self._to_portal(client, state.target, visitor, tries=1)  # the code was over, or its answer got lost

    def _read_state(self, client: Client, text: str, nonce: str) -> _State | None:
        try:
            fields: Any = self._states.loads(text)
        except BadData:
            return None
        state = _State(*fields)
        age = utcnow().timestamp() - state.issued_at
        is_ours = state.client_id == client.id and hmac.compare_digest(state.nonce_digest, digest(nonce))
        # No lower bound: another node's clock may be ahead of ours.
        return state if is_ours and age <= self._patience.total_seconds() else None

    def _redeem(self, client: Client, given: str, state: _State, nonce: str) -> SiteCookie | None:
        """Exchange a code for the site's cookie, by the rules that apps' codes have; no tokens are made (OP-09)."""
        code = self._codes.find(given, client.id)
        if code is None or code.redirect_uri != f"{client.site}{HAND_OVER_PATH}":
            return None
        challenges = [_challenge(_verifier(key, nonce, state.flow)) for key in self._keys]
        if code.code_challenge not in challenges:
            return None
        try:
            parent = self._sessions.get_by_id(code.session_id)
            draft = _draft(client, code, parent)

            def open_grant(connection: Connection) -> str | None:
                if not lock_live(connection, parent.id, utcnow()):
                    raise Unauthenticated
                return self._sessions.open_grant(connection, draft, is_refreshable=False)

            _is_first, secret = self._codes.exchange(code, open_grant)
        except Unauthenticated:
            return None
        return SiteCookie("site", secret, draft.ttl) if secret is not None else None

    def _sign_out(self, client: Client, visitor: Visitor) -> Verdict:
        """End the site's grant and go to the portal, which asks; a link of another site ends nothing."""
        wanted = {"client_id": client.id}
        if client.post_logout_redirect_uris:
            wanted["post_logout_redirect_uri"] = client.post_logout_redirect_uris[0]
        location = f"{self._issuer}/oauth/logout?{urlencode(wanted, quote_via=quote)}"
        if visitor.is_foreign:
            return Verdict("sent", location=location)
        live = self._sessions.find_by_secret(visitor.site_secret, client.id)
        if live is not None:
            self._sessions.end_grant(live.id)
        return Verdict("sent", location=location, cookie=SiteCookie("site", ""))


def header_text(value: str) -> str:
    """A value for a header of visible ASCII and spaces: everything else, and ``%``, is percent-encoded UTF-8.

    So decoding always gives the value back, and no value can end its header.
    """
    return quote(value, safe=_ASCII, errors="replace")


def _draft(client: Client, code: Code, parent: LiveSession) -> GrantDraft:
    """The site's grant: it lives no longer than the browser's session, nor than the client's refresh tokens may."""
    ttl = parent.expires_at - utcnow()
    if client.refresh_token_ttl is not None:
        ttl = min(ttl, timedelta(seconds=client.refresh_token_ttl))
    return GrantDraft(
        id=code.grant_id,
        user_id=code.user_id,
        client_id=client.id,
        parent_id=parent.id,
        scope=code.scope,
        parameters=lasting_parameters({}),
        channel=code.channel,
        authenticated_at=code.authenticated_at,
        ttl=ttl,
        has_secret=True,
    )


def _verifier(key: bytes, nonce: str, flow: str) -> str:
    return _base64(hmac.digest(key, f"verifier {flow} {nonce}".encode(), "sha256"))


def _challenge(verifier: str) -> str:
    """S256 of a verifier (RFC 7636, 4.2)."""
    return _base64(hashlib.sha256(verifier.encode()).digest())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
