"""Proof of work by itself: what is a solution and what is none (OTP-40). What it opens: test_pages_proofs.py."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import altcha
import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from auth_portal.settings import ROOT
from auth_portal.signin import proof_of_work
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.proof_of_work import LIFETIME, MAX_SOLUTION, MAX_TRIES, REMEMBERED, ProofOfWork
from tests.support.puzzles import encoded, solve

NEW, OLD, OTHER = (f"{word} secret that is longer than thirty-two bytes" for word in ("a new", "an old", "another"))
HOME, AWAY = "192.0.2.1", "192.0.2.2"
NOW = datetime(2026, 5, 22, 16, 11, 27, tzinfo=UTC)
VENDORED = {
    "LICENSE.txt": "843bc430c56d731751a4d99278565df2975c7837e335147ae098055046d96e70",
    "algorithms/web/pbkdf2.js": "af9cf992955c98cfabb514f11a6457e94ba8820ca4c569bf923bc723ae82834e",
    "helpers.js": "e094d740c92f2793727e014329bf9de7301554bf68612932b590b39a23b008b6",
    "pow.js": "de88daf2c071f05a28439a00ea9a04c7ccf6d1df843a96383e4c07f036ec8131",
    "types.js": "334c8e3d6d51cd01680d7c18089a523e03537c1620e83e8f455851c7c6bb05e0",
}
"""SHA-256 of the files in the npm package altcha-lib 2.8.0, under dist/esm/v2."""


@pytest.fixture(autouse=True)
def clock() -> Any:
    """A clock that stands still at NOW until it is moved."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def proofs() -> ProofOfWork:
    """Proofs under one secret."""
    return ProofOfWork(KeyRing([NEW]))


