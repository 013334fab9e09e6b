"""The environment: what is required, what is refused, and that every fault is named at once without its value."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from auth_portal.settings import LOCALES, Settings, SettingsError, load_settings, unknown_names
from auth_portal.settings.environment import SECRET_FIELDS
from tests.conftest import environment

_SITE = "https://login.example.com"
WRONG_SERVERS = [_SITE, f"staging={_SITE}", f"production={_SITE}/path", f"production={_SITE}; script-src *"]
WRONG_SERVERS += ["production=http://login.example.com", "development=http://[::1]:8000"]


@pytest.fixture
def good(tmp_path: Path) -> dict[str, str]:
    """An environment that a production portal starts in."""
    return environment(f"sqlite:///{tmp_path / 'portal.db'}", "smtp://relay.example", secret_key="k" * 32)


def with_changes(good: dict[str, str], changes: dict[str, str | None]) -> dict[str, str]:
    """The environment with these settings, in lower case; None leaves one out."""
    changed = {**good, **{f"AUTH_PORTAL_{name.upper()}": value for name, value in changes.items()}}
    return {name: value for name, value in changed.items() if value is not None}


def faults(environ: dict[str, str], instance: Path | None = None) -> list[str]:
    """Why the portal does not start; empty where it does."""
    try:
        load_settings(environ, instance)
    except SettingsError as error:
        return error.faults
    return []


def test_a_complete_environment_has_no_fault(good: dict[str, str]) -> None:
    assert faults(good) == []


def test_an_empty_environment_is_production_and_names_everything_that_is_missing() -> None:
    """Contract 1: unset means production."""
    assert sorted(faults({})) == [
        "MAIL_FROM is required",
        "MAIL_URL is required",
        "PUBLIC_URL is required",
        "SECRET_KEY is required",
    ]


@pytest.mark.parametrize("env", [None, "", "production"])
def test_only_the_word_development_is_development(good: dict[str, str], env: str | None) -> None:
    settings = load_settings(with_changes(good, {"env": env}))
    assert (settings.env, settings.is_development) == ("production", False)


@pytest.mark.parametrize("env", ["Development", "dev", "prod", "production;", "1"])
def test_a_word_that_is_no_environment_is_refused(good: dict[str, str], env: str) -> None:
    assert [fault for fault in faults(with_changes(good, {"env": env})) if fault.startswith("ENV")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("secret_key", "k" * 31),
        ("secret_key", "ş" * 15),
        ("secret_key_fallbacks", f"{'k' * 32},short"),
        ("public_url", "http://portal.example"),
        ("public_url", "http://127.0.0.1.evil.example"),
        ("public_url", "http://localhost.evil.example"),
        ("public_url", "portal.example"),
        ("public_url", "ftp://portal.example"),
        ("public_url", "https://"),
        ("public_url", "https://user@portal.example"),
        ("public_url", "https://portal.example/?x=1"),
        ("public_url", "https://portal.example/#x"),
        ("public_url", "https://portal.example:99999"),
        ("public_url", "https://portal.example/a b"),
        ("database_url", "mysql://host/name"),
        ("database_url", "sqlite://"),
        ("database_url", "sqlite:///:memory:"),
        ("mail_url", "http://relay.example"),
        ("mail_url", "smtp://"),
        ("mail_url", "smtp://user@relay.example"),
        ("mail_url", "smtp://relay.example:abc"),
        ("mail_url", "smtp://good.example,bad.example"),
        ("sms_url", "https://sms.example"),
        ("sms_url", "https+webhook://"),
        ("sms_url", "https+webhook://sms.example:0/"),
        ("sms_url", "https+webhook://sms.example/a b"),
        ("sms_url", "https+webhook://müşteri.example/"),
        ("sms_url", "https+webhook://user@sms.example/"),
        ("sms_url", f"https+webhook://:{'=' * 32}@sms.example/"),
        ("sms_url", "https+webhook://:c2hvcnQ=@sms.example/"),
        ("sms_url", "http+webhook://sms.example/"),
        ("sms_url", "http+webhook://app.localhost/"),
        ("sms_url", "http+webhook://127.0.0.1.evil.example/"),
        ("sms_url", "twilio://api.twilio.com/+15550001111"),
        ("sms_url", "twilio://AC1@api.twilio.com/+15550001111"),
        ("sms_url", "twilio://:token@api.twilio.com/+15550001111"),
        ("sms_url", "twilio://AC1:token@api.twilio.com/"),
        ("sms_url", "twilio://AC1:token@api.twilio.com/MG1/x"),
        ("sms_url", "twilio://AC1:token@api.twilio.com/MG1?x=1"),
        ("sms_url", "netgsm://850:p@api.netgsm.com.tr/%0D%0AX"),
        ("sms_url", "netgsm://850:p@api.netgsm.com.tr:x/X"),
        ("sms_url", "netgsm://850:p@api.netgsm.com.tr/X,hunter2"),
        ("mail_from", "nobody"),
        ("mail_from", "Portal <x@example.com>\nBcc: y@example.com"),
        ("signup", "maybe"),
        ("code_length", "3"),
        ("code_length", "13"),
        ("code_length", "four"),
        ("code_ttl", "0"),
        ("code_ttl", "2h"),
        ("code_ttl", "-5"),
        ("code_ttl", "10 parsecs"),
        ("code_ttl", "9999999999d"),
        ("code_attempts", "0"),
        ("code_attempts", "11"),
        ("sends_per_inbox_per_hour", "-1"),
        ("default_region", "tr"),
        ("default_region", "TUR"),
        ("default_region", "ZZ"),
        ("sms_destinations", "TR,Germany"),
        ("sms_destinations", "tr"),
        ("sms_destinations", "90"),
        ("sms_destinations", "+0090"),
        ("sms_destinations", "TR,+90 555"),
        ("sms_destinations", "*"),
        ("sms_per_range_per_hour", "-1"),
        ("sms_per_site_per_day", "many"),
        ("access_token_ttl", "2h"),
        ("trusted_proxies", "-1"),
        *(("allowed_origins", origin) for origin in ("https://app.example/path", "*", "null")),
        *(("api_servers", servers) for servers in WRONG_SERVERS),
        ("default_locale", "xx"),
        ("brand_name", "a\x07b"),
        ("terms_url", "javascript:alert(1)"),
        ("support_email", "nobody"),
    ],
)
def test_a_bad_value_is_the_one_fault_and_is_named(good: dict[str, str], name: str, value: str) -> None:
    """OPS-01."""
    found = faults(with_changes(good, {name: value}))
    assert [fault for fault in found if fault.startswith(name.upper())] == found
    assert len(found) == 1


def test_every_fault_is_named_at_once(good: dict[str, str]) -> None:
    """Malformed values do not hide what only shows when settings are seen together."""
    changes = {"code_length": "x", "code_ttl": "x", "secret_key": "short", "public_url": None, "mail_url": "http://x"}
    found = faults(with_changes(good, changes))
    assert {fault.split()[0].rstrip(":") for fault in found} == {name.upper() for name in changes}


def test_an_unreadable_file_hides_no_other_fault(good: dict[str, str]) -> None:
    changes = {"secret_key": None, "secret_key_file": "/nowhere", "public_url": None, "code_length": "x"}
    found = " ".join(faults(with_changes(good, changes)))
    assert all(name in found for name in ("SECRET_KEY_FILE", "PUBLIC_URL", "CODE_LENGTH"))


SECRETS = {
    "secret_key": "hunter2",
    "secret_key_fallbacks": "hunter2,hunter2",
    "database_url": "mysql://user:hunter2@host/name",
    "mail_url": "smtps://user:hunter2@,hunter2://x",
    "sms_url": "hunter2://x",
}


def test_no_secret_appears_in_what_is_said_about_it(good: dict[str, str]) -> None:
    assert set(SECRETS) == set(SECRET_FIELDS)
    with pytest.raises(SettingsError) as error:
        load_settings(with_changes(good, SECRETS))
    assert len(error.value.faults) >= len(SECRETS)
    assert "hunter2" not in str(error.value) + repr(error.value)


def test_no_secret_appears_where_the_settings_are_printed(good: dict[str, str]) -> None:
    """A debugger's or a log's view of the settings."""
    secrets = {"secret_key": "hunter2" * 6, "mail_url": "smtp://user:hunter2@relay.example"}
    settings = load_settings(with_changes(good, secrets))
    assert "hunter2" not in repr(settings) + str(settings)


@pytest.mark.parametrize("name", SECRET_FIELDS)
def test_every_secret_may_come_from_a_file(good: dict[str, str], tmp_path: Path, name: str) -> None:
    value = {
        "secret_key": "f" * 32,
        "secret_key_fallbacks": "g" * 32,
        "database_url": "postgresql://u:p@host/name",
        "mail_url": "smtps://u:p@relay.example:465",
        "sms_url": "netgsm://u:p@api.netgsm.com.tr/PORTAL,twilio://AC1:p@api.twilio.com/MG1",
    }[name]
    path = tmp_path / "secret"
    path.write_text(f"{value}\n")
    settings = load_settings(with_changes(good, {name: None, f"{name}_file": str(path)}))
    given = getattr(settings, name)
    assert (given if isinstance(given, str) else ",".join(given)) == value


def test_a_secret_in_both_ways_is_a_fault(good: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("f" * 32)
    found = faults(with_changes(good, {"secret_key_file": str(tmp_path / "secret")}))
    assert found == ["SECRET_KEY and SECRET_KEY_FILE are both set"]


@pytest.mark.parametrize(
    "secret", ["a secret, with a comma, of more than thirty-two bytes", " blanks around it" * 3 + " "]
)
def test_a_secret_that_is_taken_can_become_a_fallback(good: dict[str, str], secret: str) -> None:
    """OPS-15: else its rotation would lose every code, token and signing key."""
    try:
        present = load_settings(with_changes(good, {"secret_key": secret})).secret_key
    except SettingsError:
        return
    rotated = load_settings(with_changes(good, {"secret_key": "n" * 32, "secret_key_fallbacks": secret}))
    assert rotated.secret_keys == ("n" * 32, present)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("2m", 120), ("1h", 3_600), (" 5 m ", 300), ("0600", 600)]
)
def test_a_duration_is_a_number_with_a_unit_or_seconds(good: dict[str, str], text: str, seconds: int) -> None:
    assert load_settings(with_changes(good, {"resend_after": text})).resend_after == timedelta(seconds=seconds)


def test_days_are_a_unit_too(good: dict[str, str]) -> None:
    assert load_settings(with_changes(good, {"session_ttl": "14d"})).session_ttl == timedelta(days=14)


def test_production_has_the_defaults_of_the_contract(good: dict[str, str]) -> None:
    given = {"secret_key", "public_url", "database_url", "mail_url", "mail_from"}
    only = {name: value for name, value in good.items() if name.removeprefix("AUTH_PORTAL_").lower() in given}
    settings = load_settings(only)
    assert (settings.code_length, settings.code_attempts, settings.signup) == (4, 5, "open")
    assert (settings.code_ttl, settings.resend_after) == (timedelta(seconds=600), timedelta(seconds=30))
    sends = (settings.sends_per_inbox_per_hour, settings.sends_per_inbox_per_day, settings.sends_per_source_per_hour)
    assert sends == (5, 20, 100)
    assert (settings.access_token_ttl, settings.refresh_token_ttl) == (timedelta(seconds=600), timedelta(days=30))
    assert (settings.session_ttl, settings.session_idle_ttl) == (timedelta(days=30), timedelta(days=7))
    assert (settings.trusted_proxies, settings.default_locale, settings.allowed_origins) == (0, "tr", ())


def test_development_fills_in_what_it_needs(tmp_path: Path) -> None:
    settings = load_settings({"AUTH_PORTAL_ENV": "development", "PORT": "8123"}, tmp_path)
    assert (settings.public_url, settings.mail_from) == ("http://127.0.0.1:8123", "Auth Portal <no-reply@localhost>")
    assert (settings.mail_url, settings.sends_per_inbox_per_hour, settings.sends_per_source_per_hour) == ((), 0, 0)
    assert settings.database_url == f"sqlite:///{tmp_path / 'auth_portal.db'}"


def test_developments_secret_is_made_once_for_this_user_only(tmp_path: Path) -> None:
    environ = {"AUTH_PORTAL_ENV": "development"}
    first, second = load_settings(environ, tmp_path).secret_key, load_settings(environ, tmp_path).secret_key
    assert first == second
    assert len(first) >= 32
    made = [path for path in tmp_path.iterdir() if path.is_file()]
    assert [path.stat().st_mode & 0o077 for path in made] == [0]


def test_development_obeys_what_is_set(good: dict[str, str], tmp_path: Path) -> None:
    settings = load_settings(with_changes(good, {"env": "development", "sends_per_inbox_per_hour": "7"}), tmp_path)
    assert (settings.secret_key, settings.sends_per_inbox_per_hour) == ("k" * 32, 7)
    assert list(tmp_path.glob("secret_key*")) == []


def test_a_slash_at_the_end_of_the_public_url_is_dropped(good: dict[str, str]) -> None:
    settings = load_settings(with_changes(good, {"public_url": "https://Portal.example/sso/"}))
    assert (settings.public_url, settings.is_https) == ("https://Portal.example/sso", True)
    assert settings.public_origin == "https://portal.example"


@pytest.mark.parametrize("host", ["localhost:8000", "app.localhost", "127.0.0.1", "127.9.9.9:1", "[::1]:8000"])
def test_plain_http_is_for_loopback_hosts(good: dict[str, str], host: str) -> None:
    assert faults(with_changes(good, {"public_url": f"http://{host}"})) == []


def test_a_misspelled_name_is_noticed() -> None:
    environ = {"AUTH_PORTAL_SECRETKEY": "x", "AUTH_PORTAL_MAIL_URL_FILE": "x", "AUTH_PORTAL_ENV": "x", "HOME": "x"}
    assert unknown_names(environ) == ["AUTH_PORTAL_SECRETKEY"]


def test_every_setting_is_described_for_the_operator() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert re.search(r"[.`]$", field.description), name
    assert set(LOCALES) == {"tr", "en", "de", "fr", "es", "ar"}


def test_every_faulty_gateway_is_named_by_its_place(good: dict[str, str]) -> None:
    urls = "hunter2://x,https+webhook://sms.example/,twilio://x"
    assert faults(with_changes(good, {"sms_url": urls})) == [
        "SMS_URL: gateway 1 is not https+webhook://, twilio:// or netgsm:// with a host",
        "SMS_URL: gateway 3 needs a user and a password",
    ]
