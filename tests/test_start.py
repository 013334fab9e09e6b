"""Starting: what a production portal refuses to run with, what it accepts, and a development portal from nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import environment
from tests.support.api import Api, in_parallel
from tests.support.portal import ROOT, PortalFailed, PortalProcess
from tests.support.ports import free_port
from tests.support.smtp import MailSink

GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
LOAD = [sys.executable, "-c", "import wsgi"]
SECRETS = {
    "secret_key": "sWordfish-2026",
    "secret_key_fallbacks": "oLdfish-2025",
    "database_url": "mysql://root:hUnter2@db.example/portal",
    "mail_url": "ftp://mailer:tOpsecret@relay.example",
}


def start(settings: Mapping[str, str], command: list[str] = LOAD, root: Path = ROOT) -> tuple[int, str]:
    """Start with these settings only; the exit code and all that was written."""
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PORT": str(free_port()), **settings}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def production(**overrides: object) -> dict[str, str]:
    """A complete production environment, changed; None takes a setting away."""
    return environment("sqlite:////nowhere/portal.db", "smtp://relay.example", **overrides)


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "no_secret_key": ({"secret_key": None}, "SECRET_KEY is required"),
    "short_secret_key": ({"secret_key": SECRETS["secret_key"]}, "SECRET_KEY is shorter than 32 bytes"),
    "short_fallback": ({"secret_key_fallbacks": SECRETS["secret_key_fallbacks"]}, "SECRET_KEY_FALLBACKS"),
    "no_public_url": ({"public_url": None}, "PUBLIC_URL is required"),
    "http_public_url": ({"public_url": "http://portal.example"}, "PUBLIC_URL must be https"),
    "http_lookalike": ({"public_url": "http://localhost.evil.example"}, "PUBLIC_URL must be https"),
    "public_url_with_user": ({"public_url": "https://a:pAss@portal.example"}, "PUBLIC_URL must be scheme, host"),
    "public_url_of_nothing": ({"public_url": "portal.example"}, "PUBLIC_URL is not"),
    "other_database": ({"database_url": SECRETS["database_url"]}, "DATABASE_URL must be"),
    "database_in_memory": ({"database_url": "sqlite:///:memory:"}, "DATABASE_URL must be"),
    "no_relay": ({"mail_url": None}, "MAIL_URL is required"),
    "other_relay": ({"mail_url": SECRETS["mail_url"]}, "MAIL_URL: relay 1"),
    "bad_second_relay": ({"mail_url": f"smtp://a.example,{SECRETS['mail_url']}"}, "MAIL_URL: relay 2"),
    "relay_without_password": ({"mail_url": "smtp://mailer@relay.example"}, "MAIL_URL: relay 1"),
    "no_sender": ({"mail_from": None}, "MAIL_FROM is required"),
    "sender_without_address": ({"mail_from": "Portal"}, "MAIL_FROM is not"),
    "unknown_environment": ({"env": "staging"}, "ENV"),
    "too_many_attempts": ({"code_attempts": 100}, "CODE_ATTEMPTS"),
    "short_codes": ({"code_length": 3}, "CODE_LENGTH"),
    "endless_codes": ({"code_ttl": "2d"}, "CODE_TTL"),
    "no_number": ({"trusted_proxies": "all"}, "TRUSTED_PROXIES"),
    "no_origin": ({"allowed_origins": "*"}, "ALLOWED_ORIGINS"),
    "secret_file_missing": (
        {"secret_key": None, "secret_key_file": "/nowhere/key"},
        "SECRET_KEY_FILE cannot be read",
    ),
    "secret_given_twice": ({"secret_key_file": "/nowhere/key"}, "SECRET_KEY and SECRET_KEY_FILE are both set"),
}


@pytest.fixture(scope="module")
def refusals() -> dict[str, tuple[int, str]]:
    """How each case ended; side by side, since each is a process of its own."""
    cases = list(REFUSED)
    found: dict[str, tuple[int, str]] = {}
    for four in (cases[at : at + 4] for at in range(0, len(cases), 4)):
        results = in_parallel([lambda case=case: start(production(**REFUSED[case][0])) for case in four])
        found.update({case: result for case, result in zip(four, results, strict=True) if isinstance(result, tuple)})
    return found


@pytest.mark.parametrize("case", REFUSED)
def test_production_does_not_start_with(case: str, refusals: dict[str, tuple[int, str]]) -> None:
    code, written = refusals[case]

    assert code not in (0, None)
    assert REFUSED[case][1] in written
    assert len(re.findall(r"^  - ", written, re.MULTILINE)) == 1, written
    assert "Traceback" not in written


@pytest.mark.parametrize("command", [LOAD, GUNICORN], ids=["wsgi", "gunicorn"])
def test_all_faults_are_told_at_once_and_no_secret_with_them(command: list[str]) -> None:
    faults = {"public_url": "http://portal.example", "mail_from": None, "code_length": 3, "env": None, **SECRETS}
    code, written = start(production(**faults), command)

    assert code != 0
    for name in ("SECRET_KEY", "SECRET_KEY_FALLBACKS", "PUBLIC_URL", "DATABASE_URL", "MAIL_URL", "MAIL_FROM"):
        assert re.search(rf"^  - {name}\b", written, re.MULTILINE), f"{name} in:\n{written}"
    assert "CODE_LENGTH" in written
    for secret in ("sWordfish", "oLdfish", "hUnter2", "tOpsecret"):
        assert secret not in written
    assert "Traceback" not in written


def test_an_empty_environment_is_production_and_refuses_to_start() -> None:
    code, written = start({}, GUNICORN)

    assert code != 0
    for name in ("SECRET_KEY", "PUBLIC_URL", "MAIL_URL", "MAIL_FROM"):
        assert f"{name} is required" in written
    assert not (ROOT / "instance" / "gunicorn").exists()


ACCEPTED: dict[str, dict[str, object]] = {
    "http_on_ipv4": {"public_url": "http://127.0.0.1:8000"},
    "http_on_ipv6": {"public_url": "http://[::1]:8000"},
    "http_on_localhost": {"public_url": "http://localhost"},
    "https_with_a_path": {"public_url": "https://example.org/signin/"},
    "postgresql": {"database_url": "postgresql://portal:secret@db.example/portal"},
    "several_relays": {"mail_url": "smtp+starttls://u:p%40ss@a.example:587, smtps://b.example"},
    "durations": {"code_ttl": "10m", "refresh_token_ttl": "30d", "access_token_ttl": "600"},
}


def test_every_safe_setting_starts_and_nobody_is_asked_anything() -> None:
    results = in_parallel([lambda env=env: start(production(**env)) for env in ACCEPTED.values()], timeout=120)

    assert dict(zip(ACCEPTED, results, strict=True)) == dict.fromkeys(ACCEPTED, (0, ""))


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("a secret in a file, well over thirty-two bytes\n")

    assert start(production(secret_key=None, secret_key_file=path)) == (0, "")


def test_an_unset_environment_is_production_where_the_rest_is_there(tmp_path: Path) -> None:
    with MailSink() as relay:
        settings = environment(f"sqlite:///{tmp_path / 'portal.db'}", relay.url, env=None)
        with PortalProcess(settings) as portal, Api(portal.url) as api:
            sent = api.send_code("ada@example.com")
            assert sent.status == 201
            assert "code" not in sent.data
            assert api.get("/dev/mailbox").status == 404


def test_production_does_not_migrate_by_itself(tmp_path: Path) -> None:
    settings = environment(f"sqlite:///{tmp_path / 'portal.db'}", "smtp://relay.example")
    with PortalProcess(settings, migrate=False) as portal, Api(portal.url) as api:
        ready = api.get("/readyz")

    assert (ready.status, ready.json["status"]) == (503, "database not migrated")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a portal needs, so that nobody's ``instance/`` is touched."""
    root = tmp_path_factory.mktemp("checkout")
    for name in ("auth_portal", "static", "templates"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("wsgi.py", "gunicorn.conf.py"):
        shutil.copy(ROOT / name, root)
    return root


def test_a_development_portal_starts_from_nothing_and_again_with_what_it_made(checkout: Path) -> None:
    settings = {"AUTH_PORTAL_ENV": "development"}
    made = []
    for _ in range(2):
        portal = PortalProcess(settings, migrate=False, root=checkout)
        with portal, Api(portal.url) as api:
            email = f"dev{len(made)}@example.com"
            sent = api.send_code(email)
            assert api.get("/readyz").status == 200
            assert sent.status == 201
            assert sent.data["code"] in api.get("/dev/mailbox").body.decode()
            assert api.login(email, sent.data["code"]).status == 200
            made.append((checkout / "instance" / "secret_key").read_text())
        assert "/login" in portal.log_text()
        assert "/dev/mailbox" in portal.log_text()

    assert made[0] == made[1]
    assert len(made[0].strip()) >= 32
    assert (checkout / "instance" / "secret_key").stat().st_mode & 0o077 == 0
    assert (checkout / "instance" / "auth_portal.db").is_file()


def test_a_development_portal_migrates_the_database_it_is_given(checkout: Path, tmp_path: Path) -> None:
    with MailSink() as relay:
        path = tmp_path / "folder" / "portal.db"
        settings = environment(f"sqlite:///{path}", relay.url, env="development")
        with PortalProcess(settings, migrate=False, root=checkout, workers=2) as portal, Api(portal.url) as api:
            assert api.get("/readyz").status == 200
            sent = api.send_code("ada@example.com")
            assert sent.data["code"] in str(relay.sent_to("ada@example.com")[0].raw)
            assert api.get("/dev/mailbox").status == 404
        assert path.is_file()


def test_a_portal_whose_settings_are_refused_ends_instead_of_trying_again(tmp_path: Path) -> None:
    settings = environment(f"sqlite:///{tmp_path / 'portal.db'}", "smtp://relay.example", secret_key=None)

    with pytest.raises(PortalFailed, match=r"gunicorn ended with [1-9][\s\S]*SECRET_KEY is required"):
        PortalProcess(settings, migrate=False).start()
