"""The discovery document tells only the truth: what it lists works, what it does not list is refused (OP-49).

The tests are made from the document. A member for which there is no check fails, so that none is published unproven.
One database is enough: what the values do was tested on both elsewhere, here only that they are told as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import jwt
import pytest

from auth_portal.oidc.registration import Registration, RegistrationRefused
from auth_portal.signin.addresses import parse_email
from tests.conftest import services_of
from tests.oidcc import DOCUMENT, Suite, check_refused, standing_suite
from tests.phoning import give_number
from tests.relying import ADA, CALLBACK, DEVICE_GRANT, RelyingParty, new_verifier, s256
from tests.support.smtp import MailSink

PROSE = {"issuer", "require_request_uri_registration", "backchannel_logout_supported"}
"""Proven in test_oidcc_config and test_oidcc_backchannel; without request objects there is nothing to register."""
CLIENTS = {name for name in DOCUMENT if "_endpoint_auth_" in name}
"""How clients authenticate: test_oidcc_clients."""
PROTOCOL_CLAIMS = {"sub", "acr", "amr", "auth_time", "iss", "sid"}
"""Claims of the ID token about the sign-in, not about the person."""
OTHER_GRANTS = (
    "implicit",
    "password",
    *(f"urn:ietf:params:oauth:grant-type:{name}" for name in ("jwt-bearer", "saml2-bearer", "token-exchange")),
    "urn:openid:params:grant-type:ciba",
)
OTHER_TYPES = ("token", "id_token", "none", "code id_token", "code token", "id_token token", "code id_token token")
OTHER_CLAIMS = ("nickname", "picture", "gender", "birthdate", "zoneinfo", "address", "preferred_username", "website")


@pytest.fixture(scope="module")
def suite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, sink: MailSink) -> Iterator[Suite]:
    """A person who is signed in, and has all that may be told of one, for all tests of this module."""
    with standing_suite(sqlite_template, tmp_path_factory.mktemp("truth"), sink) as standing:
        person = services_of(standing.app).users.find_by_destination(parse_email(ADA))
        assert person is not None
        give_number(standing.app, person.id)
        yield standing


def grant_works(suite: Suite, grant: str) -> bool:
    """By this grant a client gets tokens."""
    party = RelyingParty(suite.app)
    if grant == "refresh_token":
        code = suite.code(party, scope="openid offline_access")
        answer = party.refresh(party.exchange(code).json["refresh_token"])
    elif grant == DEVICE_GRANT:
        codes = party.post("/oauth/device_authorization", {"scope": "openid"}).json
        suite.person.get("/device")
        suite.person.post("/device", {"user_code": codes["user_code"]})
        user_code = suite.person.hidden("user_code") or ""
        suite.person.post("/device/answer", {"answer": "allow", "user_code": user_code})
        answer = party.post("/oauth/token", {"grant_type": grant, "device_code": codes["device_code"]})
    else:
        form = {"grant_type": grant, "username": "ada", "password": "x", "assertion": "x", "redirect_uri": CALLBACK}
        answer = party.post("/oauth/token", {**form, "code": suite.code(party)})
    if answer.status_code == 200:
        return True
    check_refused(answer, "unsupported_grant_type")
    return False


def response_type_works(suite: Suite, response_type: str) -> bool:
    """An authorization request of this type is answered as it wishes."""
    return refused(suite, "unsupported_response_type", response_type=response_type) is None


def response_mode_works(suite: Suite, response_mode: str) -> bool:
    """The answer comes in this way, of which it has all marks; a refusal comes as if none had been wished for."""
    suite.mode = "form_post" if response_mode == "form_post" else None
    try:
        return refused(suite, "invalid_request", response_mode=response_mode) is None
    finally:
        suite.mode = None


def prompt_works(suite: Suite, prompt: str) -> bool:
    """The person is asked what the prompt is for, or nothing at all."""
    pages = {"login": "/login?", "consent": "/oauth/consent/", "select_account": "/oauth/choose/"}
    if prompt in pages:
        return suite.send(prompt=prompt).location.startswith(pages[prompt])
    return refused(suite, "invalid_request", prompt=prompt) is None


def challenge_method_works(suite: Suite, method: str) -> bool:
    """A challenge of this method is accepted, and its verifier, too."""
    verifier = new_verifier()
    challenge = {"plain": verifier}.get(method, s256(verifier))
    code = refused(suite, "invalid_request", code_challenge=challenge, code_challenge_method=method)
    return code is None and suite.first.exchange(suite_code(suite), code_verifier=verifier).status_code == 200


def suite_code(suite: Suite) -> str:
    """The code of the request that was sent last, once more."""
    return suite.code(**{name: value for name, value in suite.sent.items() if name not in ("state", "nonce")})


def acr_works(suite: Suite, acr: str) -> bool:
    """As an essential claim the level is reached."""
    claims = json.dumps({"id_token": {"acr": {"essential": True, "values": [acr]}}})
    if refused(suite, "unmet_authentication_requirements", claims=claims) is not None:
        return False
    return bool(suite.tokens(claims=claims)["claims"]["acr"] == acr)


def subject_type_works(suite: Suite, subject_type: str) -> bool:
    """Two clients know the person by one name, or each sector's clients by another."""
    sectors = ["one.example", "two.example"] if subject_type == "pairwise" else [None, None]
    parties = [RelyingParty(suite.app, sector=sector) for sector in sectors]
    names = {suite.tokens(party)["claims"]["sub"] for party in parties}
    return len(names) == {"public": 1, "pairwise": 2}[subject_type]


