"""How a client looks, the site that it guards, whom it lets in, and which pages may call us."""

from __future__ import annotations

from typing import Any

import pytest

from auth_portal.oidc.registration import Registration
from tests.registering import PNG, RETURN, SVG, columns, faults


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
        '<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>',
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
        '<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>',
        '<?xml-stylesheet href="x.css"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        "<html><svg/></html>",
        "<svg/>",
        '<svg xmlns="http://www.w3.org/1999/xhtml"/>',
        SVG % "<xhtml:script/>",
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


def test_a_site_cannot_be_made_to_push() -> None:
    """Its requests are made by the portal, and come through the browser."""
    (fault,) = faults(redirect_uris=(), site="https://wiki.example", require_pushed=True)
    assert "pushed" in fault
