"""Writes the rules of a letter's stylesheet into its elements: many mail clients drop style elements (MAIL-04)."""

from __future__ import annotations

import css_inline

_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False)


def inlined(html: str) -> str:
    """The document with its rules inline; a style element stays where ``data-css-inline`` says ``keep``."""
    return _INLINER.inline(html)
