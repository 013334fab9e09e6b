"""clients/typescript is built, and signs people in at a running portal from Node.js."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.packing import package
from tests.support.app_api import AppApi
from tests.support.portal import ROOT, PortalProcess, development_portal
from tests.support.receiver import Receiver, Reply
from tests.support.typescript import NODE, PACKAGE, compile_files

__all__ = ["package"]

TYPES = re.compile(r"^export (?:interface|type) (\w+)", re.MULTILINE)
UNAUTHORIZED = {"name": "PortalError", "status": 401, "code": "unauthorized", "messages": ["Unauthorized"]}
_numbers = itertools.count()

Run = Callable[..., Any]

CONSUMER = """
export async function nameOf(portal: AuthPortal, body: VerifyEmailCode): Promise<string> {
  const answer = await portal.loginOtpEmail(body);
  if (answer.registrationRequired) {
    const token: string = answer.registrationToken;
    // @ts-expect-error  there is no user yet
    console.log(answer.user.id);
    return token;
  }
  const wrong: ErrorCode = 'code_invalid';
  return answer.user.firstName + wrong;
}
export async function register(portal: AuthPortal, token: string): Promise<boolean> {
  const person = { firstName: 'Ada', lastName: 'Lovelace', acceptTerms: true } as const;
  const { user } = await portal.completeRegistration(token, { ...person, fields: { company: 'Engines', seats: 2 } });
  await portal.updateMe({ fields: { company: null } });
  return user.fields['company'] === 'Engines';
}
export const storage: TokenStorage = { get: () => localStorage.getItem('a'), set: (text) => console.log(text) };
export const isWrong = (error: unknown) => error instanceof PortalError && error.code === 'code_invalid';
"""


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProcess]:
    """A portal that tells codes."""
    with development_portal(tmp_path_factory.mktemp("client") / "portal.db") as running:
        yield running


@pytest.fixture
def run(package: Path, portal: PortalProcess) -> Run:
    """Runs a scenario of ``portal_client.mjs``."""

    def scenario(name: str, **more: str) -> Any:
        number = next(_numbers)
        task = {
            "package": str(package / "dist" / "index.js"),
            "url": portal.url,
            "email": f"ts{number}@example.com",
            "other": f"other{number}@example.com",
            "scenario": name,
            **more,
        }
        command = ["node", "portal_client.mjs", json.dumps(task)]
        done = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return scenario


@pytest.fixture
def foreign() -> Iterator[Receiver]:
    """A server that must never see a token."""
    with Receiver() as server:
        yield server


@pytest.fixture
def app_api(foreign: Receiver) -> Iterator[AppApi]:
    """An API that may see it."""
    with AppApi() as server:
        server.elsewhere = f"{foreign.url}/landing"
        yield server


def test_the_package_holds_what_it_should_and_nothing_else(package: Path) -> None:
    command = ["npm", "pack", "--dry-run", "--json", "--ignore-scripts"]
    done = subprocess.run(command, cwd=package, capture_output=True, text=True, check=True)
    built = [
        f"dist/{name}.{kind}" for name in ("errors", "index", "portal", "tokens", "types") for kind in ("d.ts", "js")
    ]
    listed = sorted(file["path"] for file in json.loads(done.stdout)[0]["files"])
    assert listed == sorted(["LICENSE", "README.md", "package.json", *built])
    assert (PACKAGE / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    about = json.loads((PACKAGE / "package.json").read_text())
    wanted = json.loads((NODE / "package.json").read_text())["dependencies"]["typescript"]
    assert ("dependencies" in about, about["devDependencies"]) == (False, {"typescript": wanted})


def test_a_strict_consumer_compiles_and_sees_every_type(package: Path) -> None:
    names = TYPES.findall((PACKAGE / "src" / "types.ts").read_text())
    assert len(names) >= 30
    consumer = package.parents[1] / "consumer.ts"
    imports = ", ".join(f"type {name}" for name in ["TokenStorage", *names])
    consumer.write_text(f"import {{ AuthPortal, PortalError, {imports} }} from 'auth-portal-client';\n{CONSUMER}")
    options = ["--strict", "--noEmit", "--module", "nodenext", "--lib", "es2022,dom"]
    compile_files(consumer.parent, *options, consumer.name)


def test_the_sample_of_the_readme_compiles(package: Path) -> None:
    (sample,) = re.findall(r"```ts\n(.*?)```", (PACKAGE / "README.md").read_text("utf-8"), re.DOTALL)
    consumer = package.parents[1] / "readme.mts"
    consumer.write_text(sample)
    options = ["--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom"]
    compile_files(consumer.parent, *options, consumer.name)


def test_somebody_registers_is_read_changed_and_signed_out(run: Run) -> None:
    told = run("whole")
    assert told["before"] == UNAUTHORIZED | {"retryAfter": None}
    assert told["isNew"] == [True, False]
    assert told["registered"]["lastName"] == "Lovelace"
    assert (told["changed"]["firstName"], told["refreshed"]["firstName"]) == ("Augusta", "Augusta")
    assert told["terms"]["termsAccepted"] is True
    assert [event["kind"] for event in told["activity"]["events"]][-1] == "registered"
    assert (told["older"]["status"], told["older"]["code"]) == (400, "validation_failed")
    assert [session["isCurrent"] for session in told["sessions"]] == [True]
    assert (told["others"], told["mine"]["format"], told["signedOut"]) == ({"ended": 0}, 1, {})
    assert told["after"]["code"] == "unauthorized"


def test_a_refusal_is_an_error_that_says_why(run: Run, foreign: Receiver) -> None:
    told = run("refusals", receiver=foreign.url)
    wrong = {"name": "PortalError", "status": 401, "code": "code_invalid", "retryAfter": None}
    assert told["wrong"] == wrong | {"messages": ["The code is wrong or has expired."]}
    assert (told["soon"]["status"], told["soon"]["code"]) == (409, "resend_too_soon")
    assert 0 < told["soon"]["retryAfter"] <= 30
    assert told["malformed"]["messages"][1] == "email: is not an email address"
    assert told["foreign"] == {**wrong, "status": 200, "code": None, "messages": ["Not an answer of the portal"]}
    assert told["away"] == {"name": "TypeError", "message": "fetch failed"}


def test_calls_at_the_same_moment_share_one_refresh(run: Run) -> None:
    """Whether the access token is over by the clock or refused, and whether one client asks or two of one storage."""
    told = run("together")
    over, refused, over_for_two, refused_for_two = told["counted"]
    assert over == over_for_two == {"refreshes": 1, "unauthorized": 0, "people": 1}
    assert (refused["refreshes"], refused_for_two["refreshes"]) == (1, 1)
    assert (refused["people"], refused_for_two["people"]) == (1, 1)
    assert told["uses"] == 4


def test_a_token_that_lives_briefly_is_renewed_in_time(run: Run, tmp_path: Path) -> None:
    with development_portal(tmp_path / "portal.db", access_token_ttl=2) as brief:
        told = run("short", url=brief.url)
    assert told["expiresIn"] == 2
    assert told["email"].startswith("ts")
    assert told["refreshes"] >= 1


def test_a_session_that_is_over_is_told_once_to_each_client(run: Run) -> None:
    """The refresh token was used by two: the portal ended the session."""
    told = run("dead")
    assert set(told["codes"]) == {"unauthorized"}
    assert told["ends"] == [1, 1, 1]
    assert told["kept"] == [None, None]


def test_signing_out_oneself_forgets_the_tokens_and_is_not_told(run: Run) -> None:
    assert run("leaving") == [
        ["logout", [], False, 0],
        ["logoutAll", ["ended"], False, 0],
        ["deleteMe", ["eraseAt"], False, 0],
    ]


def test_a_portal_that_is_away_signs_nobody_out(run: Run) -> None:
    told = run("away")
    assert told["meanwhile"] == told["then"]
    assert (told["broken"], told["attempts"]) == ({"name": "TypeError", "message": "fetch failed"}, 1)
    assert (told["gateway"]["status"], told["gateway"]["code"], told["gateway"]["retryAfter"]) == (502, None, 7)
    assert told["signedIn"] == [True, 0]


def test_a_401_that_is_not_of_the_portal_signs_nobody_out(run: Run) -> None:
    """A proxy in between, say: it knows nothing of refresh tokens."""
    told = run("proxy")
    assert told["meanwhile"] == told["then"]
    assert [(told[name]["status"], told[name]["code"]) for name in ("over", "refresh", "logout")] == [(401, None)] * 3
    assert (told["signedIn"], told["left"]) == ([True, 0], False)


def test_a_refresh_under_way_brings_no_former_sign_in_back(run: Run) -> None:
    assert run("races") == {"former": True, "mine": True, "kept": None}


def test_the_token_goes_to_allowed_origins_and_nowhere_else(run: Run, app_api: AppApi, foreign: Receiver) -> None:
    with Receiver(Reply(308, {"Location": f"{foreign.url}/moved"})) as moved:
        told = run("origins", api=app_api.url, foreign=foreign.url, moved=moved.url)
    good = app_api.asked[0]
    assert (told["good"], good.headers["x-mine"]) == (200, "yes")
    assert good.headers["authorization"] == f"Bearer {told['accessToken']}"
    assert "is not one of the origins" in told["foreign"]["message"]
    assert "is not one of the origins" in told["disguised"]["message"]
    assert [told[name]["name"] for name in ("relative", "redirected", "followed", "moved")] == ["TypeError"] * 4
    assert (told["manual"], foreign.asked) == (302, [])


def test_a_request_is_repeated_once_and_only_where_it_can_be(run: Run, app_api: AppApi) -> None:
    """A wrong code is a 401 as well: it would be a second guess."""
    told = run("repeats", api=app_api.url)
    assert told["statuses"] == [200, 200, 401, 401]
    assert (told["refreshes"], app_api.bodies.count(b"no")) == (3, 2)
    assert (told["wrong"]["code"], told["tries"]) == ("code_invalid", ["verify 401"])
    tokens = [asked.headers["authorization"] for asked in app_api.asked if asked.body == b"text"]
    assert len(set(tokens)) == 2


def test_a_portal_is_no_address_with_a_query_or_a_fragment(run: Run) -> None:
    assert [error and (error["name"], "query" in error["message"]) for error in run("queries")] == [
        ("TypeError", True)
    ] * 4


def test_a_request_of_a_former_sign_in_is_not_repeated_with_the_next_one(run: Run, app_api: AppApi) -> None:
    """One person signs out and another one in, with this client or another one of its storage, meanwhile."""
    told = run("switched", api=app_api.url)
    assert [each["statuses"] for each in told] == [[401, 200]] * 2
    texts = [asked.headers["authorization"] for asked in app_api.asked if asked.body.startswith(b"text")]
    assert texts == [f"Bearer {each['former']}" for each in told]


def test_a_sign_in_found_after_a_refused_refresh_serves_no_former_request(run: Run, app_api: AppApi) -> None:
    """Another tab, without Web Locks, signed somebody in."""
    over, refused = run("replaced", api=app_api.url)
    assert (over["code"], refused["status"]) == ("unauthorized", 401)
    assert [asked.headers["authorization"] for asked in app_api.asked] == ["Bearer dead"]
    assert [(each["isTheirs"], each["ends"]) for each in (over, refused)] == [(True, 0)] * 2


def test_a_stream_gets_its_401_even_where_the_refresh_fails(run: Run, app_api: AppApi) -> None:
    assert run("streams", api=app_api.url) == [[401, True, 0], [401, False, 1]]


def test_phones_and_further_addresses(run: Run) -> None:
    number = f"0555 111 {next(_numbers):02} 33"
    told = run("phones", phone=number, otherPhone="+905551119999")
    assert told["user"]["phoneNumber"].startswith("+90555111")
    assert (told["swapped"], told["left"]) == ("+905551119999", ["+905551119999"])
    assert (len(told["both"]), len(told["one"]), told["ended"]) == (2, 1, {})
    assert told["after"]["code"] == "unauthorized"
