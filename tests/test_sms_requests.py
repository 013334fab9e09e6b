"""What each kind of gateway is asked: the signed webhook, and the requests that the providers document."""

from __future__ import annotations

import base64
import json

import pytest

from auth_portal.delivery.gateways import open_gateway, signed
from auth_portal.delivery.texts import TextMessage
from auth_portal.settings import parse_gateway
from auth_portal.settings.gateway import MalformedGateway
from tests.support.receiver import Reply
from tests.support.sms import SmsSink, is_signed
from tests.texting import KEY, NUMBER, PROVIDERS, SID, Start, here, refusal, send, start, text_message

__all__ = ["start"]


def test_a_webhook_is_signed_and_says_what_it_is_and_how_long_it_is_good(start: Start) -> None:
    """Standard Webhooks 1.0."""
    server, message = start(Reply(204)), text_message("Kodunuz: 0471. ü\n\n@portal.example #0471")
    send(here("webhook", server), message)
    (asked,) = server.asked
    assert is_signed(asked, KEY)
    assert not is_signed(asked, KEY[:-1] + b"x")
    assert (asked.path, asked.headers["webhook-id"]) == ("/sms?via=hunter2", message.id)
    assert asked.headers["content-type"] == "application/json"
    assert "authorization" not in asked.headers
    told = {"to": NUMBER, "text": message.text, "kind": "code", "expiresIn": 600}
    assert json.loads(asked.body) == told


def test_a_notice_is_good_for_ever(start: Start) -> None:
    server = start(Reply(204))
    send(here("webhook", server), TextMessage(NUMBER, "New sign-in.", "new_sign_in"))
    assert json.loads(server.asked[0].body) == {"to": NUMBER, "text": "New sign-in.", "kind": "new_sign_in"}


def test_the_signature_is_that_of_the_specifications_own_example() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_webhook_without_a_secret_is_not_signed(start: Start) -> None:
    server = start(Reply(204))
    send(open_gateway(parse_gateway(f"http+webhook://127.0.0.1:{server.port}")))
    assert server.asked[0].path == "/"
    assert "webhook-signature" not in server.asked[0].headers


def test_the_gateway_of_the_tests_takes_only_what_is_signed(sms: SmsSink) -> None:
    """Else every test that reads a text there would pass with a wrong signature too."""
    wrong = base64.b64encode(b"somebody else's secret").decode()
    assert refusal(open_gateway(parse_gateway(f"http+webhook://:{wrong}@127.0.0.1:{sms.port}/sms"))) == "status 401"
    assert sms.texts == []


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("+15550001111", "From"),
        ("MG" + "0f" * 16, "MessagingServiceSid"),
        *((name, "From") for name in ("PORTAL", "MGROS", "MG")),
    ],
)
def test_twilio_is_asked_as_it_documents(sender: str, name: str, start: Start) -> None:
    server, message = start(PROVIDERS["twilio"].accepts[0]), text_message("Kod: 0471 & ü\n\n@portal.example #0471")
    send(open_gateway(parse_gateway(f"twilio://{SID}:pass%25word@localhost:{server.port}/{sender}")), message)
    (asked,) = server.asked
    assert asked.path == f"/2010-04-01/Accounts/{SID}/Messages.json"
    assert asked.headers["authorization"] == f"Basic {base64.b64encode(f'{SID}:pass%word'.encode()).decode()}"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.fields == {"To": [NUMBER], "Body": [message.text], name: [sender], "ValidityPeriod": ["600"]}


def test_twilio_drops_no_notice_for_its_age(start: Start) -> None:
    server = start(PROVIDERS["twilio"].accepts[0])
    send(here("twilio", server), TextMessage(NUMBER, "New sign-in.", "new_sign_in"))
    assert set(server.asked[0].fields) == {"To", "Body", "From"}


def test_netgsm_is_asked_as_it_documents(start: Start) -> None:
    server, message = start(PROVIDERS["netgsm"].accepts[0]), text_message("Kod: 0471 ü\n\n@portal.example #0471")
    send(here("netgsm", server), message)
    (asked,) = server.asked
    assert asked.path == "/sms/rest/v2/send"
    assert asked.headers["authorization"] == f"Basic {base64.b64encode(b'8501112233:pass%word').decode()}"
    assert json.loads(asked.body) == {
        "msgheader": "BASLIGIM",
        "messages": [{"msg": message.text, "no": "5551112233"}],
        "iysfilter": "0",
    }


@pytest.mark.parametrize("number", ["+15550001111", "+9055511122334", "+90555111223", "5551112233", "+905"])
def test_netgsm_is_not_asked_for_a_number_that_it_documents_no_form_for(number: str, start: Start) -> None:
    server = start(PROVIDERS["netgsm"].accepts[0])
    assert refusal(here("netgsm", server), text_message(to=number)) == "takes Turkish numbers only"
    assert server.asked == []


@pytest.mark.parametrize("secret", ["whsec_", ""])
def test_a_webhook_is_taken_apart(secret: str) -> None:
    """Standard Webhooks: the secret is base64, with or without the prefix."""
    gateway = parse_gateway(f"https+webhook://:{secret}MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw@sms.example:8443/in/sms?a=1")
    assert (gateway.kind, gateway.is_https, gateway.host, gateway.port) == ("webhook", True, "sms.example", 8443)
    assert (gateway.path, gateway.secret.hex()[:8]) == ("/in/sms?a=1", "31f290f6")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https+webhook://:@sms.example/in", "has an empty secret"),
        ("https+webhook://:whsec_@sms.example/in", "has a secret shorter than 16 bytes"),
        ("https+webhook://sms.example/in#there", "has something behind its path"),
    ],
)
def test_a_webhook_that_would_not_be_what_was_meant_is_refused(url: str, reason: str) -> None:
    """OPS-01: a variable that is not set must not leave texts unsigned."""
    with pytest.raises(MalformedGateway, match=reason):
        parse_gateway(url)


def test_a_provider_is_taken_apart() -> None:
    twilio = parse_gateway("twilio://AC1:p%3A%2F@api.twilio.com/+15550001111")
    assert (twilio.account, twilio.secret, twilio.sender) == ("AC1", b"p:/", "+15550001111")
    assert (twilio.is_https, twilio.host, twilio.port) == (True, "api.twilio.com", 443)
    netgsm = parse_gateway("netgsm://850:p@api.netgsm.com.tr/MY%20BRAND")
    assert (netgsm.kind, netgsm.sender) == ("netgsm", "MY BRAND")
    assert "p:/" not in repr(twilio)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "[::1]", "localhost"])
def test_a_provider_on_this_machine_is_spoken_to_plainly(host: str) -> None:
    """Whoever plays one in a test has no certificate."""
    gateway = parse_gateway(f"netgsm://850:p@{host}:8080/X")
    assert (gateway.is_https, gateway.host, gateway.port) == (False, host.strip("[]"), 8080)


@pytest.mark.parametrize("host", ["127.0.0.1.evil.example", "app.localhost", "localhost.evil.example", "127.1"])
def test_a_provider_elsewhere_never_is(host: str) -> None:
    """OPS-13."""
    assert parse_gateway(f"twilio://AC1:p@{host}/MG1").is_https
