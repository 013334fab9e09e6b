"""Our requests to addresses that clients registered: what is reached, what never is, and how it is bounded."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auth_portal.oidc.fetch import MAX_JSON, Fetcher, FetchFailed, is_public
from auth_portal.settings import Settings, SettingsError, load_settings
from tests.conftest import environment
from tests.support.certificates import make_certificate
from tests.support.ports import free_port
from tests.support.receiver import Receiver, Reply

NAME = "client.example"
INSIDE = [
    *("10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1"),
    *("240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "[::]", "[fc00::1]", "[fd12:3456::1]"),
    *("[fe80::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[::ffff:10.0.0.1]", "[::ffff:127.0.0.1]"),
    *("[::ffff:169.254.169.254]", "[::127.0.0.1]", "[64:ff9b::10.0.0.1]", "[2002:a00:1::1]", "[2002:7f00:1::1]"),
]
"""Addresses that are not on the Internet, some of them within others."""
Resolve = Callable[..., list[str]]
Certify = Callable[[str], ssl.SSLContext]


def settings(**overrides: object) -> Settings:
    """Settings of a production portal; no database is used here."""
    return load_settings(environment("sqlite:///unused.db", "smtp://127.0.0.1:1", **overrides))


def fetcher(networks: str = "", **bounds: float) -> Fetcher:
    """A fetcher that may reach these private networks."""
    return Fetcher(settings(private_client_networks=networks), **bounds)


def failure(call: Callable[[], object]) -> str:
    """Why a request failed; it must have."""
    with pytest.raises(FetchFailed) as caught:
        call()
    assert caught.value.__context__ is None
    return str(caught.value)


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Makes every name resolve to these addresses, the last list again and again; gives the names asked for."""
    real = socket.getaddrinfo

    def use(*answers: list[str]) -> list[str]:
        asked: list[str] = []
        left = list(answers)

        def getaddrinfo(host: str, port: int, *args: Any, **options: Any) -> Any:
            if host.replace(".", "").isdigit() or ":" in host:
                return real(host, port, *args, **options)
            asked.append(host)
            found = left.pop(0) if len(left) > 1 else left[0]
            return [entry for text in found for entry in real(text, port, type=socket.SOCK_STREAM)]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return use


@pytest.fixture
def certify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certify:
    """Makes certificates that this process trusts."""

    def make(name: str) -> ssl.SSLContext:
        made = make_certificate(name, tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(made.ca_file))
        return made.context

    return make


def test_a_form_arrives_as_it_was_given() -> None:
    with Receiver(Reply(204)) as receiver:
        status = fetcher().post_form(f"{receiver.url}/logout?app=1", {"logout_token": "a+b&c=ş"})

    asked = receiver.asked[0]
    assert (status, asked.method, asked.path) == (204, "POST", "/logout?app=1")
    assert asked.fields == {"logout_token": ["a+b&c=ş"]}
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.headers["host"] == f"127.0.0.1:{receiver.port}"


def test_localhost_is_this_machine_and_may_be_plain_http() -> None:
    """It may have two addresses of which only one is listened on."""
    with Receiver() as receiver:
        assert fetcher().post_form(f"http://localhost:{receiver.port}/", {}) == 200
    assert receiver.asked[0].headers["host"] == f"localhost:{receiver.port}"


def test_localhost_that_is_elsewhere_is_refused(resolve: Resolve) -> None:
    resolve(["8.8.8.8"])
    assert failure(lambda: fetcher().get_json("http://localhost/")) == "the address is not allowed"


@pytest.mark.parametrize("host", INSIDE)
def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    """OP-56, OPS-14."""
    assert failure(lambda: fetcher().post_form(f"https://{host}/", {})) == "the address is not allowed"


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700::1", "64:ff9b::8.8.8.8", "2002:808:808::1"])
def test_an_address_of_the_internet_is_public_through_a_gateway_too(text: str) -> None:
    """A network with IPv6 only reaches IPv4 so (RFC 6052)."""
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "017700000001", "127.0.0.1.", "localhost."])
def test_loopback_in_disguise_is_refused(host: str) -> None:
    """OPS-14. The system's resolver reads some of them as 127.0.0.1; others are no name at all."""
    with Receiver() as receiver:
        reason = failure(lambda: fetcher().post_form(f"https://{host}:{receiver.port}/", {}))
    assert reason in ("the address is not allowed", "the name is unknown", "the address is malformed")
    assert receiver.asked == []