def id_token_algorithm_works(suite: Suite, algorithm: str) -> bool:
    """A client can be registered with it, and its ID tokens verify by it."""
    wanted = Registration(name="App", redirect_uris=(CALLBACK,), id_token_algorithm=algorithm)
    try:
        wanted.checked()
    except RegistrationRefused:
        return False
    party = RelyingParty(suite.app, id_token_algorithm=algorithm)
    token = party.exchange(suite.code(party)).json["id_token"]
    return bool(party.claims(token)) and jwt.get_unverified_header(token)["alg"] == algorithm


def display_works(suite: Suite, display: str) -> bool:
    """The sign-in is shown. Others are shown the same: no ``display`` may cause an error (OP-19)."""
    return suite.send(display=display, prompt="login").location.startswith("/login?")


def locale_works(suite: Suite, tag: str) -> bool:
    """The pages of the sign-in speak this language."""
    suite.person.follow(suite.send(ui_locales=tag, prompt="login"))
    return f'<html lang="{tag}"' in suite.person.page


def scope_works(suite: Suite, scope: str) -> bool:
    """It is granted; what is not known is ignored, and said so (OP-13)."""
    party = RelyingParty(suite.app)
    answer = party.exchange(suite.code(party, scope=f"openid {scope}"))
    return scope in answer.json["scope"].split()


def claim_works(suite: Suite, claim: str) -> bool:
    """A client that asks for it by name gets it, in the ID token or from userinfo."""
    names = json.dumps({"userinfo": {claim: None}, "id_token": {claim: {"essential": True}}})
    party = RelyingParty(suite.app)
    scope = "openid profile email phone"
    answer = party.exchange(suite.code(party, scope=scope, claims=names)).json
    is_in_id_token = claim in party.claims(answer["id_token"])
    if claim not in PROTOCOL_CLAIMS:
        assert is_in_id_token == (claim in party.userinfo(answer["access_token"]).json)
    return is_in_id_token


def claim_type_works(suite: Suite, claim_type: str) -> bool:
    """Claims are told as they are; no others are pointed to (Core 5.6.2)."""
    tokens = suite.tokens(scope="openid profile email")
    told = {**suite.userinfo(tokens), **tokens["claims"]}
    return "email" in told if claim_type == "normal" else bool({"_claim_names", "_claim_sources"} & set(told))


