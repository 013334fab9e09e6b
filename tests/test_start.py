"""Starting: what a production portal refuses to run with, what it accepts, and a development portal from nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.conftest import environment
from tests.support.api import Api
from tests.support.portal import ROOT, PortalFailed, PortalProcess
from tests.support.ports import free_port
from tests.support.smtp import MailSink

GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
SECRETS = {
    "secret_key": "sWordfish-2026",
    "secret_key_fallbacks": "oLdfish-2025",
    "database_url": "mysql://root:hUnter2@db.example/portal",
    "mail_url": "ftp://mailer:tOpsecret@relay.example",
}


# Loads wsgi.py for each environment in a process of its own; forked, since the imports are what takes long.
LOADER = """
import contextlib, json, os, sys, tempfile
import auth_portal.app
ends = []
for settings in json.load(sys.stdin):
    with tempfile.TemporaryFile() as written:
        child = os.fork()
        if child == 0:
            os.environ.update(settings)
            os.dup2(written.fileno(), 1)
            os.dup2(written.fileno(), 2)
            import wsgi
            sys.exit()
        status = os.waitpid(child, 0)[1]
        written.seek(0)
        ends.append((os.waitstatus_to_exitcode(status), written.read().decode()))
json.dump(ends, sys.stdout)
"""


def run(command: list[str], settings: Mapping[str, str], given: str = "") -> tuple[int, str, str]:
    """Run with these settings only: exit code, standard output and standard error."""
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PORT": str(free_port()), **settings}
    done = subprocess.run(
        command, cwd=ROOT, env=env, input=given, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def load(environments: Iterable[Mapping[str, str]]) -> list[tuple[int, str]]:
    """Load ``wsgi.py`` in each of the environments; exit code and all that was written."""
    code, ends, errors = run([sys.executable, "-c", LOADER], {}, json.dumps(list(environments)))
    assert code == 0, errors
    return [(code, written) for code, written in json.loads(ends)]


def production(**overrides: object) -> dict[str, str]:
    """A complete production environment, changed; None takes a setting away."""
    complete = environment("sqlite:////nowhere/portal.db", "smtp://relay.example")
    named = {f"AUTH_PORTAL_{name.upper()}": value for name, value in overrides.items()}
    return {name: str(value) for name, value in {**complete, **named}.items() if value is not None}


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
    """How each case ended."""
    return dict(zip(REFUSED, load(production(**changes) for changes, _ in REFUSED.values()), strict=True))


@pytest.mark.parametrize("case", REFUSED)
def test_production_does_not_start_with(case: str, refusals: dict[str, tuple[int, str]]) -> None:
    code, written = refusals[case]
    sentence = REFUSED[case][1]
    setting = sentence.split()[0].rstrip(":").removesuffix("_FILE")

    assert code != 0
    assert sentence in written
    assert set(re.findall(r"^  - ([A-Z_]+?)(?:_FILE)?\b", written, re.MULTILINE)) == {setting}, "more than one fault"
    assert "Traceback" not in written


def test_all_faults_are_told_at_once_and_no_secret_with_them() -> None:
    faults = {"public_url": "http://portal.example", "mail_from": None, "code_length": 3, "env": None, **SECRETS}
    code, _output, written = run(GUNICORN, production(**faults))

    assert code != 0
    named = set(re.findall(r"^  - ([A-Z_]+)", written, re.MULTILINE))
    assert named == {"PUBLIC_URL", "MAIL_FROM", "CODE_LENGTH", *(name.upper() for name in SECRETS)}
    for secret in ("sWordfish", "oLdfish", "hUnter2", "tOpsecret"):
        assert secret not in written
    assert "Traceback" not in written


def test_an_empty_environment_is_production_and_refuses_to_start(tmp_path: Path) -> None:
    code, _output, written = run(GUNICORN, {"TMPDIR": str(tmp_path)})

    assert code != 0
    for name in ("SECRET_KEY", "PUBLIC_URL", "MAIL_URL", "MAIL_FROM"):
        assert f"{name} is required" in written
    assert list(tmp_path.iterdir()) == [], "a start that was refused left something behind"


def test_a_metrics_folder_of_the_operator_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "metrics" / "of-somebody-else"
    kept.parent.mkdir()
    kept.touch()
    settings = environment(f"sqlite:///{tmp_path / 'portal.db'}", "smtp://relay.example")
    with PortalProcess(settings | {"PROMETHEUS_MULTIPROC_DIR": str(kept.parent)}, migrate=False):
        pass

    assert kept.exists()


ACCEPTED: dict[str, dict[str, object]] = {
    "http_on_ipv4": {"public_url": "http://127.0.0.1:8000"},
    "http_on_ipv6": {"public_url": "http://[::1]:8000"},
    "http_on_localhost": {"public_url": "http://localhost"},
    "https_with_a_path": {"public_url": "https://example.org/signin/"},
    "postgresql": {"database_url": "postgresql://portal:secret@db.example/portal"},
    "several_relays": {"mail_url": "smtp+starttls://u:p%40ss@a.example:587, smtps://b.example"},
    "durations": {"code_ttl": "10m", "refresh_token_ttl": "30d", "access_token_ttl": "600"},
}


def test_every_safe_setting_starts_and_nobody_is_asked_anything(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a secret in a file and well over thirty-two bytes\n")
    cases = {**ACCEPTED, "secret_in_a_file": {"secret_key": None, "secret_key_file": secret}}

    ends = dict(zip(cases, load(production(**changes) for changes in cases.values()), strict=True))

    assert ends == dict.fromkeys(cases, (0, ""))


def test_an_unset_environment_is_production_where_the_rest_is_there(tmp_path: Path) -> None:
    with MailSink() as relay:
        settings = environment(f"sqlite:///{tmp_path / 'portal.db'}", relay.url, env=None)
        with PortalProcess(settings) as portal, Api(portal.url) as api:
            sent = api.send_code("ada@example.com")
            assert sent.status == 201
            assert "code" not in sent.data
            assert b"ada@example.com" not in api.get("/dev/mailbox").body  # which is there for text messages


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
            assert b"ada@example.com" not in api.get("/dev/mailbox").body  # which is there for text messages
        assert path.is_file()


def test_a_portal_whose_settings_are_refused_ends_instead_of_trying_again(tmp_path: Path) -> None:
    settings = environment(f"sqlite:///{tmp_path / 'portal.db'}", "smtp://relay.example", secret_key=None)

    with pytest.raises(PortalFailed, match=r"gunicorn ended with [1-9][\s\S]*SECRET_KEY is required"):
        PortalProcess(settings, migrate=False).start()