@pytest.mark.parametrize("found", [["127.0.0.1"], ["::1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:127.0.0.1"]])
def test_a_name_that_leads_inside_is_refused(resolve: Resolve, found: list[str]) -> None:
    """OPS-14: one such address among public ones is enough."""
    resolve(found)
    with Receiver() as receiver:
        reason = failure(lambda: fetcher().post_form(f"https://{NAME}:{receiver.port}/", {}))
    assert (reason, receiver.asked) == ("the address is not allowed", [])


def test_a_name_is_looked_up_once_and_what_was_checked_is_what_is_reached(resolve: Resolve) -> None:
    """OPS-14, DNS rebinding: the second answer would lead elsewhere, and nobody asks for it."""
    asked = resolve(["127.0.0.2"], ["127.0.0.1"])
    with Receiver() as elsewhere:
        reason = failure(lambda: fetcher("127.0.0.2/32").get_json(f"https://{NAME}:{elsewhere.port}/"))
    assert (reason, asked, elsewhere.asked) == ("nobody listens", [NAME], [])


@pytest.mark.parametrize(
    "url",
    [
        *("http://client.example/", "ftp://client.example/", "file:///etc/passwd", "//client.example/"),
        *("client.example", "", "https://", "https:///path", "https://[::1/", "https://cl%69ent.example/"),
        *("https://user@client.example/", "https://user:secret@client.example/", "https://client.example:0/"),
        *("https://client.example:99999/", "https://client.example:x/", "https://client.example\\@127.0.0.1/"),
        *("https://client.example/a b", "https://client.example/a\r\nHost: b", "https://client.exam\nple/"),
        *("https://müşteri.example/", f"https://client.example/{'a' * 2_048}"),
    ],
)
def test_what_is_no_https_address_is_refused_before_any_look_up(resolve: Resolve, url: str) -> None:
    asked = resolve(["127.0.0.1"])
    assert failure(lambda: fetcher("127.0.0.0/8").get_json(url)) in (
        "the address is malformed",
        "the address is not https",
    )
    assert asked == []


def test_an_unknown_name_is_said_to_be_one(resolve: Resolve) -> None:
    resolve([])
    assert failure(lambda: fetcher().get_json(f"https://{NAME}/")) == "the name is unknown"


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: answered.wait() and [])
    reason = failure(lambda: fetcher(step_timeout_s=0.1).get_json(f"https://{NAME}/"))
    answered.set()
    assert reason == "no answer in time"


def test_an_allowed_private_network_is_reached_by_the_right_name(resolve: Resolve, certify: Certify) -> None:
    """The certificate is checked against the name, not against the address that is connected to (OPS-13)."""
    resolve(["127.0.0.1"])
    with Receiver(Reply(body=b"[1]"), context=certify(NAME)) as receiver:
        assert fetcher("127.0.0.0/8").get_json(f"https://{NAME}:{receiver.port}/jwks") == [1]
        refused = failure(lambda: fetcher("10.0.0.0/8,fd00::/8").get_json(f"https://{NAME}:{receiver.port}/"))
    assert refused == "the address is not allowed"
    assert [(asked.method, asked.server_name, asked.headers["host"]) for asked in receiver.asked] == [
        ("GET", NAME, f"{NAME}:{receiver.port}")
    ]


def test_a_certificate_of_another_name_is_refused(resolve: Resolve, certify: Certify) -> None:
    """OPS-13."""
    resolve(["127.0.0.1"])
    with Receiver(context=certify("other.example")) as receiver:
        reason = failure(lambda: fetcher("127.0.0.0/8").post_form(f"https://{NAME}:{receiver.port}/", {}))
    assert (reason, receiver.asked) == ("the certificate is not good", [])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_certificate_of_nobody_known_is_refused_on_this_machine_too(host: str, tmp_path: Path) -> None:
    """OPS-13."""
    with Receiver(context=make_certificate(host, tmp_path).context) as receiver:
        reason = failure(lambda: fetcher().post_form(f"https://{host}:{receiver.port}/", {}))
    assert (reason, receiver.asked) == ("the certificate is not good", [])