def refused(suite: Suite, error: str, **parameters: str) -> str | None:
    """The error by which an authorization request is refused, which can only be this one; None if it is not."""
    fields = suite.callback(suite.send(**parameters))
    assert fields.get("error", error) == error, fields
    assert ("error" in fields) != ("code" in fields)
    return fields.get("error")


Check = Callable[[Suite, str], bool]
LISTS: dict[str, tuple[Check, tuple[str, ...]]] = {
    "grant_types_supported": (grant_works, OTHER_GRANTS),
    "response_types_supported": (response_type_works, OTHER_TYPES),
    "response_modes_supported": (
        response_mode_works,
        ("fragment", "jwt", "query.jwt", "form_post.jwt", "web_message"),
    ),
    "prompt_values_supported": (prompt_works, ("create", "NONE", "admin", "none login")),
    "code_challenge_methods_supported": (challenge_method_works, ("plain", "s256", "S512")),
    "acr_values_supported": (acr_works, ("urn:mace:incommon:iap:silver", "phr", "2", "urn:auth-portal:acr:codes")),
    "subject_types_supported": (subject_type_works, ()),
    "id_token_signing_alg_values_supported": (id_token_algorithm_works, ("none", "HS256", "RS512", "PS256", "EdDSA")),
    "display_values_supported": (display_works, ()),
    "ui_locales_supported": (locale_works, ("it", "xx", "se")),
    "scopes_supported": (scope_works, ("address", "account", "groups", "*")),
    "claims_supported": (claim_works, OTHER_CLAIMS),
    "claim_types_supported": (claim_type_works, ("aggregated", "distributed")),
}
FLAGS: dict[str, Callable[[Suite], bool]] = {
    "claims_parameter_supported": lambda suite: (
        "name" in suite.userinfo(suite.tokens(claims='{"userinfo":{"name":null}}'))
    ),
    "request_parameter_supported": lambda suite: refused(suite, "request_not_supported", request="a.b.") is None,
    "request_uri_parameter_supported": lambda suite: (
        refused(suite, "request_uri_not_supported", request_uri="https://shop.example/r") is None
    ),
    "require_pushed_authorization_requests": lambda suite: refused(suite, "invalid_request") is not None,
    "authorization_response_iss_parameter_supported": lambda suite: "iss" in suite.authorize(),
    "backchannel_logout_session_supported": lambda suite: "sid" in suite.tokens()["claims"],
}
_BOTH = ("authorization_endpoint", "userinfo_endpoint", "end_session_endpoint")
METHODS = {
    name: {"GET"} if name == "jwks_uri" else {"GET", "POST"} if name in _BOTH else {"POST"}
    for name in DOCUMENT
    if name.endswith(("_endpoint", "_uri"))
}


def test_every_member_of_the_document_has_a_check() -> None:
    assert {*LISTS, *FLAGS, *METHODS, *CLIENTS, *PROSE} == set(DOCUMENT)
    assert not set(LISTS) & set(FLAGS) & set(METHODS)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in LISTS for value in DOCUMENT[name]])
def test_what_is_listed_works(suite: Suite, name: str, value: str) -> None:
    assert LISTS[name][0](suite, value)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in LISTS for value in LISTS[name][1]])
def test_what_is_not_listed_is_refused(suite: Suite, name: str, value: str) -> None:
    if value in DOCUMENT[name]:
        pytest.fail("it is listed by now: take it from the others")
    assert not LISTS[name][0](suite, value)


@pytest.mark.parametrize("name", FLAGS)
def test_what_is_said_to_be_so_is_so(suite: Suite, name: str) -> None:
    assert FLAGS[name](suite) is DOCUMENT[name]


@pytest.mark.parametrize("name", METHODS)
def test_each_endpoint_is_where_it_is_said_to_be(suite: Suite, name: str) -> None:
    """It takes its methods and no other (OP-36)."""
    path = urlsplit(DOCUMENT[name]).path
    client = suite.app.test_client(use_cookies=False)
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        status = client.open(path, method=method).status_code
        assert status != 404
        assert (status != 405) == (method in METHODS[name]), (method, status)
