"""Which form of an answer a caller asks for: the names of media types are read as RFC 9110 has them."""

from __future__ import annotations

import pytest
from flask import Flask

from auth_portal.web.accepting import prefers

MARKDOWN, HTML = "text/markdown", "text/html"


@pytest.mark.parametrize(
    ("accepted", "is_preferred"),
    [
        ("text/markdown", True),
        ("Text/Markdown", True),
        ("text/markdown; charset=utf-8", True),
        ("text/markdown;variant=CommonMark;q=0.5, text/html;q=0.4", True),
        ("text/html;level=1, text/markdown;q=0.9", False),
        ("text/html;level=1;q=0.2, text/html, text/markdown;q=0.9", False),
        ("TEXT/HTML, text/markdown;q=0.9", False),
        ("text/markdown;q=0", False),
        ("text/*", False),
        ("", False),
    ],
)
def test_names_count_whatever_their_case_and_parameters(accepted: str, is_preferred: bool) -> None:
    with Flask("here").test_request_context(headers={"Accept": accepted}):
        assert prefers(MARKDOWN, HTML) is is_preferred
