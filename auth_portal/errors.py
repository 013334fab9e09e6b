"""Every refusal of the portal, as a fact without HTTP.

``web/errors.py`` holds the one table that gives each of them a status, a text and a page::

    PortalError
    ├── InvalidInput            a field is missing or malformed
    ├── CodeRefused             wrong, expired, used, exhausted or unknown code: one answer for all
    ├── Unauthenticated         no token, or a dead one
    ├── ScopeInsufficient       the token is good, but for something else
    ├── AccountSuspended        the code was right, the user may not sign in
    ├── DeletionPending         the code was right, the user asked to be deleted
    ├── ReauthenticationRequired  the sign-in is too long ago for this
    ├── NotFound                there is no such thing, or not of this person
    ├── ClientUnknown           the given client id names no client
    ├── ClientRequestRefused    an app's request cannot be answered to that app
    ├── RequestExpired          an app's request is over, unknown, or another browser's
    ├── ResendTooSoon           the same caller had a code sent a moment ago
    ├── AlreadyRegistered       the address has a user, or the registration was used
    ├── AddressesFull           the person has two of these already
    ├── LastAddress             nothing else would be left to sign in with
    ├── TooManyRequests         a send limit is reached
    ├── DeliveryFailed          no relay accepted the letter
    ├── DatabaseUnavailable     the database does not answer
    └── KeysUnreadable          no signing key decrypts under the secrets we have
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any


class PortalError(Exception):
    """Base of all refusals; never raised itself."""


class InvalidInput(PortalError):
    """One or more fields are missing or malformed.

    ``faults`` maps the field's name on the wire to a reason, a key of ``web.errors.REASONS``.
    """

    def __init__(self, **faults: str) -> None:
        super().__init__(", ".join(f"{field}: {reason}" for field, reason in faults.items()))
        self.faults = faults


def parse_all(**parsers: Callable[[], Any]) -> dict[str, Any]:
    """What each of the parsers gives, by their names. Raises InvalidInput with the faults of all of them."""
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, parse in parsers.items():
        try:
            values[name] = parse()
        except InvalidInput as fault:
            faults |= fault.faults
    if faults:
        raise InvalidInput(**faults)
    return values


class CodeRefused(PortalError):
    """The code opens nothing (OTP-23: wrong, expired, used, exhausted and unknown look the same).

    ``attempts_left`` is known only to a caller that holds the challenge; None says nothing about it.
    """

    def __init__(self, *, attempts_left: int | None = None) -> None:
        super().__init__("code refused")
        self.attempts_left = attempts_left


class Unauthenticated(PortalError):
    """A token is missing (``token_given=False``) or is not good for this use."""

    def __init__(self, *, token_given: bool = True) -> None:
        super().__init__("token missing" if not token_given else "token refused")
        self.token_given = token_given


class ScopeInsufficient(PortalError):
    """The access token is good, but was not granted the ``scope`` that this needs (RFC 6750, 3.1)."""

    def __init__(self, *, scope: str) -> None:
        super().__init__(f"scope {scope} missing")
        self.scope = scope


class AccountSuspended(PortalError):
    """The person proved the address but the user is suspended. Said only after a right code."""


class DeletionPending(PortalError):
    """The person proved the address, but asked for deletion. Said only after a right code.

    ``erase_at``: until then that can be taken back; ``token``: by whoever holds this (see ``signin.leaving``).
    """

    def __init__(self, *, erase_at: datetime, token: str) -> None:
        super().__init__("to be erased")
        self.erase_at = erase_at
        self.token = token


class ReauthenticationRequired(PortalError):
    """The session is good, but its person must type a code again before this (SES-15)."""


class NotFound(PortalError):
    """There is no such thing, or it is somebody else's: one answer for both."""


class ClientUnknown(PortalError):
    """The given client id names no registered client."""


class ClientRequestRefused(PortalError):
    """An app sent somebody here with a request whose sender or return address is not certain (OP-02).

    ``reason``: the parameter that is wrong.
    """

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RequestExpired(PortalError):
    """The request that an app sent somebody with is over, was answered, or belongs to another browser."""


class ResendTooSoon(PortalError):
    """The same caller had a code sent to this address less than RESEND_AFTER ago.

    ``retry_after``: whole seconds until it may ask again.
    """

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = retry_after


class AlreadyRegistered(PortalError):
    """The address already belongs to a user, or this registration was completed before."""


class AddressesFull(PortalError):
    """The person has two addresses, or two numbers, and wants to keep both beside a third (OTP-36)."""


class LastAddress(PortalError):
    """What is to be removed is all that the person could still sign in with."""


class TooManyRequests(PortalError):
    """A limit is reached.

    ``retry_after``: whole seconds; ``limit``, ``quota``, ``window``: its name, size and length in seconds.
    ``takes_proof``: a proof of work would pass it (OTP-40).
    """

    def __init__(self, *, retry_after: int, limit: str, quota: int, window: int, takes_proof: bool = False) -> None:
        super().__init__(f"{limit}: {quota} in {window} s")
        self.retry_after = retry_after
        self.limit = limit
        self.quota = quota
        self.window = window
        self.takes_proof = takes_proof


class DeliveryFailed(PortalError):
    """No relay or gateway of the ``channel`` said that it accepted the letter.

    ``may_have_left``: one of them was asked and did not answer, so that it may have to be paid for.
    """

    def __init__(self, *, channel: str, may_have_left: bool = False) -> None:
        super().__init__(f"{channel} not accepted")
        self.channel = channel
        self.may_have_left = may_have_left


class DatabaseUnavailable(PortalError):
    """The database did not answer in time; nothing was decided."""


class KeysUnreadable(PortalError):
    """No signing key decrypts: SECRET_KEY changed and the former one is not among the fallbacks."""

    def __init__(self) -> None:
        super().__init__(
            "no signing key decrypts under SECRET_KEY or its fallbacks: give the former secret as a fallback, "
            "or run `auth-portal keys rotate --leaked` to start anew"
        )
