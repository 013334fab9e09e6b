"""What the documents say is so."""

from __future__ import annotations

import base64
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from click.testing import CliRunner

from auth_portal.cli import portal
from auth_portal.delivery.gateways import open_gateway
from auth_portal.delivery.texts import Texts
from auth_portal.settings import (
    GUIDE_LOCALES,
    PROFILES,
    ROOT,
    Settings,
    load_settings,
    parse_gateway,
    yearly_bound,
    yearly_bound_with_spare,
)
from auth_portal.signin.addresses import Destination
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.limits import SendLimits
from tests.conftest import environment
from tests.support.sms import SmsSink
from tests.texting import code_letter, text_message

SECURITY = ROOT / "docs" / "security.md"
LIMITS = ROOT / "docs" / "limits.md"
PHONE = ROOT / "docs" / "phone.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")], key=str)


@pytest.mark.parametrize("locale", GUIDE_LOCALES)
def test_the_table_of_settings_is_the_one_that_the_command_prints(locale: str) -> None:
    printed = CliRunner().invoke(portal, ["settings", "--locale", locale]).output
    document = (ROOT / "docs" / locale.replace("en", "") / "settings.md").read_text("utf-8")
    assert printed.count("\n") == len(Settings.model_fields) + 2
    assert document.endswith(printed)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:)([^)#]+)", document.read_text("utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test", "lint", "bench", "help"} <= targets
    named = set(re.findall(r"\bmake ([a-z]+)\b", (ROOT / "README.md").read_text("utf-8"))) - {"are"}
    assert named <= targets


@pytest.mark.parametrize("profile", PROFILES)
def test_the_bounds_of_the_guess_budget_are_those_of_the_settings(profile: str) -> None:
    """OTP-42, BUD-01."""
    row = re.search(rf"^\| `{profile}` \|(.*)\|$", SECURITY.read_text("utf-8"), re.MULTILINE)
    assert row is not None
    budgets, yearly, promised, bound, with_spare = (cell.strip() for cell in row[1].split("|"))
    ladder = _settings(guess_profile=profile).ladder
    assert budgets == ", ".join(map(str, ladder))
    assert [int(number) for number in yearly.split(" + ")] == [rung.most_in_a_year for rung in ladder]
    assert float(promised) == PROFILES[profile].target
    assert float(bound) == pytest.approx(yearly_bound(ladder), rel=0.002)
    assert float(with_spare) == pytest.approx(yearly_bound_with_spare(ladder), rel=0.002)


def test_the_limits_are_those_of_the_settings() -> None:
    """OTP-42."""
    settings, text = _settings(), " ".join(LIMITS.read_text("utf-8").split())
    told = [
        f"| {settings.resend_after.total_seconds():.0f} s (`RESEND_AFTER`) |",
        f"| {settings.sends_per_inbox_per_hour} an hour, {settings.sends_per_inbox_per_day} a day |",
        f"| {settings.sends_per_source_per_hour} an hour |",
        f"| {settings.sends_per_site_per_hour:,} an hour |",
        f"| {settings.sms_per_range_per_hour} an hour |",
        f"| {settings.sms_per_site_per_day:,} in any 24 hours |",
    ]
    assert [words for words in told if words not in text] == []


def test_the_budgets_of_all_accounts_are_those_of_the_settings() -> None:
    """OTP-42."""
    settings, text = _settings(), " ".join(SECURITY.read_text("utf-8").split())
    told = [
        f"at most {settings.open_short_codes} short codes",
        *(
            f"{rung.budget:,} {'wrong guesses at four digits in 30 days' if length == 4 else 'at ' + name}"
            for (length, rung), name in zip(settings.site_rungs.items(), ("four", "six", "eight"), strict=True)
        ),
    ]
    assert [words for words in told if words not in text] == []


def test_the_limits_that_callers_are_told_are_those_of_the_settings() -> None:
    """API-04."""
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\| `(q=\d+;w=\d+)` \|$", LIMITS.read_text("utf-8"), re.MULTILINE)
    settings = _settings()
    limits = SendLimits(settings, KeyRing([settings.secret_key]))
    buckets = limits.buckets(Destination("sms", "+905551112233"), "192.0.2.1")
    told = {bucket.kind: f"q={bucket.quota};w={bucket.window}" for bucket in buckets}
    assert dict(rows) == told | {"address-changes": "q=10;w=86400"}


def test_every_requirement_about_codes_is_cited_by_a_test_or_said_to_be_open() -> None:
    """OTP-01 to OTP-42 and BUD-01 to BUD-07."""
    wanted = {*(f"OTP-{number:02}" for number in range(1, 43)), *(f"BUD-{number:02}" for number in range(1, 8))}
    tests = "".join(
        path.read_text("utf-8") for path in ROOT.glob("tests/**/*.py") if path.name != Path(__file__).name
    )
    cited = set(re.findall(r"\b(?:OTP|BUD)-[0-9]{2}\b", re.sub(r"-(\d\d), -(?=\d\d)", r"-\1, OTP-", tests)))
    open_ones = set(re.findall(r"\bOTP-[0-9]{2}\b", SECURITY.read_text("utf-8").partition("## Requirements")[2]))
    own = {"OTP-42"}  # the tests above
    assert wanted - cited - open_ones - own == set()


def _settings(**overrides: object) -> Settings:
    """Production as it is by default: without the tests' own limits."""
    values = environment("sqlite:////nowhere/portal.db", "smtp://127.0.0.1:1", **overrides)
    return load_settings({name: value for name, value in values.items() if "_PER_" not in name})


def test_the_receiver_of_the_phone_page_takes_what_the_portal_sends_and_nothing_else(sms: SmsSink) -> None:
    """Standard Webhooks."""
    sample: dict[str, Any] = {}
    (code,) = re.findall(r"```python\n(.*?)```", PHONE.read_text("utf-8"), re.DOTALL)
    exec(code, sample)
    is_ours = sample["is_from_the_portal"]
    secret = unquote(sms.setting.partition("://:")[2].partition("@")[0])
    open_gateway(parse_gateway(sms.setting)).hand_over(text_message(), time.monotonic() + 10)
    (asked,) = sms.asked
    assert is_ours(asked.headers, asked.body, secret)
    assert is_ours(asked.headers, asked.body, f"whsec_{secret}")
    assert not is_ours(asked.headers, asked.body + b" ", secret)
    assert not is_ours(asked.headers, asked.body, base64.b64encode(b"another").decode())
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        assert not is_ours({**asked.headers, name: "1"}, asked.body, secret), name
        assert not is_ours({key: asked.headers[key] for key in asked.headers if key != name}, asked.body, secret), (
            name
        )


def test_the_text_on_the_phone_page_is_the_one_that_is_sent() -> None:
    settings = load_settings(environment("sqlite:///x", "smtp://x", public_url="https://portal.example"))
    assert f"\n```\n{Texts(settings).code(code_letter(locale='tr')).text}\n```\n" in PHONE.read_text("utf-8")
