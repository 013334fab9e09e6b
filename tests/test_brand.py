"""The operator's looks: BRAND_LOGO and BRAND_COLOR (contract, section 1; ui.md)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from auth_portal.delivery.colors import contrast
from auth_portal.settings import SettingsError
from tests.conftest import Made

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8v8H0z"/></svg>'
GROUNDS = {"light": "#ffffff", "dark": "#171c1b"}


def rgb(color: str) -> tuple[int, int, int]:
    return (int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16))


def linked(page: str, path: str) -> list[str]:
    """The addresses below a path that a page loads."""
    return re.findall(rf'(?:href|src)="({path}[^"]*)"', page)


def test_without_a_brand_the_portal_has_its_own_mark(make_app: Made) -> None:
    client = make_app().test_client()
    page = client.get("/login").text
    assert linked(page, "/brand/") == []
    assert '<svg class="mark"' in page
    assert [client.get(path).status_code for path in ("/brand/logo", "/brand/theme.css")] == [404, 404]


def test_a_logo_takes_the_place_of_the_mark_and_can_do_nothing(make_app: Made, tmp_path: Path) -> None:
    """WEB-02: an SVG may have scripts."""
    path = tmp_path / "logo.svg"
    path.write_bytes(SVG)
    client = make_app(brand_logo=str(path)).test_client()
    page = client.get("/login").text
    icon, mark = linked(page, "/brand/logo")
    assert icon == mark
    assert '<svg class="mark"' not in page
    answer = client.get(mark)
    assert (answer.data, answer.content_type) == (SVG, "image/svg+xml")
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert (
        "Cross-Origin-Resource-Policy" not in answer.headers
        or "cross" not in answer.headers["Cross-Origin-Resource-Policy"]
    )
    assert mark in client.get("/docs").text


def test_looks_are_kept_for_a_year_under_their_own_address_only(make_app: Made, tmp_path: Path) -> None:
    """While a new logo or colour reaches one server after another, the old one must not stick to the new address."""
    (tmp_path / "logo.svg").write_bytes(SVG)
    client = make_app(brand_logo=str(tmp_path / "logo.svg"), brand_color="#0000ff").test_client()
    page = client.get("/login").text
    for path in ("/brand/logo", "/brand/theme.css"):
        addresses = linked(page, path)[0], path, f"{path}?v=0"
        kept = [client.get(address).headers["Cache-Control"] for address in addresses]
        assert kept == ["public, max-age=31536000, immutable", "public, max-age=300", "public, max-age=300"]


def test_another_logo_has_another_address(make_app: Made, tmp_path: Path) -> None:
    addresses = []
    for name, content in (("a.svg", SVG), ("b.svg", SVG.replace(b"8", b"9"))):
        (tmp_path / name).write_bytes(content)
        page = make_app(brand_logo=str(tmp_path / name)).test_client().get("/login").text
        addresses += linked(page, "/brand/logo")[:1]
    assert len(set(addresses)) == 2


@pytest.mark.parametrize("color", ["#ffffff", "#000000", "#ffe600", "#0000FF", "#7f7f7f", "#e3000f"])
def test_every_colour_can_be_read_on_both_grounds(make_app: Made, color: str) -> None:
    """WEB-18: 4.5 to 1, computed; the text on a button as well."""
    client = make_app(brand_color=color).test_client()
    [address] = linked(client.get("/login").text, "/brand/theme.css")
    styles = client.get(address).text
    light, dark = styles.split("@media (prefers-color-scheme: dark)")
    for ground, rules in (("light", light), ("dark", dark)):
        found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", rules))
        assert contrast(rgb(found["accent"]), rgb(GROUNDS[ground])) >= 4.5
        assert contrast(rgb(found["accent"]), rgb(found["on-accent"])) >= 4.5
        assert contrast(rgb(found["accent-over"]), rgb(found["on-accent"])) >= 4.5


@pytest.mark.parametrize(
    ("setting", "content", "fault"),
    [
        ({"brand_color": "green"}, None, "BRAND_COLOR"),
        ({"brand_color": "#12345"}, None, "BRAND_COLOR"),
        ({"brand_logo": "/nowhere/logo.svg"}, None, "BRAND_LOGO cannot be read: FileNotFoundError"),
        ({}, b"GIF89a", "BRAND_LOGO: the logo is no PNG, JPEG, WebP or SVG"),
        (
            {},
            SVG.replace(b"<path", b"<script/><path"),
            "BRAND_LOGO: the logo is an SVG that may not have the element",
        ),
        ({}, b"\x89PNG\r\n\x1a\n" + b"0" * 65_536, "BRAND_LOGO: the logo has more than 65536 bytes"),
    ],
)
def test_what_is_no_colour_or_logo_does_not_start(
    make_app: Made, tmp_path: Path, setting: dict[str, str], content: bytes | None, fault: str
) -> None:
    """OPS-01."""
    if content is not None:
        (tmp_path / "logo").write_bytes(content)
        setting = {"brand_logo": str(tmp_path / "logo")}
    with pytest.raises(SettingsError) as refused:
        make_app(**setting)
    assert [found for found in refused.value.faults if found.startswith(fault)]
