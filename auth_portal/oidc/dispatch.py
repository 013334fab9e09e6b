"""The authorization endpoint as a dispatcher: what a request still needs before its client may be answered.

Sign-in, registration, consent and the rest lead back here and nowhere else; each time the answer is worked out anew
from the stored request and the live session, so that no step can be skipped or forged.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

from auth_portal.oidc.clients import Client
from auth_portal.oidc.pending import Pending
from auth_portal.oidc.requests import AuthorizationRequest
from auth_portal.signin.sessions import LiveSession
from auth_portal.signin.standing import Question

Step = Literal["sign_in", "choose", "not_admitted", Question, "consent", "issue"]
_NEEDS = {
    "sign_in": ("login_required", "The person must sign in."),
    "choose": ("account_selection_required", "The person must choose an account."),
    "not_admitted": ("access_denied", "The person may not use this client."),
    "terms": ("interaction_required", "The person must accept the terms."),
    "details": ("interaction_required", "The person must complete the profile."),
    "consent": ("consent_required", "The person must consent."),
}


def next_step(
    request: AuthorizationRequest,
    client: Client,
    pending: Pending | None,
    session: LiveSession | None,
    subject_of: Callable[[], str],
    consent_of: Callable[[], frozenset[str] | None],
    question: Question | None,
    now: datetime,
) -> Step:
    """What comes next for a request. ``pending``: how it is stored, None where it was only just sent.

    ``question``: what is to be asked of whoever is signed in, whatever app it is.

    ``subject_of``, ``consent_of``: asked only where they matter; how the client names the person who is signed in,
    and what that person allowed it.
    """
    if session is None:
        return "sign_in"
    is_fresh = pending is not None and session.authenticated_at >= pending.created_at
    if not is_fresh and _must_prove(request, session, now):
        return "sign_in"
    if request.hinted_subject is not None and subject_of() != request.hinted_subject:
        if is_fresh:
            raise request.fault("login_required", "Another person signed in than the client asked for.")
        return "sign_in"
    if "select_account" in request.prompt and not is_fresh and (pending is None or pending.chosen_at is None):
        return "choose"
    if not client.access.admits(session.user.email):
        return "not_admitted"
    if question is not None:
        return question
    return "consent" if _must_consent(request, client, pending, consent_of) else "issue"


def granted_scope(
    request: AuthorizationRequest,
    client: Client,
    pending: Pending | None,
    consent_of: Callable[[], frozenset[str] | None],
) -> tuple[str, bool]:
    """What a request that needs nothing more is granted, and whether that may outlive the session (REF-07, REF-08).

    Long-lasting access is left out unless the person or the operator allowed it; only a person's word makes it
    outlive the sign-out.
    """
    if "offline_access" not in request.scopes:
        return request.scope, False
    is_offline = pending is not None and pending.consented_at is not None
    if not is_offline:
        is_offline = "offline_access" in (consent_of() or ())
    if is_offline or client.is_trusted:
        return request.scope, is_offline
    return " ".join(scope for scope in request.scopes if scope != "offline_access"), False


def needs_interaction(request: AuthorizationRequest, step: Step) -> None:
    """Raise the AuthorizationFault that ``prompt=none`` gets where a person would be needed (OP-14)."""
    if "none" in request.prompt and step != "issue":
        raise request.fault(*_NEEDS[step])


def _must_prove(request: AuthorizationRequest, session: LiveSession, now: datetime) -> bool:
    """``prompt=login`` and ``max_age`` ask for a new code, whoever is signed in (OP-15)."""
    if "login" in request.prompt:
        return True
    return request.max_age is not None and session.authenticated_at + timedelta(seconds=request.max_age) < now


def _must_consent(
    request: AuthorizationRequest,
    client: Client,
    pending: Pending | None,
    consent_of: Callable[[], frozenset[str] | None],
) -> bool:
    """Consent is asked for once for each scope; always where the client asks for that (OP-16, OP-22)."""
    if pending is not None and pending.consented_at is not None:
        return False
    if "consent" in request.prompt:
        return True
    if client.is_trusted:
        return False
    allowed = consent_of()
    return allowed is None or not allowed.issuperset(request.scopes) or _may_be_imitated(request, client)


def _may_be_imitated(request: AuthorizationRequest, client: Client) -> bool:
    """Whether any app on the device could claim the return address: there a consent counts once (RFC 8252, 8.6)."""
    if not client.is_public:
        return False
    is_private_scheme = urlsplit(request.redirect_uri).scheme not in ("http", "https")
    return is_private_scheme or request.redirect_uri not in client.redirect_uris