@pytest.fixture
def solved(proofs: ProofOfWork, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A solved puzzle of HOME, as JSON; an easy one, to save time."""
    monkeypatch.setattr(proof_of_work, "MAX_TRIES", 20)
    return solve(proofs.issue(HOME))


def test_a_solution_by_the_library_is_one(proofs: ProofOfWork) -> None:
    """A puzzle of full difficulty."""
    ticket = proofs.check(encoded(solve(proofs.issue(HOME))), HOME)
    assert ticket is not None
    assert len(ticket) == 32


def test_a_solution_is_well_below_what_is_read(proofs: ProofOfWork, solved: dict[str, Any]) -> None:
    solved["solution"] |= {"counter": MAX_TRIES, "time": 12345.678901234567}
    assert len(encoded(solved)) < MAX_SOLUTION * 3 / 4


def test_each_puzzle_has_one_ticket_however_its_solution_is_spelled(
    proofs: ProofOfWork, solved: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replay is known by it: whoever spends a ticket spends all spellings of its solution."""
    text = encoded(solved)
    spelled = [text, f"{text[:40]}\n{text[40:]}", base64.b64encode(json.dumps(solved, indent=1).encode()).decode()]
    upper = solved["solution"]["derivedKey"].upper()
    spelled.append(encoded(solved | {"solution": solved["solution"] | {"derivedKey": upper, "counter": 7}, "x": 1}))
    parameters = dict(reversed(solved["challenge"]["parameters"].items())) | {"unknown": "member", "cost": 5000.0}
    spelled.append(encoded(solved | {"challenge": solved["challenge"] | {"parameters": parameters}}))
    assert {proofs.check(spelling, HOME) for spelling in spelled} == {solved["challenge"]["parameters"]["nonce"]}
    monkeypatch.setattr(proof_of_work, "MAX_TRIES", 1)
    assert len({proofs.check(encoded(solve(proofs.issue(HOME))), HOME) for _ in range(20)} - {None}) == 20


def test_a_puzzle_is_not_solved_by_its_target(proofs: ProofOfWork) -> None:
    """What is handed out is half of the key that is looked for, and a keyed hash of the whole."""
    puzzle = proofs.issue(HOME)
    prefix, signature = puzzle["parameters"]["keyPrefix"], puzzle["parameters"]["keySignature"]
    assert len(prefix) == 32
    for guess in (prefix, prefix + "0" * 32, signature, "", "0" * 64):
        payload = {"challenge": puzzle, "solution": {"counter": 1, "derivedKey": guess}}
        assert proofs.check(encoded(payload), HOME) is None


def test_the_number_is_drawn_anew_and_within_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    create = altcha.create_challenge

    def note(*arguments: Any, counter: int, **options: Any) -> Any:
        drawn.append(counter)
        return create(*arguments, counter=counter, **options)

    monkeypatch.setattr(altcha, "create_challenge", note)
    proofs = ProofOfWork(KeyRing([NEW]))
    for _ in range(50):
        proofs.issue(HOME)
    assert len(set(drawn)) > 25
    assert 0 <= min(drawn) < max(drawn) < MAX_TRIES


def test_a_puzzle_of_another_network_is_none(proofs: ProofOfWork, solved: dict[str, Any]) -> None:
    """Nobody solves for others in advance."""
    assert proofs.check(encoded(solved), AWAY) is None
    assert proofs.check(encoded(solved), "") is None
    assert proofs.check(encoded(solved), HOME) is not None


def test_a_puzzle_says_nothing_about_its_network(proofs: ProofOfWork) -> None:
    assert HOME not in json.dumps(proofs.issue(HOME))
    assert set(proofs.issue(HOME)["parameters"]) == {
        *("algorithm", "cost", "expiresAt", "keyLength", "keyPrefix", "keySignature", "nonce", "salt"),
    }


def test_a_puzzle_lives_for_ten_minutes(
    proofs: ProofOfWork, solved: dict[str, Any], clock: time_machine.Traveller
) -> None:
    clock.shift(LIFETIME)
    assert proofs.check(encoded(solved), HOME) is not None
    clock.shift(timedelta(seconds=1))
    assert proofs.check(encoded(solved), HOME) is None


def test_a_ticket_is_remembered_for_longer_than_its_puzzle_lives() -> None:
    """Even where the node that took it is ahead of the others by minutes."""
    assert LIFETIME + timedelta(minutes=5) <= REMEMBERED


@pytest.mark.parametrize(
    "change",
    [
        {"expiresAt": int((NOW + timedelta(days=1)).timestamp())},
        {"expiresAt": None},
        {"cost": 1},
        {"keyPrefix": ""},
        {"keySignature": None},
        {"nonce": "00" * 16},
        {"data": {"a": 1}},
        {"memoryCost": 8},
    ],
    ids=str,
)
def test_a_changed_puzzle_is_none(proofs: ProofOfWork, solved: dict[str, Any], change: dict[str, Any]) -> None:
    solved["challenge"]["parameters"] |= change
    assert proofs.check(encoded(solved), HOME) is None


def test_a_puzzle_that_somebody_else_made_is_none(proofs: ProofOfWork) -> None:
    """Signed by nobody, by another portal, or by what everybody has."""
    for secret in (None, b"0" * 32, HOME.encode()):
        forged = altcha.create_challenge(
            "PBKDF2/SHA-256", 1, counter=1, hmac_secret=secret, hmac_key_secret=secret, expires_at=NOW + LIFETIME
        )
        assert proofs.check(encoded(solve(forged.to_dict())), HOME) is None
    assert proofs.check(encoded(solve(ProofOfWork(KeyRing([OTHER])).issue(HOME))), HOME) is None


@pytest.mark.parametrize(
    ("secrets", "is_good"), [([OLD], True), ([NEW, OLD], True), ([NEW, OTHER, OLD], True), ([NEW, OTHER], False)]
)
def test_a_puzzle_under_a_former_secret_is_still_one(
    secrets: list[str], is_good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OPS-15."""
    monkeypatch.setattr(proof_of_work, "MAX_TRIES", 20)
    solution = encoded(solve(ProofOfWork(KeyRing([OLD])).issue(HOME)))
    assert (ProofOfWork(KeyRing(secrets)).check(solution, HOME) is not None) == is_good


def test_new_puzzles_are_made_with_the_current_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """OPS-15: the former ones can be dropped ten minutes later."""
    monkeypatch.setattr(proof_of_work, "MAX_TRIES", 20)
    solution = encoded(solve(ProofOfWork(KeyRing([NEW, OLD])).issue(HOME)))
    assert ProofOfWork(KeyRing([NEW])).check(solution, HOME) is not None


SHAPES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "nothing": lambda _solved: None,
    "a list": lambda solved: [solved],
    "a number": lambda _solved: 1e308,
    "no solution": lambda solved: {"challenge": solved["challenge"]},
    "no challenge": lambda solved: {"solution": solved["solution"]},
    "a text for a challenge": lambda solved: solved | {"challenge": "challenge"},
    "a list for parameters": lambda solved: solved | {"challenge": {"parameters": [], "signature": "00"}},
    "no signature": lambda solved: solved | {"challenge": {"parameters": solved["challenge"]["parameters"]}},
    "a number for a signature": lambda solved: solved | {"challenge": solved["challenge"] | {"signature": 0}},
    "a list for a key": lambda solved: solved | {"solution": {"counter": 1, "derivedKey": ["00"]}},
    "half a byte": lambda solved: solved | {"solution": {"counter": 1, "derivedKey": "0"}},
    "a lone surrogate": lambda solved: solved | {"challenge": solved["challenge"] | {"signature": "\ud800"}},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_json_of_another_shape_is_no_solution(proofs: ProofOfWork, solved: dict[str, Any], shape: str) -> None:
    """API-06: never an exception."""
    assert proofs.check(encoded(SHAPES[shape](solved)), HOME) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "{}", "null", "Zm9v", "é", "\ud800", "\0", "=" * 9, "AAA"),
        base64.b64encode(b"[" * 700).decode(),
        base64.b64encode(b'{"challenge":' * 50).decode(),
        base64.b64encode(b'{"challenge": 1' + b"0" * 600 + b"}").decode(),
        base64.b64encode(b"\xff\xfe").decode(),
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_any_other_text_is_no_solution(proofs: ProofOfWork, text: str) -> None:
    assert proofs.check(text, HOME) is None


def test_a_huge_text_is_not_even_read(
    proofs: ProofOfWork, solved: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same solution, with a megabyte of what JSON and base64 do not mind."""
    padded = base64.b64encode(json.dumps(solved).encode() + b" " * 1_000_000).decode()
    monkeypatch.setattr(altcha.Payload, "from_base64", lambda _text: pytest.fail("was read"))
    assert proofs.check(padded, HOME) is None
    assert proofs.check("A" * (MAX_SOLUTION + 1), HOME) is None


@given(st.text(max_size=200))
def test_no_text_at_all_raises(text: str) -> None:
    proofs = ProofOfWork(KeyRing([NEW]))
    assert proofs.check(text, HOME) is None
    assert proofs.check(base64.b64encode(text.encode(errors="replace")).decode(), HOME) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
PARAMETERS = ("algorithm", "nonce", "salt", "cost", "keyLength", "keyPrefix", "expiresAt", "keySignature", "data")


@given(st.fixed_dictionaries(dict.fromkeys(PARAMETERS, JSON)), JSON, JSON, JSON)
def test_no_json_at_all_raises(parameters: dict[str, Any], signature: Any, counter: Any, key: Any) -> None:
    challenge = {"parameters": parameters, "signature": signature}
    text = encoded({"challenge": challenge, "solution": {"counter": counter, "derivedKey": key}})
    assert ProofOfWork(KeyRing([NEW])).check(text, HOME) is None


def test_the_library_for_browsers_is_as_it_was_published() -> None:
    """static/vendor/README.md: nobody patches it in place, and nothing lies beside it."""
    folder = ROOT / "static" / "vendor" / "altcha-lib-2.8.0"
    found = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert found == VENDORED


def test_what_the_script_imports_is_there() -> None:
    """A module that is missing would be a page that never gets any further than waiting."""
    pending, seen = [ROOT / "static" / "proof.js"], set()
    while pending:
        path = pending.pop()
        seen.add(path)
        lines = [line for line in path.read_text().splitlines() if line.startswith(("import ", "} from"))]
        found = [(path.parent / line.split("'")[1]).resolve() for line in lines]
        pending += [module for module in found if module not in seen]
    assert {
        str(path.relative_to(ROOT / "static" / "vendor" / "altcha-lib-2.8.0"))
        for path in seen
        if "vendor" in path.parts
    } == {name for name in VENDORED if name.endswith(".js")}
