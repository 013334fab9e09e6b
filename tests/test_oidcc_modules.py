"""No module of the plans may get lost: each has a test of its name, in each plan that it belongs to (CONF-02)."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BASIC = (
    "oidcc-server",
    "oidcc-response-type-missing",
    "oidcc-idtoken-signature",
    "oidcc-idtoken-unsigned",
    "oidcc-userinfo-get",
    "oidcc-userinfo-post-header",
    "oidcc-userinfo-post-body",
    "oidcc-ensure-request-without-nonce-succeeds-for-code-flow",
    "oidcc-scope-profile",
    "oidcc-scope-email",
    "oidcc-scope-address",
    "oidcc-scope-phone",
    "oidcc-scope-all",
    "oidcc-alternate-happy-flow",
    "oidcc-display-page",
    "oidcc-display-popup",
    "oidcc-prompt-login",
    "oidcc-prompt-none-not-logged-in",
    "oidcc-prompt-none-logged-in",
    "oidcc-max-age-1",
    "oidcc-max-age-10000",
    "oidcc-ensure-request-with-unknown-parameter-succeeds",
    "oidcc-id-token-hint",
    "oidcc-login-hint",
    "oidcc-ui-locales",
    "oidcc-claims-locales",
    "oidcc-ensure-request-with-acr-values-succeeds",
    "oidcc-codereuse",
    "oidcc-codereuse-30seconds",
    "oidcc-ensure-registered-redirect-uri",
    "oidcc-ensure-post-request-succeeds",
    "oidcc-server-client-secret-post",
    "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
    "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
    "oidcc-claims-essential",
    "oidcc-ensure-request-object-with-redirect-uri",
    "oidcc-refresh-token",
    "oidcc-ensure-request-with-valid-pkce-succeeds",
)
LOGOUT = (
    "oidcc-rp-initiated-logout-discovery-endpoint-verification",
    "oidcc-rp-initiated-logout",
    "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-modified-id-token-hint",
    "oidcc-rp-initiated-logout-no-id-token-hint",
    "oidcc-rp-initiated-logout-no-params",
    "oidcc-rp-initiated-logout-no-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-no-state",
    "oidcc-rp-initiated-logout-only-state",
    "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-bad-id-token-hint",
)
PLANS = {
    "config": ("oidcc-discovery-endpoint-verification",),
    "basic": BASIC,
    "formpost": BASIC,
    "logout": LOGOUT,
    "backchannel": (
        "oidcc-backchannel-logout-discovery-endpoint-verification",
        "oidcc-backchannel-rp-initiated-logout",
    ),
}
IDS = {"basic": "[basic-", "formpost": "[formpost-"}
"""How the ids of a plan's tests go on where two plans have the same modules."""


@cache
def collected() -> list[str]:
    """The names with ids of all tests that would run."""
    files = sorted(str(path) for path in HERE.glob("test_oidcc_*.py"))
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files]
    found = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, timeout=120, check=True)
    return [line.partition("::")[2] for line in found.stdout.splitlines() if "::" in line]


def _has_test(name: str, id_start: str) -> bool:
    return any((test == name and id_start == "[") or test.startswith(name + id_start) for test in collected())


@pytest.mark.parametrize(("plan", "count"), [("config", 1), ("basic", 38), ("formpost", 38), ("logout", 11)])
def test_the_plans_are_complete(plan: str, count: int) -> None:
    """As many modules as the plan of August 2026 has."""
    assert len(set(PLANS[plan])) == len(PLANS[plan]) == count


@pytest.mark.parametrize("plan", PLANS)
def test_each_module_has_a_test(plan: str) -> None:
    """A module without a test of its name and plan fails here."""
    names = [f"test_{module.replace('-', '_')}" for module in PLANS[plan]]
    assert [name for name in names if not _has_test(name, IDS.get(plan, "["))] == []


def test_no_test_bears_the_name_of_a_module_that_there_is_not() -> None:
    """A misspelt name would stand for no module."""
    known = {f"test_{module.replace('-', '_')}" for modules in PLANS.values() for module in modules}
    named = {test.partition("[")[0] for test in collected() if test.startswith("test_oidcc_")}
    assert named == known
