"""What may be registered of a client, and how it is kept."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask import Flask
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from auth_portal.oidc.clients import SECRET_OVERLAP, ClientService
from auth_portal.oidc.registration import DEVICE_GRANT, GRANTS, Registration, RegistrationRefused
from auth_portal.oidc.subjects import STANDARD_SCOPES
from auth_portal.signin.sessions import GrantDraft
from tests.conftest import NOW, services_of
from tests.drivers import ApiDriver

RETURN = ("https://app.example/cb",)
PNG = b"\x89PNG\r\n\x1a\n and pixels"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">%s</svg>'


def jwk(key: Any, *, private: bool = False, **more: str) -> dict[str, Any]:
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**algorithm.to_jwk(key if private else key.public_key(), as_dict=True), **more}


EC_KEY, RSA_KEY = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65_537, 2_048)
KEYS = json.dumps({"keys": [jwk(EC_KEY, kid="one"), jwk(RSA_KEY, kid="two", use="sig", alg="RS256")]}).encode()


def columns(**wanted: Any) -> dict[str, Any]:
    """The columns of a registration that is good."""
    return Registration(**{"name": "Wiki", "redirect_uris": RETURN, **wanted}).checked().columns


def faults(**wanted: Any) -> tuple[str, ...]:
    """Why a registration is refused."""
    with pytest.raises(RegistrationRefused) as refused:
        Registration(**{"name": "Wiki", "redirect_uris": RETURN, **wanted}).checked()
    return refused.value.faults


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example",
        "https://app.example/cb?tenant=1&x=%20",
        "https://app.example:8443/cb",
        "https://xn--bcher-kva.example/cb",
        "https://192.0.2.1/cb",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:9999/cb",
        "http://[::1]:9999/cb",
        "http://localhost:3000/cb",
    ],
)
def test_an_address_that_only_its_owner_can_answer_is_accepted(uri: str) -> None:
    """OP-03."""
    kept = columns(redirect_uris=(uri,), post_logout_redirect_uris=(uri,), backchannel_logout_uri=uri, homepage=uri)
    assert kept["redirect_uris"] == kept["post_logout_redirect_uris"] == [uri]
    assert kept["backchannel_logout_uri"] == kept["homepage"] == uri


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("", "must begin with https://"),
        ("/cb", "must begin with https://"),
        ("//app.example/cb", "must begin with https://"),
        ("app.example/cb", "must begin with https://"),
        ("http://app.example/cb", "must be https"),
        ("http://localhost.evil.example/cb", "must be https"),
        ("http://127.0.0.1.evil.example/cb", "must be https"),
        ("http://10.0.0.1/cb", "must be https"),
        ("https://", "has no host"),
        ("https:///cb", "has no host"),
        ("https:app.example/cb", "has no host"),
        ("https://App.example/cb", "lower-case"),
        ("HTTPS://app.example/cb", "must begin with https://"),
        ("https://app.example:port/cb", "has no host"),
        ("https://app..example/cb", "has no host"),
        ("https://app.example;script-src/cb", "has no host"),
        ("https://[::1/cb", "is not an address"),
        ("https://app.example/cb#top", "fragment"),
        ("https://app.example/cb#", "fragment"),
        ("https://*.app.example/cb", "wildcard"),
        ("https://app.example/*", "wildcard"),
        ("https://ada@app.example/cb", "user name"),
        ("https://ada:pw@app.example/cb", "user name"),
        ("https://@app.example/cb", "user name"),
        ("https://app.example\\@evil.example/cb", "backslash"),
        ("https://app.example/a b", "space"),
        ("https://app.example/a\nb", "space"),
        (" https://app.example/cb", "space"),
        ("https://app.example/\x00", "space"),
        ("https://bücher.example/cb", "ASCII"),
        ("https://app.example/" + "a" * 2_048, "longer than 2048"),
        ("https://" + "a" * 250 + ".example/cb", "has no host"),
        ("javascript:alert(1)", "must begin with https://"),
        ("data:text/html,hello", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("myapp://cb", "must begin with https://"),
        ("com.example.app:/cb", "only a public client|must begin with https://"),
    ],
)
def test_an_address_that_another_could_answer_is_refused(uri: str, reason: str) -> None:
    """OP-03."""
    assert any(part in fault for fault in faults(redirect_uris=(uri,)) for part in reason.split("|"))
    assert any(part in fault for fault in faults(post_logout_redirect_uris=(uri,)) for part in reason.split("|"))
    for field in ("backchannel_logout_uri", "homepage") if uri else ():
        assert any(part in fault for fault in faults(**{field: uri}) for part in reason.split("|"))


@pytest.mark.parametrize("uri", ["com.example.app:/cb", "com.example.app://cb"])
def test_a_public_app_may_have_a_scheme_of_its_own(uri: str) -> None:
    """OP-66."""
    public = columns(redirect_uris=(uri,), auth_method="none", post_logout_redirect_uris=(uri,))
    assert public["redirect_uris"] == public["post_logout_redirect_uris"] == [uri]
    for single in ("backchannel_logout_uri", "jwks_uri", "homepage"):
        assert faults(auth_method="none", **{single: uri})


@pytest.mark.parametrize("uri", ["myapp:/cb", "com.example:", "com.example:/cb#x", "com.example:/*", "a.:/b"])
def test_a_scheme_that_any_app_may_have_is_refused(uri: str) -> None:
    """OP-03, OP-66."""
    assert faults(redirect_uris=(uri,), auth_method="none")


@pytest.mark.parametrize("name", ["", "   ", "a" * 101, "Wiki\n", "Wi\u202eki", "\x00"])
def test_a_name_that_cannot_be_shown_is_refused(name: str) -> None:
    assert faults(name=name) == ("the name must have 1 to 100 printable characters",)


def test_every_fault_is_told_at_once() -> None:
    found = faults(
        name="", redirect_uris=("http://a.example", "https://b.example/#x"), color="red", scopes=("account",)
    )
    assert len(found) == 5


@pytest.mark.parametrize(
    ("wanted", "grants"),
    [
        ({}, list(GRANTS)),
        ({"auth_method": "none"}, list(GRANTS[:3])),
        ({"redirect_uris": ()}, list(GRANTS[1:])),
        ({"redirect_uris": (), "auth_method": "none"}, list(GRANTS[1:3])),
        ({"redirect_uris": (), "site": "https://wiki.example"}, ["authorization_code"]),
        ({"site": "https://wiki.example"}, list(GRANTS)),
        ({"grant_types": ("device_code", "refresh_token")}, [DEVICE_GRANT, "refresh_token"]),
        ({"grant_types": ("client_credentials", "client_credentials"), "redirect_uris": ()}, ["client_credentials"]),
    ],
)
def test_a_client_has_the_grants_that_fit_or_those_that_were_named(wanted: dict[str, Any], grants: list[str]) -> None:
    """OP-38."""
    assert columns(**wanted)["grant_types"] == grants


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"grant_types": ("password",)}, "unknown grant 'password'"),
        ({"grant_types": ("implicit",)}, "unknown grant 'implicit'"),
        ({"grant_types": ("authorization_code",), "redirect_uris": ()}, "needs a redirect URI"),
        ({"grant_types": ("client_credentials",), "auth_method": "none"}, "public client may not"),
        ({"grant_types": ("refresh_token", "client_credentials")}, "needs authorization_code or device_code"),
        ({"auth_method": "client_secret_jwt"}, "the authentication method must be one of"),
        ({"auth_method": "none", "require_pkce": False}, "without PKCE"),
        ({"auth_method": "private_key_jwt"}, "either keys or the URI"),
        (
            {"auth_method": "private_key_jwt", "jwks": KEYS, "jwks_uri": "https://a.example/keys"},
            "either keys or the URI",
        ),
        ({"jwks": KEYS}, "either keys or the URI"),
        ({"auth_method": "private_key_jwt", "jwks_uri": "http://a.example/keys"}, "must be https"),
        ({"id_token_algorithm": "none"}, "RS256, ES256"),
        ({"id_token_algorithm": "HS256"}, "RS256, ES256"),
    ],
)
def test_a_way_that_is_not_safe_or_cannot_work_is_refused(wanted: dict[str, Any], reason: str) -> None:
    """OP-04, OP-06, OP-31, OP-38."""
    assert any(reason in fault for fault in faults(**wanted))


def test_only_a_confidential_client_is_exempted_from_pkce() -> None:
    """OP-06, D5."""
    assert columns()["require_pkce"] is True
    assert columns(require_pkce=False)["require_pkce"] is False


def test_the_public_keys_of_a_client_are_kept_without_anything_else() -> None:
    """OP-33."""
    key = jwk(EC_KEY, kid="one", use="sig", x5u="https://evil.example/")
    for given in (json.dumps({"keys": [key]}).encode(), {"keys": [key]}):
        kept = columns(auth_method="private_key_jwt", jwks=given)["jwks"]
        assert [sorted(each) for each in kept["keys"]] == [["crv", "kid", "kty", "use", "x", "y"]]
    assert len(columns(auth_method="private_key_jwt", jwks=KEYS)["jwks"]["keys"]) == 2


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (jwk(EC_KEY, private=True), "private"),
        (jwk(RSA_KEY, private=True), "private"),
        ({"kty": "oct", "k": base64.urlsafe_b64encode(b"k" * 32).decode()}, "symmetric"),
        ({"kty": "oct"}, "no RSA key"),
        (jwk(rsa.generate_private_key(65_537, 1_024)), "no RSA key of 2048 bits"),
        (jwk(ec.generate_private_key(ec.SECP384R1())), "P-256"),
        (jwk(EC_KEY, use="enc"), "for signatures"),
        ({"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}, "P-256"),
        ({"kty": ["RSA"]}, "no RSA key"),
        ({}, "no RSA key"),
        ("text", "only the public part"),
    ],
)
def test_a_key_that_is_no_strong_public_key_is_refused(key: Any, reason: str) -> None:
    """OP-33, JWT-09."""
    (fault,) = faults(auth_method="private_key_jwt", jwks=json.dumps({"keys": [jwk(EC_KEY), key]}).encode())
    assert reason in fault
    assert "key 2" in fault


@pytest.mark.parametrize(
    "content",
    [b"", b"no json", b"[]", b"{}", b'{"keys": []}', b'{"keys": 1}', b"\xff", b"[" * 60_000, KEYS + b" " * 70_000],
    ids=range(9),
)
def test_a_file_that_holds_no_keys_is_refused(content: bytes) -> None:
    assert any("key" in fault for fault in faults(auth_method="private_key_jwt", jwks=content))


@pytest.mark.parametrize("key", [jwk(EC_KEY), jwk(RSA_KEY)])
def test_a_strong_public_key_is_accepted(key: dict[str, Any]) -> None:
    """OP-33."""
    assert columns(auth_method="private_key_jwt", jwks={"keys": [key]})["jwks"]["keys"] == [
        {name: value for name, value in key.items() if name != "key_ops"}
    ]


def test_scopes_are_the_standard_ones_or_those_that_were_named() -> None:
    """OP-38."""
    assert columns()["scopes"] == list(STANDARD_SCOPES)
    assert columns(scopes=("openid  read:all", "write openid"))["scopes"] == ["openid", "read:all", "write"]


@pytest.mark.parametrize("scope", ["account", 'a"b', "a\\b", "a\tb", "ü", "a" * 101])
def test_a_scope_that_is_reserved_or_malformed_is_refused(scope: str) -> None:
    """OP-38."""
    assert len(faults(scopes=(f"openid {scope}",))) == 1


@pytest.mark.parametrize("name", ["https://api.example/v1", "urn:example:api", "https://api.example/?x=1"])
def test_an_api_is_named_by_an_absolute_uri(name: str) -> None:
    kept = columns(resources=(name,), api_identifier=name)
    assert (kept["resources"], kept["api_identifier"]) == ([name], name)


@pytest.mark.parametrize("name", ["api", "/api", "https://api.example/#v1", "urn:a b", "urn:" + "a" * 252, "urn:ü"])
def test_an_api_with_no_such_name_is_refused(name: str) -> None:
    assert len(faults(resources=(name,))) == len(faults(api_identifier=name)) == 1


@pytest.mark.parametrize(
    ("field", "given", "seconds"),
    [
        ("access_token_ttl", "30", 30),
        ("access_token_ttl", "10m", 600),
        ("access_token_ttl", 3_600, 3_600),
        ("access_token_ttl", None, None),
        ("refresh_token_ttl", "60s", 60),
        ("refresh_token_ttl", "400d", 400 * 86_400),
    ],
)
def test_a_time_to_live_is_seconds_or_has_a_unit(field: str, given: str | int | None, seconds: int | None) -> None:
    assert columns(**{field: given})[field] == seconds


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("access_token_ttl", "29"),
        ("access_token_ttl", "61m"),
        ("access_token_ttl", "soon"),
        ("access_token_ttl", "-60"),
        ("refresh_token_ttl", "59"),
        ("refresh_token_ttl", "401d"),
        ("refresh_token_ttl", "1w"),
    ],
)
def test_a_time_to_live_out_of_bounds_is_refused(field: str, given: str) -> None:
    assert len(faults(**{field: given})) == 1


def test_pairwise_names_belong_to_the_one_host_or_to_a_sector() -> None:
    """OP-70."""
    two = ("https://a.example/cb", "https://b.example/cb")
    assert columns()["sector"] is None
    assert columns(is_pairwise=True)["sector"] == "app.example"
    assert columns(redirect_uris=two, is_pairwise=True, sector="example.com")["sector"] == "example.com"
    for wanted in ({"redirect_uris": two}, {"redirect_uris": ("com.example.app:/cb",), "auth_method": "none"}):
        assert "sector" in faults(is_pairwise=True, **wanted)[0]
    for sector in ("https://example.com", "Example.com", "", "a b"):
        assert "no host" in faults(is_pairwise=True, sector=sector)[0]


@pytest.mark.parametrize(
    ("logo", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0 and pixels", "image/jpeg"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
        ((SVG % '<style>.a{fill:url(#b)}</style><use xlink:href="#a" fill="url(#b)"/>').encode(), "image/svg+xml"),
        ((SVG % '<image href="data:image/png;base64,AAAA"/>').encode(), "image/svg+xml"),
    ],
)
def test_a_logo_is_known_by_its_content(logo: bytes, media_type: str) -> None:
    kept = columns(logo=logo)
    assert (kept["logo"], kept["logo_type"]) == (logo, media_type)


@pytest.mark.parametrize(
    "content",
    [
        SVG % "<script>1</script>",
        SVG % '<h:script xmlns:h="http://www.w3.org/1999/xhtml">1</h:script>',
        SVG % "<foreignObject/>",
        '<svg onload="x()"/>',
        SVG % '<a ONCLICK="x()"/>',
        SVG % '<image href="https://evil.example/x"/>',
        SVG % '<image xlink:href="//evil.example/x"/>',
        SVG % '<use href="other.svg#a"/>',
        SVG % '<a href="java&#115;cript:alert(1)"/>',
        SVG % '<image href="data:image/svg+xml;base64,AAAA"/>',
        SVG % '<animate attributeName="href" to="javascript:alert(1)"/>',
        SVG % '<g style="fill:url(https://evil.example/x)"/>',
        SVG % '<g fill="url(//evil.example/x)"/>',
        SVG % "<style>@import 'x.css';</style>",
        SVG % "<style>a{fill:u\\72l(x)}</style>",
        '<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>',
        '<?xml-stylesheet href="x.css"?><svg/>',
        "<html><svg/></html>",
        "<svg>",
        "GIF89a",
        SVG % (" " * 65_536),
    ],
)
def test_a_logo_that_could_do_or_fetch_something_is_refused(content: str) -> None:
    (fault,) = faults(logo=content.encode())
    assert "logo" in fault


def test_a_picture_that_is_too_big_is_refused() -> None:
    assert faults(logo=PNG + bytes(65_536)) == ("the logo has more than 65536 bytes",)


def test_a_colour_is_kept_in_one_form() -> None:
    assert columns(color="#FF8800")["color"] == "#ff8800"
    for color in ("red", "#fff", "#ff880", "#ff8800;", "#gg8800"):
        assert faults(color=color) == ("the colour must be written as #rrggbb",)


def test_a_guarded_site_needs_nothing_else_to_be_registered() -> None:
    kept = columns(redirect_uris=(), site="https://wiki.example", allow=("*@Example.com", "Ada@Example.com"))
    assert kept["redirect_uris"] == ["https://wiki.example/.auth-portal/callback"]
    assert (kept["auth_method"], kept["is_trusted"], kept["require_pkce"]) == ("none", True, True)
    assert kept["access"] == {"allow": ["*@example.com", "ada@example.com"], "public_paths": []}


def test_a_site_whose_app_signs_people_in_by_itself_too_has_a_secret() -> None:
    kept = columns(site="https://wiki.example", public_paths=("/assets/", "/health"))
    assert kept["redirect_uris"] == [*RETURN, "https://wiki.example/.auth-portal/callback"]
    assert (kept["auth_method"], kept["is_trusted"]) == (None, False)
    assert kept["access"]["public_paths"] == ["/assets/", "/health"]


@pytest.mark.parametrize(
    "origin",
    [
        "wiki.example",
        "https://wiki.example/",
        "https://wiki.example/wiki",
        "https://wiki.example?",
        "https://Wiki.example",
        "https://wiki.example:443",
        "http://wiki.example",
        "http://localhost:80",
        "https://*.example",
        "com.example.app:",
        "null",
        "*",
    ],
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    """OP-26."""
    assert len(faults(site=origin)) == len(faults(cors_origins=(origin,))) == 1


@pytest.mark.parametrize(
    "wanted",
    [
        {"public_paths": ("/assets",)},
        *(
            {"site": "https://w.example", "public_paths": (path,)}
            for path in ("/", "assets", "//a", "/a/../b", "/..", "/%2e")
        ),
        *(
            {"site": "https://w.example", "public_paths": (path,)}
            for path in ("/a?b", "/a#b", "/a\\b", "/a b", "/*", "/ü")
        ),
        *(
            {"allow": (who,)}
            for who in ("*", "", "ada", "*@*", "*@*.example.com", "a*@example.com", "*@", "a?@example.com")
        ),
        {"site": "https://w.example", "redirect_uris": (), "auth_method": "client_secret_basic"},
    ],
)
def test_an_access_rule_that_says_something_else_than_it_seems_is_refused(wanted: dict[str, Any]) -> None:
    assert len(faults(**wanted)) == 1


@pytest.mark.parametrize(
    "field", ["redirect_uris", "post_logout_redirect_uris", "resources", "cors_origins", "allow", "public_paths"]
)
def test_a_list_has_at_most_fifty_entries(field: str) -> None:
    value = {"allow": "u%d@example.com", "public_paths": "/p%d"}.get(field, "https://a%d.example")
    given = {"site": "https://w.example", field: tuple(value % number for number in range(51))}
    assert faults(**given) == (f"more than 50 {field.replace('_', ' ')}",)
    assert columns(**{**given, field: given[field][:50]})
    assert faults(scopes=(" ".join(map(str, range(51))),)) == ("more than 50 scopes",)


def test_the_pages_of_an_app_are_where_it_returns_to_and_where_it_says() -> None:
    """OP-26."""
    wanted = Registration(
        name="SPA",
        auth_method="none",
        redirect_uris=(
            "https://a.example:443/cb",
            "https://a.example/x",
            "com.example.app:/cb",
            "http://127.0.0.1:80/",
        ),
        cors_origins=("https://b.example:8443",),
    )
    assert wanted.checked().origins == ["https://b.example:8443", "https://a.example", "http://127.0.0.1"]


def keep(app: Flask, **wanted: Any) -> tuple[ClientService, str, str | None]:
    """A client in the database of a portal, with its id and secret."""
    clients = ClientService(services_of(app).engine)
    checked = Registration(**{"name": "Wiki", "redirect_uris": RETURN, **wanted}).checked()
    return clients, *clients.create(checked.columns, checked.origins)


def test_a_client_that_was_registered_is_found_as_it_was_registered(app: Flask) -> None:
    clients, client_id, _ = keep(app, logo=PNG, color="#112233", resources=("urn:api",), site="https://w.example")
    client = clients.find(client_id)
    assert client is not None
    assert (client.name, client.resources, client.color, client.has_logo) == ("Wiki", ("urn:api",), "#112233", True)
    assert clients.logo(client_id) == (PNG, "image/png")
    assert clients.find_by_site("https://w.example") == client
    assert clients.may_call("https://app.example")
    assert not clients.may_call("https://w.example")


def test_what_a_client_registered_says_is_what_its_registration_says(app: Flask) -> None:
    for wanted in (
        {},
        {"auth_method": "none", "redirect_uris": ("http://127.0.0.1/cb",)},
        {"redirect_uris": (), "site": "https://w.example", "allow": ("*@example.com",), "public_paths": ("/a",)},
        {"auth_method": "private_key_jwt", "jwks": KEYS, "is_pairwise": True, "access_token_ttl": "5m"},
        {"grant_types": ("client_credentials",), "cors_origins": ("https://b.example",), "require_pkce": False},
    ):
        clients, client_id, _ = keep(app, **wanted)
        client = clients.find(client_id)
        assert client is not None
        origins = (
            ["https://b.example", "https://app.example"] if "cors_origins" in wanted else ["https://app.example"]
        )
        again = Registration.of(client, origins).checked().columns
        first = Registration(**{"name": "Wiki", "redirect_uris": RETURN, **wanted}).checked().columns
        assert again == first


def test_of_two_secrets_both_are_good_for_a_week_and_the_former_no_longer(
    clock: time_machine.Traveller, app: Flask
) -> None:
    """OP-34."""
    clients, client_id, former = keep(app)
    new = clients.rotate_secret(client_id)
    assert former is not None
    assert new is not None

    def good() -> list[bool]:
        client = clients.find(client_id)
        assert client is not None
        return [client.check_client_secret(former), client.check_client_secret(new)]

    assert good() == [True, True]
    clock.move_to(NOW + SECRET_OVERLAP)
    assert good() == [False, True]


def test_a_secret_is_long_and_a_dump_of_the_database_holds_none(app: Flask) -> None:
    """OP-34."""
    clients, client_id, first = keep(app)
    second = clients.rotate_secret(client_id)
    engine = services_of(app).engine
    with engine.connect() as connection:
        names = inspect(engine).get_table_names()
        dump = "".join(str(connection.execute(text(f'SELECT * FROM "{name}"')).all()) for name in names)
    assert client_id in dump
    for secret in (first, second):
        assert secret is not None
        assert len(base64.urlsafe_b64decode(secret + "=")) >= 16
        assert secret not in dump
    assert first not in repr(clients.find(client_id))


@pytest.mark.parametrize("wanted", [{"api_identifier": "urn:api"}, {"site": "https://wiki.example"}])
def test_no_two_clients_are_the_same_api_or_site(app: Flask, wanted: dict[str, Any]) -> None:
    keep(app, **wanted)
    with pytest.raises(IntegrityError):
        keep(app, **wanted)


def test_a_client_that_is_deleted_takes_its_grants_along_and_no_others(app: Flask, api: ApiDriver) -> None:
    """OP-23, JWT-16."""
    clients, client_id, _ = keep(app)
    _, other_id, _ = keep(app)
    user_id, services = api.register()["user"]["id"], services_of(app)
    with services.engine.begin() as connection:
        opened = {
            each: services.sessions.open_grant(
                connection,
                GrantDraft(
                    id=each[:32].ljust(32, "0"),
                    user_id=user_id,
                    client_id=each,
                    parent_id=each[:32],
                    scope="openid",
                    parameters={},
                    authenticated_at=NOW,
                    ttl=SECRET_OVERLAP,
                    is_offline=True,
                    has_secret=True,
                ),
                is_refreshable=False,
            )
            for each in (client_id, other_id)
        }
    assert all(services.sessions.find_by_secret(secret, each) for each, secret in opened.items())
    assert clients.delete(client_id)
    assert services.sessions.find_by_secret(opened[client_id], client_id) is None
    assert services.sessions.find_by_secret(opened[other_id], other_id) is not None
    assert (clients.find(client_id), clients.delete(client_id)) == (None, False)
    assert clients.may_call("https://app.example")  # the other's
