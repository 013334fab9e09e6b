"""How tests stand before a guarded site: the site as a client, and a browser that a proxy asks the portal about."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from werkzeug.test import TestResponse

from auth_portal.oidc.clients import Client
from auth_portal.oidc.registration import Registration
from tests.conftest import services_of
from tests.drivers import BrowserDriver

WIKI = "https://wiki.example"
CALLBACK = "/.auth-portal/callback"
SITE_COOKIE, NONCE_COOKIE = "__Host-auth-portal-site", "__Host-auth-portal-nonce"
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}
PROXIES = ("nginx", "traefik", "caddy")


def register_site(app: Flask, site: str = WIKI, **registration: Any) -> Client:
    """A client that only guards a site, as the command line registers it."""
    checked = Registration(name="Wiki", site=site, **registration).checked()
    client_id, secret = services_of(app).clients.create(checked.columns, checked.origins)
    assert secret is None
    client = services_of(app).clients.find(client_id)
    assert client is not None
    return client


def told_by(proxy: str, site: str, target: str, method: str = "GET") -> dict[str, str]:
    """The headers by which a proxy tells the request that it holds, as its documents have them."""
    if proxy == "nginx":
        return {"X-Original-URL": f"{site}{target}", "X-Original-Method": method}
    scheme, _, host = site.partition("://")
    told = {
        "X-Forwarded-For": "192.0.2.7",
        "X-Forwarded-Proto": scheme,
        "X-Forwarded-Host": host,
        "X-Forwarded-Uri": target,
        "X-Forwarded-Method": method,
    }
    return told | ({"X-Forwarded-Port": "443", "X-Forwarded-Server": "edge"} if proxy == "traefik" else {})


class SiteBrowser:
    """A browser at a guarded site: keeps the cookies of that host; ``ask`` is the sub-request for one of its own."""

    def __init__(self, app: Flask, site: str = WIKI, proxy: str = "nginx") -> None:
        self.app, self.site, self.proxy = app, site, proxy
        self.cookies: dict[str, str] = {}

    def ask(self, target: str = "/", method: str = "GET", **headers: str) -> TestResponse:
        """Have the proxy ask about a request; ``headers`` come from the browser."""
        sent = PAGE | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(sent | told_by(self.proxy, self.site, target, method))

    def send(self, headers: dict[str, str], method: str = "GET") -> TestResponse:
        """Send a sub-request with these headers, and the cookies of this host."""
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        client = self.app.test_client(use_cookies=False)
        answer = client.open("/forward-auth", method=method, headers={**(cookie if self.cookies else {}), **headers})
        self._keep(answer)
        return answer

    def sent_to(self, answer: TestResponse) -> str:
        """Where an answer sends the browser, in the way its proxy understands."""
        assert answer.status_code == (401 if self.proxy == "nginx" else 303), (answer.status_code, answer.text)
        return str(answer.headers["Location"])

    def start(self, target: str = "/") -> str:
        """The path at the portal to which a request that needs a sign-in leads."""
        return self.at_portal(self.ask(target))

    def at_portal(self, answer: TestResponse) -> str:
        """The path at the portal to which an answer leads."""
        issuer = services_of(self.app).settings.public_url
        location = self.sent_to(answer)
        assert location.startswith(f"{issuer}/oauth/"), location
        return location.removeprefix(issuer)

    def hand_over(self, location: str) -> TestResponse:
        """Come back to the site with what the portal said."""
        assert location.startswith(f"{self.site}{CALLBACK}?"), location
        return self.ask(location.removeprefix(self.site))

    def sign_in(self, person: BrowserDriver, target: str = "/") -> str:
        """Go through the whole of it with somebody who is signed in at the portal; where it ends."""
        back = person.get(self.start(target))
        assert back.status_code == 303, back.text
        return self.sent_to(self.hand_over(back.location))

    def _keep(self, answer: TestResponse) -> None:
        lines = answer.headers.getlist("Set-Cookie")
        assert len(lines) <= 1, "nginx hands on one cookie at most"
        for name, morsel in SimpleCookie(lines[0]).items() if lines else ():
            assert morsel["httponly"]
            assert (morsel["samesite"], morsel["path"], morsel["domain"]) == ("Lax", "/", "")
            assert bool(morsel["secure"]) == name.startswith("__Host-") == self.site.startswith("https:")
            self.cookies[name] = morsel.value
            if morsel["max-age"] == "0":
                del self.cookies[name]


def query_of(address: str) -> dict[str, str]:
    """The parameters of an address, each there once."""
    found = parse_qs(urlsplit(address).query, keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values())
    return {name: values[0] for name, values in found.items()}


def back_of(person: BrowserDriver, site: SiteBrowser, target: str = "/") -> str:
    """Where the portal sends somebody who is signed in there, and came from this page of the site."""
    return str(person.get(site.start(target)).location)
