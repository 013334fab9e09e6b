"""Authlib's client for Flask signs people in at a running portal."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conftest import environment
from tests.support.portal import PortalProcess
from tests.support.ports import free_port
from tests.support.relying_apps import AuthlibShop
from tests.support.smtp import MailSink
from tests.support.walker import Page, Walker
from tests.support.walking import Stroller

_numbers = itertools.count()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, sink: MailSink) -> Iterator[PortalProcess]:
    """A portal whose issuer is where it listens."""
    port = free_port()
    url = f"sqlite:///{tmp_path_factory.mktemp('authlib') / 'portal.db'}"
    settings = environment(url, sink.url, public_url=f"http://127.0.0.1:{port}", resend_after=0)
    with PortalProcess(settings, port=port) as running:
        yield running


@pytest.fixture(scope="module")
def shop(portal: PortalProcess) -> Iterator[AuthlibShop]:
    """The app, registered while the portal runs."""
    with AuthlibShop(portal) as running:
        yield running


class Customer:
    """Somebody whom the portal does not know yet, with a browser that knows both sites."""

    def __init__(self, portal: PortalProcess, shop: AuthlibShop, outbox: MailSink) -> None:
        self.email = f"customer{next(_numbers)}@example.com"
        self.at_shop = Walker()
        self.shop, self.outbox = shop, outbox
        self.at_portal = Stroller(portal.url, outbox, self.email)

    def open(self, path: str) -> Page:
        """Open a page of the shop, by way of the portal where that is needed."""
        page = self.at_shop.send("GET", self.shop.url + path)
        while page.status in (302, 303):
            page = self.at_shop.send("GET", self.at_portal.go(page.headers["Location"]))
        return page

    def sign_in(self, **parameters: str) -> dict[str, Any]:
        """What the shop knows afterwards."""
        page = self.open(f"/sign-in?{urlencode(parameters)}")
        assert page.status == 200, page.text
        return dict(json.loads(page.text))

    @property
    def letters(self) -> int:
        """How many letters came."""
        return len(self.outbox.sent_to(self.email))


@pytest.fixture
def customer(portal: PortalProcess, shop: AuthlibShop, outbox: MailSink) -> Customer:
    """A new person."""
    return Customer(portal, shop, outbox)


def test_a_new_person_registers_on_the_way_and_is_known_the_next_time(
    customer: Customer, portal: PortalProcess
) -> None:
    first = customer.sign_in()
    assert (first["claims"]["iss"], first["claims"]["amr"]) == (portal.url, ["otp"])
    about = json.loads(customer.open("/me").text)
    assert (about["sub"], about["name"]) == (first["claims"]["sub"], "Ada Lovelace")
    assert (about["email"], about["email_verified"]) == (customer.email, True)
    again = customer.sign_in()
    assert again["claims"]["sub"] == first["claims"]["sub"]
    assert again["claims"]["auth_time"] == first["claims"]["auth_time"]
    assert customer.letters == 1


def test_an_expired_access_token_is_refreshed_by_authlib_itself(customer: Customer, shop: AuthlibShop) -> None:
    told = customer.sign_in(prompt="consent")
    assert told["is_refreshable"]
    sub = told["claims"]["sub"]
    for _ in range(2):  # the successor is as good as the first one
        before = shop.tokens[sub]
        shop.expire(sub)
        assert json.loads(customer.open("/me").text)["sub"] == sub
        after = shop.tokens[sub]
        assert after["access_token"] != before["access_token"]
        assert after["refresh_token"] != before["refresh_token"]


def test_prompt_login_asks_for_a_new_code_although_somebody_is_signed_in(customer: Customer) -> None:
    first = customer.sign_in()
    again = customer.sign_in(prompt="login")
    assert again["claims"]["sub"] == first["claims"]["sub"]
    assert again["claims"]["auth_time"] >= first["claims"]["auth_time"]
    assert customer.letters == 2


def test_signing_out_at_the_app_signs_out_at_the_portal_and_leads_back(customer: Customer, shop: AuthlibShop) -> None:
    customer.sign_in()
    page = customer.open("/sign-out")
    assert page.url.startswith(f"{shop.goodbye}?state=")
    assert json.loads(page.text) == {"post_logout_redirect_uri": shop.goodbye}  # Authlib knows the state again
    page = customer.open("/sign-in?prompt=none")
    assert (page.status, json.loads(page.text)) == (400, {"error": "login_required"})


def test_an_answer_that_was_never_asked_for_signs_nobody_in(customer: Customer) -> None:
    """Authlib holds the state against its own session: the portal must give it back as it came."""
    page = customer.at_shop.send("GET", customer.shop.url + "/sign-in")
    answer = customer.at_portal.go(page.headers["Location"])
    stranger = Walker()
    assert stranger.send("GET", answer).status >= 400
    assert customer.at_shop.send("GET", answer).status == 200
