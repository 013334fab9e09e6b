"""clients/python signs people in at a running portal, and refreshes by itself."""

from __future__ import annotations

import json
import re
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import requests
from auth_portal_client import AuthPortal, FileStorage, types

from tests.clienting import PERSON, Connect, app_api, connect, foreign, new_address, plain_client, refused
from tests.support.app_api import AppApi
from tests.support.portal import ROOT, PortalProcess, development_portal
from tests.support.receiver import Receiver

__all__ = ["app_api", "connect", "foreign"]

GUIDE = ROOT / "docs" / "client-libraries.md"
SOURCE = ROOT / "clients" / "python"
TYPESCRIPT = ROOT / "clients" / "typescript" / "src" / "types.ts"


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProcess]:
    """A portal that tells codes, and whose access tokens are over after a moment."""
    with development_portal(tmp_path_factory.mktemp("client") / "portal.db", access_token_ttl=3) as running:
        yield running


def test_the_package_is_ready_to_be_built() -> None:
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    assert [re.split(r"[<>=]", each)[0] for each in project["dependencies"]] == ["requests"]
    assert project["requires-python"] == ">=3.10"
    assert (SOURCE / "src" / "auth_portal_client" / "py.typed").exists()
    assert (SOURCE / project["readme"]).exists()
    assert (SOURCE / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    other = json.loads((ROOT / "clients" / "typescript" / "package.json").read_text())
    assert {name: project[name] for name in ("name", "version", "description")} == {
        name: other[name] for name in ("name", "version", "description")
    }


def test_both_clients_know_the_same_types_and_codes() -> None:
    typescript = TYPESCRIPT.read_text()
    names = re.findall(r"^export (?:interface|type) (\w+)", typescript, re.MULTILINE)
    assert len(names) >= 30
    only_there = {"Envelope", "Operations"}  # for who calls without a client
    assert {name for name in names if not hasattr(types, name)} == only_there
    codes = re.findall(r"[\"'](\w+)[\"']", typescript.partition("export type ErrorCode")[2].partition(";")[0])
    assert sorted(get_args(types.ErrorCode)) == sorted(codes)


def test_both_clients_have_every_operation_of_the_api() -> None:
    typescript = (TYPESCRIPT.parent / "portal.ts").read_text()
    theirs = re.findall(r"^  (?:async )?(\w+)\([^)]*\): Promise<wire\.", typescript, re.MULTILINE)
    ours = {name: re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name) for name in theirs}
    views = "".join(path.read_text() for path in (ROOT / "auth_portal" / "web" / "api").glob("*.py"))
    assert len(ours) == len(re.findall(r"^@blueprint\.", views, re.MULTILINE))
    rows = re.findall(r"^\| `[A-Z]+ [^`]+` \| `(\w+)` \| `(\w+)` \|$", GUIDE.read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(ours.items())
    assert [name for name in ours.values() if not callable(getattr(AuthPortal, name, None))] == []


def test_somebody_registers_is_read_changed_and_signed_out(connect: Connect) -> None:
    client = connect()
    portal, email = client.portal, new_address()
    assert refused(portal.get_me).code == "unauthorized"
    sent = portal.send_otp_email({"email": email})
    first = portal.login_otp_email({"email": email, "code": sent["code"], "challengeId": sent["challengeId"]})
    assert first["registrationRequired"] is True
    assert not portal.is_signed_in
    registered = portal.complete_registration(first["registrationToken"], PERSON)
    assert registered["user"]["email"] == email
    assert portal.update_me({"firstName": "Augusta"})["firstName"] == "Augusta"
    assert portal.refresh()["user"]["firstName"] == "Augusta"
    assert portal.accept_terms({"acceptTerms": True})["termsAccepted"] is True
    assert portal.list_activity()["events"][-1]["kind"] == "registered"
    assert refused(lambda: portal.list_activity(before="nonsense & more")).code == "validation_failed"
    assert [session["isCurrent"] for session in portal.list_sessions()["sessions"]] == [True]
    assert portal.logout_others() == {"ended": 0}
    assert portal.export_me()["format"] == 1
    assert portal.get_me()["emails"][0]["value"] == email
    assert portal.logout() == {}
    assert refused(portal.get_me).status == 401
    assert client.ends == 0
    assert set(client.wire.timeouts) == {(5, 30)}


def test_a_token_that_lives_briefly_is_renewed(connect: Connect) -> None:
    client = connect()
    signed_in = client.sign_in()
    assert signed_in["expiresIn"] == 3
    time.sleep(3.1)
    assert client.portal.get_me()["id"] == signed_in["user"]["id"]
    assert client.wire.count("refresh-token 200") >= 1


def test_a_refusal_is_an_error_that_says_why(connect: Connect, foreign: Receiver) -> None:
    portal, email = connect().portal, new_address()
    sent = portal.send_otp_email({"email": email})
    code = "2222" if sent["code"] == "1111" else "1111"
    wrong = refused(
        lambda: portal.login_otp_email({"email": email, "code": code, "challengeId": sent["challengeId"]})
    )
    assert (wrong.status, wrong.code, wrong.retry_after) == (401, "code_invalid", None)
    assert (str(wrong), wrong.messages) == ("The code is wrong or has expired.", (str(wrong),))
    soon = refused(lambda: portal.send_otp_email({"email": email}))
    assert (soon.status, soon.code) == (409, "resend_too_soon")
    assert 0 < (soon.retry_after or 0) <= 30
    malformed = refused(lambda: portal.send_otp_email({"email": "nobody"}))
    assert malformed.messages[1] == "email: is not an email address"
    stranger = refused(lambda: connect(foreign.url).portal.send_otp_email({"email": email}))
    assert (stranger.status, stranger.code, str(stranger)) == (200, None, "Not an answer of the portal")
    with pytest.raises(requests.ConnectionError):
        connect("http://127.0.0.1:9").portal.send_otp_email({"email": email})


def test_the_own_session_keeps_no_cookies(portal: PortalProcess, app_api: AppApi) -> None:
    client = plain_client(portal.url, app_api.url)
    with client:
        for _ in range(2):
            client.request("GET", f"{app_api.url}/good", timeout=None)
    assert ["cookie" in asked.headers for asked in app_api.asked] == [False, False]


@pytest.mark.parametrize("more", ["?a=b", "/portal?", "#part", "/#"])
def test_a_portal_is_no_address_with_a_query_or_a_fragment(more: str) -> None:
    with pytest.raises(ValueError, match="query"):
        AuthPortal(f"https://portal.example{more}")


def test_phones_and_further_addresses(connect: Connect) -> None:
    client = connect()
    portal, second = client.portal, "+905552229999"
    sent = portal.send_otp({"phoneNumber": "0555 222 33 44", "region": "TR"})
    number = sent["phoneNumber"]
    first = portal.login_otp({"phoneNumber": number, "code": sent["code"], "challengeId": sent["challengeId"]})
    assert first["registrationRequired"] is True
    user = portal.complete_registration(first["registrationToken"], PERSON)["user"]
    assert (user["phoneNumber"], user["email"]) == (number, None)
    code = portal.add_phone({"phoneNumber": second})["code"]
    portal.prove_phone({"phoneNumber": second, "code": code, "keepFormer": True})
    assert portal.choose_main_phone({"phoneNumber": second})["phoneNumber"] == second
    assert [one["value"] for one in portal.remove_phone({"phoneNumber": number})["phoneNumbers"]] == [second]
    mine, other = new_address(), new_address()
    for email in (mine, other):
        code = portal.add_email({"email": email})["code"]
        portal.prove_email({"email": email, "code": code, "keepFormer": True})
    assert portal.choose_main_email({"email": other, "endOtherSessions": True})["email"] == other
    assert [one["value"] for one in portal.remove_email({"email": mine})["emails"]] == [other]
    (session,) = portal.list_sessions()["sessions"]
    assert portal.end_session(session["id"]) == {}
    assert refused(portal.get_me).code == "unauthorized"
    assert client.ends == 1


def test_a_file_keeps_a_sign_in_over_restarts(portal: PortalProcess, tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    email = new_address()
    with AuthPortal(portal.url, storage=FileStorage(path)) as first:
        assert not first.is_signed_in
        code = first.send_otp_email({"email": email})["code"]
        answer = first.login_otp_email({"email": email, "code": code})
        first.complete_registration(answer["registrationToken"], PERSON)
    assert path.stat().st_mode & 0o077 == 0
    assert [each.name for each in tmp_path.iterdir()] == ["tokens.json"]
    with AuthPortal(portal.url, storage=FileStorage(path)) as second:
        assert second.get_me()["email"] == email
        second.logout()
    assert not path.exists()
    path.write_text('{"access_token": 1}')
    with AuthPortal(portal.url, storage=FileStorage(path)) as third:
        assert not third.is_signed_in


@pytest.mark.parametrize("found", [b"\xff\xfe{", b"[" * 100_000, b"{}", b"null", b""])
def test_a_file_that_holds_no_record_signs_nobody_in(tmp_path: Path, found: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(found)
    with AuthPortal("http://127.0.0.1:9", storage=FileStorage(path)) as portal:
        assert not portal.is_signed_in
        assert refused(portal.get_me).code == "unauthorized"


def test_the_samples_of_the_guide_sign_somebody_in(
    portal: PortalProcess, app_api: AppApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    text = GUIDE.read_text("utf-8").replace("https://portal.example", portal.url)
    samples = re.findall(r"```python\n(.*?)```", text.replace("https://api.example", app_api.url), re.DOTALL)
    signing, keeping, wording = [_names_of(sample) for sample in samples]
    email, codes, questions = new_address(), [], []
    send = signing["portal"].send_otp_email

    def send_and_note(body: types.SendEmailCode) -> types.EmailCodeSent:
        codes.append(send(body))
        return codes[-1]

    def ask(question: str) -> str:
        questions.append(question)
        return {"First name": "Ada", "Last name": "Lovelace"}.get(
            question, codes[-1]["code"] if "code" in question else "yes"
        )

    signing["portal"].send_otp_email = send_and_note
    assert signing["sign_in"](email, ask)["email"] == email
    assert questions == ["The 4 digits of the code", "Do you accept the terms?", "First name", "Last name"]
    assert signing["orders"]() == {"orders": []}
    assert app_api.asked[0].headers["authorization"].startswith("Bearer ey")
    assert not keeping["portal"].is_signed_in
    wrong = refused(lambda: signing["portal"].login_otp_email({"email": email, "code": "0000"}))
    signing["portal"].send_otp_email({"email": "soon@example.com"})
    soon = refused(lambda: signing["portal"].send_otp_email({"email": "soon@example.com"}))
    assert wording["words_for"](wrong) == "That code is wrong or too old."
    assert wording["words_for"](soon).startswith("Please try again in ")
    assert wording["words_for"](requests.ConnectionError()) == "The portal cannot be reached."
    for client in (signing["portal"], keeping["portal"]):
        client.close()


def _names_of(sample: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(sample, names)
    return names
