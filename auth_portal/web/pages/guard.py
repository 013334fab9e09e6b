"""Who may see a page of the account: somebody signed in; for what is sensitive, somebody who was lately (SES-15).

Before that, a person is asked what is open: terms that changed, fields that are required by now.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, request

from auth_portal.signin.recency import is_recent
from auth_portal.web.visitor import ask_first, current_session, remember_onward, sign_in_for, to

View = Callable[..., Response]
"""A view whose first argument is the session."""


def for_signed_in(view: View) -> View:
    """Give the page the session; who has none signs in first, and comes back."""

    @wraps(view)
    def guarded(**values: Any) -> Response:
        session = current_session()
        if session is None:
            return sign_in_for(_way_back(values))
        return ask_first(session, _way_back(values)) or view(session, **values)

    return guarded


def for_recent(back: str) -> Callable[[View], View]:
    """The same; who signed in more than ten minutes ago types a code first, and comes back to the page ``back``."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(**values: Any) -> Response:
            session = current_session()
            if session is None:
                return sign_in_for(back)
            asked = ask_first(session, back)
            if asked is not None:
                return asked
            if is_recent(session):
                return view(session, **values)
            remember_onward(back)
            return to("pages_confirm.confirm")

        return guarded

    return decorate


def _way_back(values: dict[str, Any]) -> str:
    """Where a sign-in leads: to this page, if it can be opened without more than its path."""
    is_page = request.method == "GET" and not values
    return str(request.endpoint) if is_page else "pages_account.account"
