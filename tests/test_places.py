"""Places from a local MaxMind DB file: where they are told, in which language, and what a bad file may not do."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from auth_portal.settings import ROOT, SettingsError, load_settings
from auth_portal.signin.places import Places
from tests.conftest import Made, environment, services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of
from tests.support.letters import html_of, text_of
from tests.support.smtp import MailSink

ADA = "ada@example.com"
TURKEY = {"iso_code": "TR", "names": {"en": "Turkey"}}
NETWORKS: dict[str, dict[str, Any]] = {
    "203.0.113.0/24": {"city": {"names": {"en": "Istanbul", "de": "Konstantinopel"}}, "country": TURKEY},
    "198.51.100.0/24": {"country": {"iso_code": "DE", "names": {"en": "Germany"}}},
    "2001:db8::/32": {"city": {"names": {"en": "Zürich", "tr": "Zürih"}}, "country": {"iso_code": "CH"}},
    "192.0.2.0/24": {"country": {"iso_code": "ZZ9", "names": {"en": "Nowhere"}}},
    "192.0.3.0/24": {"city": "flat", "country": ["of", "another", "make"]},
    "192.0.4.0/24": {"city": {"names": {"en": 7}}, "autonomous_system_number": 64496},
}


def write(path: Path, networks: dict[str, dict[str, Any]] = NETWORKS, version: int = 6) -> Path:
    """A file in the makers' format."""
    writer = MMDBWriter(version, "Test-City", languages=["en"], ipv4_compatible=version == 6)
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a few networks."""
    return write(tmp_path_factory.mktemp("places") / "city.mmdb")


@pytest.mark.parametrize(
    ("network", "english", "turkish"),
    [
        ("203.0.113.7", "Istanbul, Türkiye", "Istanbul, Türkiye"),
        ("203.0.113.0/24", "Istanbul, Türkiye", "Istanbul, Türkiye"),
        ("198.51.100.0/24", "Germany", "Almanya"),
        ("2001:db8:1::/56", "Zürich, Switzerland", "Zürih, İsviçre"),
        ("192.0.2.1", "Nowhere", "Nowhere"),
        ("192.0.3.1", None, None),
        ("192.0.4.1", None, None),
        ("10.0.0.1", None, None),
        ("unknown", None, None),
        ("", None, None),
    ],
)
def test_a_place_is_city_and_country_in_the_persons_language(
    file: Path, network: str, english: str | None, turkish: str | None
) -> None:
    places = Places(str(file))
    for _ in range(2):  # the second time it is remembered
        assert (places.words(network, "en"), places.words(network, "tr")) == (english, turkish)


def test_without_a_file_every_place_is_unknown() -> None:
    assert Places("").words("203.0.113.7", "en") is None


def test_a_file_without_the_networks_of_ipv6_knows_none_of_them(tmp_path: Path) -> None:
    places = Places(str(write(tmp_path / "v4.mmdb", {"203.0.113.0/24": NETWORKS["203.0.113.0/24"]}, version=4)))
    assert (places.words("2001:db8::/48", "en"), places.words("203.0.113.7", "en")) == (None, "Istanbul, Türkiye")


def test_whatever_is_wrong_inside_the_file_no_look_up_fails(file: Path, tmp_path: Path) -> None:
    """Bytes are changed under the open file, as on a failing disk."""
    chance = random.Random(7)
    whole = file.read_bytes()
    end = whole.rindex(b"\xab\xcd\xefMaxMind.com")
    outcomes = set()
    for number in range(300):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 40)):
            broken[chance.randrange(end)] = chance.randrange(256)
        path = tmp_path / "broken.mmdb"
        path.write_bytes(whole)
        places = Places(str(path))
        path.write_bytes(broken if number % 3 else broken[: chance.randrange(end)])
        outcomes |= {places.words(network, "en") for network in NETWORKS}
    assert len(outcomes) > 3, "nothing was broken"


def faults(database: Path, **settings: object) -> list[str]:
    """Why a portal does not start with these."""
    try:
        load_settings(environment(f"sqlite:///{database}", "smtp://127.0.0.1:1", **settings))
    except SettingsError as error:
        return error.faults
    return []


def test_a_file_that_is_missing_or_broken_is_told_at_the_start(file: Path, tmp_path: Path) -> None:
    """OPS-01."""
    whole = file.read_bytes()
    for name, content in (("text", b"City,Country\n"), ("half", whole[: len(whole) // 2])):
        (tmp_path / name).write_bytes(content)
        assert faults(tmp_path, geoip_file=tmp_path / name) == ["GEOIP_FILE is not a MaxMind DB file"]
    (tmp_path / "empty").touch()
    assert faults(tmp_path, geoip_file=tmp_path / "empty") == ["GEOIP_FILE cannot be read: OSError"]
    assert faults(tmp_path, geoip_file=tmp_path / "none") == ["GEOIP_FILE cannot be read: FileNotFoundError"]
    assert faults(tmp_path, geoip_file=tmp_path) == ["GEOIP_FILE cannot be read: IsADirectoryError"]
    assert faults(tmp_path, geoip_file=file) == []


def test_a_relative_path_counts_from_the_checkout(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert faults(tmp_path, geoip_file=os.path.relpath(file, ROOT)) == []
    assert faults(tmp_path, geoip_file=os.path.relpath(file)) == ["GEOIP_FILE cannot be read: FileNotFoundError"]


@pytest.fixture
def portal(clock: time_machine.Traveller, make_app: Made, file: Path) -> Flask:
    """A portal with the file; the clock stands still."""
    made: Flask = make_app(geoip_file=file)
    return made


def test_the_list_of_sessions_says_the_place(portal: Flask, outbox: MailSink, clock: time_machine.Traveller) -> None:
    """SES-11."""
    browser, api = BrowserDriver(portal, outbox, "203.0.113.7"), ApiDriver(portal, outbox, "198.51.100.9")
    browser.register(ADA)
    clock.shift(60)
    token = api.proven(ADA)["accessToken"]
    places = {
        language: [one["place"] for one in data_of(answer)["sessions"]]
        for language in ("en", "tr")
        if (answer := api.call("GET", "sessions", token=token, Accept_Language=language))
    }
    assert places == {"en": ["Germany", "Istanbul, Türkiye"], "tr": ["Almanya", "Istanbul, Türkiye"]}
    browser.get("/account/sessions")
    assert "<bdi>Istanbul, Türkiye · 203.0.113.x</bdi>" in browser.page
    assert "<bdi>Germany · 198.51.100.x</bdi>" in browser.page


def test_letters_say_the_place(portal: Flask, outbox: MailSink, clock: time_machine.Traveller) -> None:
    """MAIL-12, OTP-30: of who asked, and of who signed in."""
    BrowserDriver(portal, outbox).register(ADA)
    clock.shift(60)
    BrowserDriver(portal, outbox, "203.0.113.7").prove(ADA)
    services_of(portal).background.wait()
    code, notice = outbox.sent_to(ADA)[-2:]
    assert "New sign-in" in str(notice.parsed["subject"])
    for letter in (code, notice):
        assert "203.0.113.x (Istanbul, Türkiye)" in text_of(letter)
        assert "203.0.113.x (Istanbul, Türkiye)" in html_of(letter)
        assert "203.0.113.7" not in text_of(letter)
