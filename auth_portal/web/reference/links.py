"""What to do with an answer: the calls that may follow, as OpenAPI's links say it."""

from __future__ import annotations

_DATA = "$response.body#/data/"


def _code_of(member: str) -> dict[str, str]:
    return {member: f"{_DATA}{member}", "code": f"{_DATA}code", "challengeId": f"{_DATA}challengeId"}


_REFRESH = ("refresh_token", {"refreshToken": f"{_DATA}refreshToken"})

LINKS: dict[str, list[tuple[str, dict[str, str]]]] = {
    "send_otp_email": [("login_otp_email", _code_of("email"))],
    "send_otp": [("login_otp", _code_of("phoneNumber"))],
    "login_otp_email": [("complete_registration", {}), _REFRESH],
    "login_otp": [("complete_registration", {}), _REFRESH],
    "complete_registration": [("get_me", {}), _REFRESH],
    "refresh_token": [("get_me", {}), _REFRESH],
    "add_email": [("prove_email", _code_of("email"))],
    "add_phone": [("prove_phone", _code_of("phoneNumber"))],
}
"""For each call those that may follow, with the members of their bodies that the answer has."""
