"""How the conformance modules act: two apps with a secret, one for client_secret_post, in either plan.

The plans are those of the OpenID Foundation's suite; what each module checks is re-expressed from its description.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from werkzeug.test import TestResponse

from tests.drivers import BrowserDriver
from tests.relying import CALLBACK, RelyingParty

PLANS = ("basic", "formpost")
BASIC_MODULES = frozenset(
    """
    server response-type-missing idtoken-signature idtoken-unsigned userinfo-get userinfo-post-header
    userinfo-post-body ensure-request-without-nonce-succeeds-for-code-flow scope-profile scope-email scope-address
    scope-phone scope-all alternate-happy-flow display-page display-popup prompt-login prompt-none-not-logged-in
    prompt-none-logged-in max-age-1 max-age-10000 ensure-request-with-unknown-parameter-succeeds id-token-hint
    login-hint ui-locales claims-locales ensure-request-with-acr-values-succeeds codereuse codereuse-30seconds
    ensure-registered-redirect-uri ensure-post-request-succeeds server-client-secret-post
    request-uri-unsigned-supported-correctly-or-rejected-as-unsupported
    unsigned-request-object-supported-correctly-or-rejected-as-unsupported claims-essential
    ensure-request-object-with-redirect-uri refresh-token ensure-request-with-valid-pkce-succeeds
    """.split()  # noqa: SIM905  so it is read and compared
)
LOGOUT_MODULES = frozenset(
    """
    rp-initiated-logout-discovery-endpoint-verification rp-initiated-logout
    rp-initiated-logout-bad-post-logout-redirect-uri rp-initiated-logout-modified-id-token-hint
    rp-initiated-logout-no-id-token-hint rp-initiated-logout-no-params
    rp-initiated-logout-no-post-logout-redirect-uri rp-initiated-logout-no-state rp-initiated-logout-only-state
    rp-initiated-logout-query-added-to-post-logout-redirect-uri rp-initiated-logout-bad-id-token-hint
    backchannel-logout-discovery-endpoint-verification backchannel-rp-initiated-logout
    """.split()  # noqa: SIM905
)
CONFIG_MODULES = frozenset({"discovery-endpoint-verification"})
_PERMITTED = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")


class Suite:
    """One plan's app and its person."""

    def __init__(self, plan: str, rp: RelyingParty, person: BrowserDriver) -> None:
        self.plan, self.rp, self.person = plan, rp, person

    def ask(self, **parameters: Any) -> TestResponse:
        """Send the person over as this plan does."""
        mode = {"response_mode": "form_post"} if self.plan == "formpost" else {}
        return self.person.get(self.rp.address(**{**mode, **parameters}))

    def callback(self, answer: TestResponse) -> dict[str, str]:
        """What the app got. Everything that every module checks of an answer is checked here."""
        if self.plan == "formpost":
            values = posted_by(answer)
        else:
            assert answer.status_code == 303, (answer.status_code, answer.text[:300])
            assert answer.location.startswith(f"{CALLBACK}?")
            values = dict(parse_qsl(urlsplit(answer.location).query, strict_parsing=True))
        assert values["iss"] == self.rp.issuer
        if "error" in values:
            assert all(_PERMITTED.fullmatch(values.get(name, "")) for name in ("error", "error_description"))
        return values

    def code(self, **parameters: Any) -> str:
        """The code for the signed-in person, of at least 128 bits and 96 bits of entropy."""
        answer = self.callback(self.ask(**parameters))
        assert "error" not in answer, answer
        code = answer["code"]
        assert len(code) >= 32
        assert len(set(code)) > 12
        return code

    def tokens(self, **parameters: Any) -> dict[str, Any]:
        """The tokens for the signed-in person."""
        return checked_tokens(self.rp, self.rp.exchange(self.code(**parameters)))


def posted_by(answer: TestResponse) -> dict[str, str]:
    """The fields of the page that posts itself to the app; nothing of them is in an address."""
    assert answer.status_code == 200, (answer.status_code, answer.location)
    assert answer.headers["Cache-Control"] == "no-store"
    form = re.search(r'<form method="post" action="([^"]*)" data-post-now>(.*?)</form>', answer.text, re.DOTALL)
    assert form is not None, answer.text[:1000]
    assert unescape(form[1]) == CALLBACK
    assert "enctype" not in form[0]
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form[2])
    return {unescape(name): unescape(value) for name, value in fields}


def checked_tokens(rp: RelyingParty, answer: TestResponse) -> dict[str, Any]:
    """The body of a good token answer, as the suite wants its form (Core 3.1.3.3)."""
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    body: dict[str, Any] = answer.json
    assert body["token_type"].lower() == "bearer"
    assert body["expires_in"] > 0
    return body


def modules_in(*names: str) -> set[str]:
    """The modules that these test functions are about."""
    return {name.removeprefix("test_oidcc_").replace("_", "-") for name in names}
