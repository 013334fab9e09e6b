"""What a portal and its commands write while somebody exports, leaves, comes back and is erased (OPS-03, PRIV-02)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import DATABASES, environment
from tests.leaving import ADA, FIRST, LAST, link_in
from tests.support.api import Answer, Api
from tests.support.portal import ROOT, PortalProcess
from tests.support.smtp import MailSink, code_in

AUTH = "/api/v1/auth"


@pytest.fixture(params=DATABASES)
def portal(
    request: pytest.FixtureRequest, new_database: Callable[[str], str], outbox: MailSink
) -> Iterator[PortalProcess]:
    """A portal that logs all it can."""
    env = environment(new_database(request.param), outbox.url, log_level="debug", resend_after=0)
    with PortalProcess(env, workers=2, migrate=False) as process:
        yield process


def authorized(token: str) -> dict[str, str]:
    """The header of somebody who is signed in."""
    return {"Authorization": f"Bearer {token}"}


def sign_in(api: Api, outbox: MailSink) -> Answer:
    """Ask for a code and type it."""
    before = len(outbox.sent_to(ADA))
    assert api.send_code(ADA).status == 201
    return api.login(ADA, code_in(outbox.sent_to(ADA)[before]))


def command(portal: PortalProcess, *words: str) -> str:
    """What an operator's command writes to standard error; it must end well."""
    result = subprocess.run(
        [sys.executable, "-m", "auth_portal.cli", *words], cwd=ROOT, env=portal.env, capture_output=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stderr.decode()


def test_no_log_line_tells_who_it_was_that_was_erased(portal: PortalProcess, outbox: MailSink) -> None:
    with Api(portal.url) as api:
        token = sign_in(api, outbox).data["registrationToken"]
        names = {"firstName": FIRST, "lastName": LAST, "acceptTerms": True, "locale": "en"}
        person = api.post(f"{AUTH}/complete-registration", names, authorized(token)).data
        headers = authorized(person["accessToken"])
        assert api.get(f"{AUTH}/me/export", headers).status == 200
        assert api.request("DELETE", f"{AUTH}/me", headers=headers).status == 200
        path = link_in(outbox.wait_for(ADA, 2))
        assert api.get(path).status == 200
        other = f"{path[:-1]}{'y' if path.endswith('x') else 'x'}"
        assert api.get(other).status == 404
        assert sign_in(api, outbox).status == 403
        assert api.get(f"{AUTH}/me/export", headers).status == 401
    written = command(portal, "user", "export", ADA) + command(portal, "user", "restore", ADA)
    written += command(portal, "user", "delete", ADA, "--yes", "--now")
    written += command(portal, "prune") + portal.log_text()
    for route in ("/me/export", "/api/v1/auth/me", "/account/restore/<token>", "login-otp-email"):
        assert f'{route}"' in written, "the requests were logged"
    secret = [ADA, ADA.split("@")[0], FIRST, LAST, path.rpartition("/")[2], token]
    secret += [person["accessToken"], person["refreshToken"], FIRST.encode("unicode_escape").decode()]
    assert [word for word in secret if word.casefold() in written.casefold()] == []
    # The audit log's lines name the account (OPS-02); by now that is nobody's name.
    subject = person["user"]["id"]
    assert [line for line in written.splitlines() if subject in line and '"account_event"' not in line] == []
