"""What may be done once on an app's behalf, from many tabs at once, on several workers of both databases."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest

from auth_portal.signin.keys import JWKS_MAX_AGE
from tests.support.api import in_parallel
from tests.support.smtp import MailSink
from tests.support.walker import Page, Walker
from tests.test_oauth_races import CALLBACK, Shop, at_once, shop

__all__ = ["shop"]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ADA = "tabs@example.com"


@dataclass
class Scene:
    """Ada's browser, and an app that must ask her."""

    shop: Shop
    ada: Walker
    asking: str

    @property
    def portal(self) -> str:
        """The portal's address."""
        return self.shop.portal.url

    def begin(self, **parameters: str) -> str:
        """Go to the portal for the app that must ask; the stored request's id."""
        wanted = {"client_id": self.asking, "redirect_uri": CALLBACK, "response_type": "code", **parameters}
        page = self.ada.send("GET", f"{self.portal}/oauth/authorize?{urlencode(wanted)}")
        assert "/oauth/consent/" in page.headers["Location"]
        return str(page.headers["Location"]).rpartition("/")[2]

    def open(self, path: str) -> Page:
        """One page, without following where it leads."""
        return self.ada.send("GET", f"{self.portal}{path}")

    def send(self, path: str, **fields: str) -> Page:
        """One form, in the same way."""
        return self.ada.send("POST", f"{self.portal}{path}", FORM, urlencode(fields))


@pytest.fixture
def scene(shop: Shop, sink: MailSink) -> Scene:
    """The scene, at a portal that other tests use, too."""
    ada = Walker()
    page = ada.get(f"{shop.portal.url}/login")
    page = ada.post(page, page.url, {"email": ADA})
    code = sink.code_sent_to(ADA)
    page = ada.post(page, page.url, {"code": code, "challenge": page.hidden("challenge")})
    if page.url.partition("?")[0].endswith("/register"):
        names = {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"}
        page = ada.post(page, page.url, names | {"registration": page.hidden("registration")})
    assert page.url.endswith("/account"), page.url
    made = shop.command("client", "create", "--name", "Asking", "--redirect-uri", CALLBACK, "--no-pkce", "--json")
    return Scene(shop, ada, made["client_id"])


def outcomes(pages: list[Page]) -> Counter[tuple[int, bool]]:
    """How often each status came, and whether it led to the app."""
    return Counter((page.status, (page.headers["Location"] or "").startswith(CALLBACK)) for page in pages)


def test_a_pushed_request_that_many_show_is_shown_once(scene: Scene) -> None:
    """OP-60."""
    pushed = {"response_type": "code", "scope": "openid", "redirect_uri": CALLBACK}
    answer = Walker().send("POST", f"{scene.portal}/oauth/par", FORM | scene.shop.auth, urlencode(pushed))
    shown = {"client_id": scene.shop.client_id, "request_uri": json.loads(answer.text)["request_uri"]}

    pages = at_once(20, lambda: scene.open(f"/oauth/authorize?{urlencode(shown)}"))

    assert outcomes(pages) == {(303, False): 1, (410, False): 19}


def test_one_request_that_many_tabs_finish_gives_one_code(scene: Scene) -> None:
    """OP-30: the consent from many tabs, then the answer."""
    request_id = scene.begin(scope="openid")
    token = scene.open(f"/oauth/consent/{request_id}").hidden("csrf_token")

    allowed = at_once(15, lambda: scene.send(f"/oauth/consent/{request_id}", csrf_token=token, answer="allow"))
    pages = at_once(20, lambda: scene.open(f"/oauth/authorize/{request_id}"))

    assert outcomes(allowed) == {(303, False): 15}
    assert outcomes(pages) == {(303, True): 1, (410, False): 19}
    (told,) = (page.headers["Location"] for page in pages if page.status == 303)
    assert "code=" in told


def test_a_refusal_and_an_answer_at_once_tell_the_app_one_thing(scene: Scene) -> None:
    """OP-30."""
    request_id = scene.begin(scope="openid")
    token = scene.open(f"/oauth/consent/{request_id}").hidden("csrf_token")
    scene.send(f"/oauth/consent/{request_id}", csrf_token=token, answer="allow")

    go_on: Callable[[], Page] = lambda: scene.open(f"/oauth/authorize/{request_id}")  # noqa: E731
    refuse: Callable[[], Page] = lambda: scene.send(f"/oauth/cancel/{request_id}", csrf_token=token)  # noqa: E731
    pages = in_parallel([go_on, refuse] * 8)

    assert outcomes([page for page in pages if isinstance(page, Page)]) == {(303, True): 1, (410, False): 15}


def test_a_revocation_among_refreshes_ends_the_family_whoever_comes_first(scene: Scene) -> None:
    """OP-43: the app may know only a token that another of its requests has just used."""
    app = scene.shop
    for _ in range(5):
        _, tokens = app.redeem(app.code())
        token = tokens["refresh_token"]

        def revoke(token: str = token) -> tuple[int, dict[str, Any]]:
            page = Walker().send("POST", f"{scene.portal}/oauth/revoke", FORM | app.auth, urlencode({"token": token}))
            return page.status, {}

        refresh: Callable[[], tuple[int, dict[str, Any]]] = lambda token=token: app.refresh(token)  # noqa: E731
        answers = in_parallel([*[refresh] * 5, revoke, *[refresh] * 5])

        bodies = [tokens, *(answer[1] for answer in answers if not isinstance(answer, Exception))]
        assert len(bodies) == 12
        assert {app.userinfo(body["access_token"]) for body in bodies if "access_token" in body} == {401}
        assert {app.refresh(body["refresh_token"])[0] for body in bodies if "refresh_token" in body} == {400}


class PatientVerifier:
    """An app that keeps our keys for exactly as long as our header allows, and never asks early."""

    def __init__(self, portal: str) -> None:
        self._portal, self._until = portal, 0.0
        self._keys: jwt.PyJWKSet | None = None

    def check(self, token: str, audience: str) -> None:
        """Raises where the kept keys do not verify the token."""
        if time.monotonic() >= self._until:
            page = Walker().send("GET", f"{self._portal}/.well-known/jwks.json")
            age = re.search(r"max-age=(\d+)", page.headers["Cache-Control"])
            assert age is not None
            assert 60 <= int(age[1]) <= JWKS_MAX_AGE.total_seconds()
            self._keys, self._until = jwt.PyJWKSet.from_dict(json.loads(page.text)), time.monotonic() + int(age[1])
        assert self._keys is not None
        key = self._keys[jwt.get_unverified_header(token)["kid"]]
        jwt.decode(token, key, algorithms=[str(key.algorithm_name)], audience=audience, issuer=self._portal)


def test_a_planned_rotation_fails_no_verifier_that_keeps_our_keys_as_long_as_it_may(scene: Scene) -> None:
    """JWT-10: it asks for nothing early, not even for a key that it does not know."""
    app, verifier = scene.shop, PatientVerifier(scene.portal)
    verifier.check(app.redeem(app.code())[1]["id_token"], app.client_id)
    for _ in range(2):
        app.command("keys", "rotate", "--json")
        for _ in range(5):
            tokens = app.redeem(app.code())[1]
            refreshed = app.refresh(tokens["refresh_token"])[1]
            verifier.check(tokens["id_token"], app.client_id)
            verifier.check(refreshed["id_token"], app.client_id)
            verifier.check(refreshed["access_token"], scene.portal)
            assert app.userinfo(refreshed["access_token"]) == 200
