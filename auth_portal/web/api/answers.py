"""What the JSON API answers: the ``data`` of each envelope."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PlainSerializer, WithJsonSchema

from auth_portal.marks import _
from auth_portal.web.envelope import wire_time
from auth_portal.web.operation import OwnFields, Wire

Moment = Annotated[
    datetime,
    PlainSerializer(wire_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-05-22T16:11:27.126Z"]}),
]
"""RFC 3339 in UTC, milliseconds, ``Z`` (API-16)."""


def said(description: str, *examples: object) -> Any:
    """A member with words for people, and an example."""
    return Field(description=description, examples=list(examples) or None)


Seconds = Annotated[int, Field(ge=0)]
Id = Annotated[str, said(_("Opaque, never used again."), "dc84b1c0a2f94d7f8c1f4bb36d2b7a10")]


class Answer(Wire):
    """The ``data`` of an answer; what was not set is not sent."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=False, extra="forbid")


class Nothing(Answer):
    """Done, and there is nothing to tell."""


class CodeSent(Answer):
    """A code is on its way."""

    challenge_id: str = said(
        _("Send it back with the code: then the code works from whatever network the caller is on by then."),
        "2f590c2a7be14d0c9d0f6d4a3a1e5b77",
    )
    code_length: int = said(_("For how many digits to show a field; not always the same."), 4)
    expires_at: Moment = said(_("When the code stops working."))
    resend_at: Moment = said(_("When the same caller may ask again."))
    code: str = Field(
        default="",
        description=_("The code itself: in the development environment, and there only."),
        examples=["1234"],
    )


class _ToEmail(Answer):
    email: str = said(_("The address, in the form that is stored and mailed to."), "ada@example.com")


class _ToPhone(Answer):
    phone_number: str = said(_("The number in E.164."), "+905551112233")


class EmailCodeSent(CodeSent, _ToEmail):
    """Answer of ``send-otp-email`` and ``me/email``."""


class PhoneCodeSent(CodeSent, _ToPhone):
    """Answer of ``send-otp`` and ``me/phone``."""


class User(Answer):
    """A person as their own apps see them."""

    id: str = said(
        _("The subject (`sub`): opaque, stable, never reused. Know people by it, not by their address."),
        "dc84b1c0a2f94d7f8c1f4bb36d2b7a10",
    )
    email: str | None = said(_("The main address; null for somebody who registered by phone."), "ada@example.com")
    phone_number: str | None = said(_("The main number in E.164; null without one."), "+905551112233")
    first_name: str = said(_("The first name."), "Ada")
    last_name: str = said(_("The last name."), "Lovelace")
    locale: str = said(_("The language of the person's letters."), "tr")
    created_at: Moment = said(_("When the person registered."))
    fields: OwnFields = said(_("The portal's own registration fields; null where one is not filled in."))
    missing_fields: list[str] = said(
        _("Own fields that are required and not filled in by now. This only tells: the tokens stay good.")
    )
    terms_accepted: bool = said(_("False while newer terms wait for an answer. This, too, only tells."), True)


class Proven(Answer):
    """An address or number that a person proved."""

    value: str = said(_("The address or number."), "ada@example.com")
    is_main: bool = said(_("Whether it is the main one of its kind."), True)
    verified_at: Moment = said(_("When a code proved it."))


class Me(User):
    """The signed-in person, with everything that was proven."""

    emails: list[Proven] = said(_("All addresses, the main one first; two at most."))
    phone_numbers: list[Proven] = said(_("All numbers, the main one first; two at most."))


class LoggedIn(Answer):
    """Tokens of a session."""

    access_token: str = said(
        _("A JWT (RFC 9068) for `Authorization: Bearer`; anyone can verify it with the portal's keys."), "eyJhbGciOi…"
    )
    token_type: Literal["Bearer"] = said(_("How to send the access token."), "Bearer")
    expires_in: Seconds = said(_("Seconds that the access token lives."), 600)
    refresh_token: str = said(_("Brings the next tokens, once. Keep it secret."), "0IkzNq3v…")
    refresh_expires_in: Seconds = said(
        _("Seconds until the session ends for good; it ends sooner when nothing uses it."), 2_592_000
    )
    registration_required: Literal[False] = said(_("False: the person is signed in."), False)
    user: User = said(_("Who signed in."))


class RegistrationRequired(Answer):
    """The address is proven, and has no user yet."""

    registration_required: Literal[True] = said(_("True: go on with complete-registration."), True)
    registration_token: str = said(
        _("A JWT that opens complete-registration, once, and nothing else."), "eyJhbGciOi…"
    )
    expires_in: Seconds = said(_("Seconds that the registration may take."), 86_400)
    access_token: None = said(_("Null: nobody is signed in yet."))
    refresh_token: None = said(_("Null: nobody is signed in yet."))
    user: None = said(_("Null: nobody is signed in yet."))


Login = LoggedIn | RegistrationRequired
"""Which of the two, ``registrationRequired`` says."""


class OpenSession(Answer):
    """A device that the person is signed in with."""

    id: Id
    device: str | None = said(_("Browser and system in words; null where nothing is known."), "Firefox on Windows")
    network: str | None = said(_("Where it was last used, roughly; null where nothing is known."), "203.0.113.x")
    place: str | None = said(
        _("The place of that network, where the portal knows places; else null."), "Istanbul, Türkiye"
    )
    created_at: Moment = said(_("When the person signed in there."))
    last_seen_at: Moment = said(_("When it was last used."))
    expires_at: Moment = said(_("The latest end."))
    is_current: bool = said(_("Whether it is the session of this call."), True)


class SessionList(Answer):
    """Where a person is signed in."""

    sessions: list[OpenSession] = said(_("The last used first."))


class Ended(Answer):
    """How many sessions ended."""

    ended: int = said(_("How many sessions were ended."), 3)


class EraseAt(Answer):
    """A deletion that was asked for."""

    erase_at: Moment = said(_("When everything will be erased; until then it can be taken back."))


class AccountEvent(Answer):
    """Something that happened to an account."""

    id: Id
    happened_at: Moment = said(_("When."))
    kind: str = said(_("What; see the audit log for all kinds."), "signed_in")
    outcome: str = said(_("`done`, or `refused` where it was tried only."), "done")
    actor: Literal["person", "operator", "portal"] = said(_("Who did it."), "person")
    session_id: str | None = said(_("The session it happened in, or to."), "5d21f0b7a9c34e0f9a1d2c3b4a5f6e7d")
    client_id: str | None = said(_("The app it was for."), None)
    client_name: str | None = said(_("The name of that app."), None)
    device: str | None = said(_("Browser and system in words; null where nothing is known."), "Chrome on Windows")
    network: str | None = said(_("From where, roughly; null where nothing is known."), "192.0.2.x")
    place: str | None = said(
        _("The place of that network, where the portal knows places; else null."), "Istanbul, Türkiye"
    )
    facts: dict[str, Any] = said(_("What more there is to say, by the kind."), {"channel": "email"})


class Activity(Answer):
    """A page of what happened to an account."""

    events: list[AccountEvent] = said(_("The newest first, 50 at most."))
    next: str | None = said(_("`before` of the page behind this one; null on the last."), "1779466287126000.9c0f5a1e")