def test_an_address_in_a_certificate_is_good_for_that_address(certify: Certify) -> None:
    with Receiver(context=certify("127.0.0.1")) as receiver:
        assert fetcher().post_form(receiver.url, {}) == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """OP-56."""
    with Receiver() as elsewhere, Receiver(Reply(status, {"Location": f"{elsewhere.url}/"})) as receiver:
        assert fetcher().post_form(receiver.url, {"a": "b"}) == status
        assert failure(lambda: fetcher().get_json(receiver.url)) == f"status {status}"
    assert (len(receiver.asked), elsewhere.asked) == (2, [])


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy, Receiver() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert fetcher().post_form(receiver.url, {}) == 200
    assert (len(receiver.asked), proxy.asked) == (1, [])


def test_a_document_may_be_as_long_as_the_bound_and_no_longer() -> None:
    fits = b'"' + b"a" * (MAX_JSON - 2) + b'"'
    with Receiver(Reply(body=fits), Reply(body=fits + b" ")) as receiver:
        assert len(fetcher().get_json(receiver.url)) == MAX_JSON - 2
        assert failure(lambda: fetcher().get_json(receiver.url)) == "the answer is too long"


def test_of_an_endless_answer_only_the_bound_is_read() -> None:
    """Its length is not said, and it never ends."""
    endless = Reply(raw=b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 20_000_000)
    with Receiver(endless) as receiver:
        assert failure(lambda: fetcher().get_json(receiver.url)) == "the answer is too long"
        assert fetcher().post_form(receiver.url, {}) == 200


@pytest.mark.parametrize("body", [b"", b"no", b"{", b"\xff\xfe\xfd", b"[" * 50_000, b"9" * 50_000])
def test_a_body_that_is_no_json_is_a_failure(body: bytes) -> None:
    with Receiver(Reply(body=body)) as receiver:
        assert failure(lambda: fetcher().get_json(receiver.url)) == "the answer is no JSON"


@pytest.mark.parametrize("raw", [b"nonsense\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 " + b"a" * 70_000])
def test_an_answer_that_is_no_http_is_a_failure(raw: bytes) -> None:
    with Receiver(Reply(raw=raw)) as receiver:
        reason = failure(lambda: fetcher().post_form(receiver.url, {}))
    assert reason in ("the answer is broken", "the connection broke")


def test_nobody_listening_is_a_failure() -> None:
    assert failure(lambda: fetcher().post_form(f"http://127.0.0.1:{free_port()}/", {})) == "nobody listens"


def test_a_silent_server_is_given_up() -> None:
    """OP-56."""
    with Receiver() as receiver:
        receiver.hold()
        assert failure(lambda: fetcher(step_timeout_s=0.1).post_form(receiver.url, {})) == "no answer in time"


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX-Drip: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_server_that_drips_is_given_up_although_each_byte_is_in_time(head: bytes) -> None:
    """OP-56: the bound is one of the whole request, not of each read."""
    with Receiver(Reply(raw=head, drip=b"H")) as receiver:
        reason = failure(lambda: fetcher(step_timeout_s=0.2, budget_s=0.4).get_json(receiver.url))
    assert reason == "no answer in time"


def test_nothing_of_an_address_is_logged_or_said(caplog: pytest.LogCaptureFixture) -> None:
    """OPS-03: urllib3 would quote the whole address of a server whose headers it cannot parse."""
    caplog.set_level("WARNING")
    broken = Reply(raw=b"HTTP/1.1 200 OK\r\nno header at all\r\n\r\n[]")
    with Receiver(broken, Reply(500)) as receiver:
        fetcher().post_form(f"{receiver.url}/secret-path?token=secret", {"logout_token": "secret"})
        said = failure(lambda: fetcher().get_json(f"{receiver.url}/secret-path?token=secret"))
    assert len(receiver.asked) == 2
    assert (caplog.text, said) == ("", "status 500")


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "inside", "10.0.0.0/8;11.0.0.0/8", "fd00::/129"])
def test_what_is_no_network_is_named_at_the_start(text: str) -> None:
    """OPS-01."""
    with pytest.raises(SettingsError) as caught:
        settings(private_client_networks=text)
    assert caught.value.faults == [f"PRIVATE_CLIENT_NETWORKS: {text!r} is not a network such as 10.20.0.0/16"]


def test_private_networks_are_none_by_default_and_may_be_several() -> None:
    assert settings().private_networks == ()
    several = settings(private_client_networks="10.1.2.3, 10.20.0.0/16,fd12:3456::/32")
    assert list(map(str, several.private_networks)) == ["10.1.2.3/32", "10.20.0.0/16", "fd12:3456::/32"]
