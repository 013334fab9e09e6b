"""Owns axe-core: what it finds wrong with the page that a browser shows, by its own rules, all of them."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from tests.support.portal import ROOT

LIBRARY = ROOT / "tests" / "node" / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async ({ only, without }) => {
    const chosen = only ? { runOnly: { type: 'rule', values: [only] } } : {};
    const rules = { 'target-size': { enabled: true } };
    for (const rule of without) rules[rule] = { enabled: false };
    const { violations } = await axe.run(document, { resultTypes: ['violations'], rules, ...chosen });
    return violations.map(({ id, nodes }) => [id, nodes.map(({ html, failureSummary }) => [html, failureSummary])]);
}"""


def faults_of(page: Page, only: str | None = None, without: tuple[str, ...] = ()) -> list[Any]:
    """Each rule that is broken, with where and why; ``only`` this one, if one is named; all ``without`` those.

    It is put into the page beside its policy, as a debugger is. All its rules are kept, and WCAG 2.5.8 (targets of 24
    pixels, or with room around them), which is off by default.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(LIBRARY.read_text("utf-8"))
    found: list[Any] = page.evaluate(_RUN, {"only": only, "without": list(without)})
    return found
