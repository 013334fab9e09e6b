"""What to do with an answer: the calls that may follow, as OpenAPI's links say it."""

from __future__ import annotations

from dataclasses import dataclass, field

_DATA = "$response.body#/data/"


@dataclass(frozen=True, slots=True)
class Link:
    """A call that may follow: the members of its body, and its parameters, that the answer has."""

    to: str
    body: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)


def _code_of(to: str, member: str) -> Link:
    return Link(to, {member: f"{_DATA}{member}", "code": f"{_DATA}code", "challengeId": f"{_DATA}challengeId"})


_REFRESH = Link("refresh_token", {"refreshToken": f"{_DATA}refreshToken"})
_SECOND_EMAIL = {"email": f"{_DATA}emails/1/value"}
_SECOND_PHONE = {"phoneNumber": f"{_DATA}phoneNumbers/1/value"}

LINKS: dict[str, list[Link]] = {
    "send_otp_email": [_code_of("login_otp_email", "email")],
    "send_otp": [_code_of("login_otp", "phoneNumber")],
    "login_otp_email": [Link("complete_registration"), Link("get_me"), _REFRESH],
    "login_otp": [Link("complete_registration"), Link("get_me"), _REFRESH],
    "complete_registration": [Link("get_me"), _REFRESH],
    "refresh_token": [Link("get_me"), _REFRESH],
    "list_sessions": [Link("end_session", parameters={"session_id": f"{_DATA}sessions/1/id"})],
    "list_activity": [Link("list_activity", parameters={"before": f"{_DATA}next"})],
    "add_email": [_code_of("prove_email", "email")],
    "add_phone": [_code_of("prove_phone", "phoneNumber")],
    "get_me": [
        Link("choose_main_email", _SECOND_EMAIL),
        Link("remove_email", _SECOND_EMAIL),
        Link("choose_main_phone", _SECOND_PHONE),
        Link("remove_phone", _SECOND_PHONE),
    ],
}
"""For each call those that may follow."""
