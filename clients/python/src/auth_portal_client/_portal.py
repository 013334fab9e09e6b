"""A sign-in at an auth-portal: its operations, and calls to other APIs with its access token."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Any, cast
from urllib.parse import quote

import requests
from urllib3.util import parse_url

from auth_portal_client import types as wire
from auth_portal_client._errors import PortalError, data_of, is_dead
from auth_portal_client._tokens import Kept, Tokens, TokenStorage

Timeout = float | tuple[float, float]
_PORTS = {"http": 80, "https": 443}


class AuthPortal:
    """A sign-in at an auth-portal. May be used by many threads; refusals raise PortalError.

    ``url`` is the portal's ``PUBLIC_URL``. ``origins`` are further ones to which ``request`` may send the access
    token. ``storage`` keeps the tokens; without one they are in memory. ``language`` is that of refusals, ``tr`` or
    ``en``. ``timeout`` (seconds to connect, and to wait for an answer) holds for every call that names no other.
    ``session`` is for proxies, certificates and adapters of your own. ``on_signed_out`` is called once when the
    session turns out to be over; not where this client signs out itself.
    """

    def __init__(
        self,
        url: str,
        *,
        origins: Iterable[str] = (),
        storage: TokenStorage | None = None,
        language: str | None = None,
        timeout: Timeout = (5, 30),
        session: requests.Session | None = None,
        on_signed_out: Callable[[], object] | None = None,
    ) -> None:
        if "?" in url or "#" in url:
            raise ValueError("the portal's address has no query and no fragment")
        self._base = f"{url.rstrip('/')}/api/v1/auth/"
        self._origins = frozenset(map(_origin_of, [url, *origins]))
        self._headers = {"Accept": "application/json"} | ({"Accept-Language": language} if language else {})
        self._timeout = timeout
        self._session = session if session is not None else _session()
        self._tokens = Tokens(storage, self._refresh, on_signed_out)

    def __enter__(self) -> AuthPortal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. The tokens stay where they are kept."""
        self._session.close()

    @property
    def is_signed_in(self) -> bool:
        """Whether there are tokens. Only a call tells whether their session still lives."""
        return self._tokens.are_kept()

    def access_token(self) -> str:
        """An access token that is good for a while yet, for what cannot go through ``request``."""
        return self._tokens.good().access_token

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        """``requests.request`` with the access token, for the portal's origin and ``origins``; ValueError for others.

        The token is renewed shortly before its end, and once after a 401; then the request is repeated, unless it
        has files or a stream, or somebody signed in meanwhile. A redirect to another origin is followed without it.
        There is always a timeout.
        """
        options["timeout"] = options.get("timeout") or self._timeout
        used: list[Kept] = []

        def bearer(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
            # What is checked is the address that is connected to, as its own parser reads it.
            origin = _origin_of(prepared.url or "")
            if origin not in self._origins:
                raise ValueError(f"{origin} is not one of the origins that may see the token")
            if not used:
                used.append(self._tokens.good())
            return _with_token(prepared, used[-1].access_token)

        response = self._session.request(method, url, auth=bearer, **options)
        if not _is_about_the_token(response):
            return response
        if not _is_repeatable(options):
            with suppress(PortalError, OSError):  # for the next call; where it fails, that call tells
                self._tokens.another(used[0])
            return response
        used.append(self._tokens.another(used[0]))
        if used[1].sign_in_id != used[0].sign_in_id:
            return response
        response.close()
        return self._session.request(method, url, auth=bearer, **options)

    def send_otp_email(self, body: wire.SendEmailCode) -> wire.EmailCodeSent:
        """Send a code to an address."""
        return cast(wire.EmailCodeSent, self._open("send-otp-email", body))

    def login_otp_email(self, body: wire.VerifyEmailCode) -> wire.LoggedIn | wire.RegistrationRequired:
        """Sign in with a mailed code; a new person is to be registered first."""
        return self._login("login-otp-email", body)

    def send_otp(self, body: wire.SendPhoneCode) -> wire.PhoneCodeSent:
        """Send a code to a phone."""
        return cast(wire.PhoneCodeSent, self._open("send-otp", body))

    def login_otp(self, body: wire.VerifyPhoneCode) -> wire.LoggedIn | wire.RegistrationRequired:
        """Sign in with a code that came to a phone; a new person is to be registered first."""
        return self._login("login-otp", body)

    def complete_registration(self, registration_token: str, body: wire.CompleteRegistration) -> wire.LoggedIn:
        """Register the person behind a registration token, and sign in."""
        return cast(wire.LoggedIn, self._login("complete-registration", body, registration_token))

    def refresh(self) -> wire.LoggedIn:
        """Renew the tokens now. The client does so by itself; this is for the user that comes along."""
        return self._tokens.rotate()

    def logout(self) -> wire.Nothing:
        """End this session.

        The tokens are forgotten even where the portal cannot be told; then that error is raised.
        """
        try:
            return cast(wire.Nothing, self._call("POST", "logout"))
        except PortalError as error:
            if not is_dead(error):
                raise
            return {}
        finally:
            self._tokens.forget()

    def logout_others(self) -> wire.Ended:
        """End all sessions of the person but this one."""
        return cast(wire.Ended, self._call("POST", "logout-others"))

    def logout_all(self) -> wire.Ended:
        """End all sessions of the person, this one too."""
        answer = cast(wire.Ended, self._call("POST", "logout-all"))
        self._tokens.forget()
        return answer

    def get_me(self) -> wire.Me:
        """The signed-in person."""
        return cast(wire.Me, self._call("GET", "me"))

    def update_me(self, body: wire.UpdateProfile) -> wire.Me:
        """Change names, language or fields; what is not given stays."""
        return cast(wire.Me, self._call("PATCH", "me", body))

    def delete_me(self) -> wire.EraseAt:
        """Delete the account, after a time in which that can be taken back. Ends all sessions."""
        answer = cast(wire.EraseAt, self._call("DELETE", "me"))
        self._tokens.forget()
        return answer

    def export_me(self) -> wire.Export:
        """Everything that is kept about the person."""
        return cast(wire.Export, self._call("GET", "me/export"))

    def accept_terms(self, body: wire.AcceptTerms) -> wire.Me:
        """Accept the terms that are in force."""
        return cast(wire.Me, self._call("POST", "me/terms", body))

    def list_activity(self, *, before: str | None = None) -> wire.Activity:
        """What happened to the account, the newest first; ``before`` is the ``next`` of the page before."""
        query = "" if before is None else f"?before={quote(before, safe='')}"
        return cast(wire.Activity, self._call("GET", f"me/activity{query}"))

    def list_sessions(self) -> wire.SessionList:
        """What the person is signed in with, the last used first."""
        return cast(wire.SessionList, self._call("GET", "sessions"))

    def end_session(self, session_id: str) -> wire.Nothing:
        """End one of them."""
        return cast(wire.Nothing, self._call("DELETE", f"sessions/{quote(session_id, safe='')}"))

    def add_email(self, body: wire.AddEmail) -> wire.EmailCodeSent:
        """Send a code to an address that the person wants to have."""
        return cast(wire.EmailCodeSent, self._call("POST", "me/email", body))

    def prove_email(self, body: wire.ProveEmail) -> wire.Me:
        """Take the address that a code proves, in place of the main one or beside it."""
        return cast(wire.Me, self._call("POST", "me/email/verify", body))

    def choose_main_email(self, body: wire.OwnEmail) -> wire.Me:
        """Make the second address the main one."""
        return cast(wire.Me, self._call("POST", "me/email/main", body))

    def remove_email(self, body: wire.OwnEmail) -> wire.Me:
        """Give an address up."""
        return cast(wire.Me, self._call("POST", "me/email/remove", body))

    def add_phone(self, body: wire.AddPhone) -> wire.PhoneCodeSent:
        """Send a code to a number that the person wants to have."""
        return cast(wire.PhoneCodeSent, self._call("POST", "me/phone", body))

    def prove_phone(self, body: wire.ProvePhone) -> wire.Me:
        """Take the number that a code proves, in place of the main one or beside it."""
        return cast(wire.Me, self._call("POST", "me/phone/verify", body))

    def choose_main_phone(self, body: wire.OwnPhone) -> wire.Me:
        """Make the second number the main one."""
        return cast(wire.Me, self._call("POST", "me/phone/main", body))

    def remove_phone(self, body: wire.OwnPhone) -> wire.Me:
        """Give a number up."""
        return cast(wire.Me, self._call("POST", "me/phone/remove", body))

    def _login(self, path: str, body: Any, token: str | None = None) -> wire.LoggedIn | wire.RegistrationRequired:
        asked_at = time.time()
        answer = cast("wire.LoggedIn | wire.RegistrationRequired", self._open(path, body, token))
        if answer["registrationRequired"] is False:
            self._tokens.keep(answer, asked_at)
        return answer

    def _refresh(self, refresh_token: str) -> wire.LoggedIn:
        return cast(wire.LoggedIn, self._open("refresh-token", {"refreshToken": refresh_token}))

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        return data_of(
            self.request(method, self._base + path, json=body, headers=self._headers, allow_redirects=False)
        )

    def _open(self, path: str, body: Any, token: str | None = None) -> Any:
        """A call that needs no access token; with an `auth`, so that no .netrc puts its own into the header."""
        response = self._session.post(
            self._base + path,
            json=body,
            headers=self._headers,
            auth=lambda prepared: _with_token(prepared, token),
            timeout=self._timeout,
            allow_redirects=False,
        )
        return data_of(response)


def _session() -> requests.Session:
    """A session that keeps no cookies: who somebody is, the token says."""
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def _origin_of(address: str) -> str:
    url = parse_url(address)
    if url.scheme not in _PORTS or not url.host:
        raise ValueError("an address begins with http:// or https:// and a host")
    return f"{url.scheme}://{url.host}:{url.port or _PORTS[url.scheme]}"


def _with_token(prepared: requests.PreparedRequest, token: str | None) -> requests.PreparedRequest:
    if token is not None:
        prepared.headers["Authorization"] = f"Bearer {token}"
    return prepared


def _is_about_the_token(response: requests.Response) -> bool:
    """A wrong code is a 401, too, and must not be sent twice. Nor does what another origin says tell of the token."""
    is_ours = "Authorization" in response.request.headers
    return (
        is_ours
        and response.status_code == 401
        and response.headers.get("X-Error-Code", "unauthorized") == "unauthorized"
    )


def _is_repeatable(options: dict[str, Any]) -> bool:
    data = options.get("data")
    is_whole = data is None or isinstance(data, (str, bytes, bytearray, dict, list, tuple))
    return is_whole and not options.get("files")
