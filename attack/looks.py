"""How an answer looks to somebody who wants to tell addresses apart: everything but ids, times and the address."""

from __future__ import annotations

import re

from attack.client import Answer

_IDS = re.compile(
    r'(?<=name="csrf_token" type="hidden" value=")[^"]*'
    r'|(?<=name="challenge" type="hidden" value=")[^"]*'
    r'|(?<="challengeId": ")[^"]*'
    r'|(?<=data-expires-in=")\d+|(?<=data-resend-in=")\d+'
    r"|[\w.+-]+@bench\.example"
    r"|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)|\d\d:\d\d(?= UTC)"
)
_VARIES = ("date", "content-length", "x-request-id", "set-cookie", "etag")


def look_of(answer: Answer) -> str:
    """Status, the headers with their values, the names and attributes of cookies, the body."""
    headers = [f"{name}: {value if name not in _VARIES else '…'}" for name, value in answer.headers]
    cookies = [_without_value(value) for name, value in answer.headers if name == "set-cookie"]
    return "\n".join([str(answer.status), *headers, *cookies, _IDS.sub("…", answer.text)])


def _without_value(cookie: str) -> str:
    name, _equals, rest = cookie.partition("=")
    attributes = [text for text in rest.split("; ")[1:] if not text.startswith("Expires=")]
    return "; ".join([name, *attributes])
