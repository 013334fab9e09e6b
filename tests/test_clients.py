"""Clients as such: their names and lists, and how they are kept, found and deleted."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from auth_portal.oidc.clients import SECRET_OVERLAP, ClientService
from auth_portal.oidc.registration import Registration
from auth_portal.signin.sessions import GrantDraft
from tests.conftest import NOW, services_of
from tests.drivers import ApiDriver
from tests.registering import KEYS, PNG, RETURN, columns, faults


@pytest.mark.parametrize("name", ["", "   ", "a" * 101, "Wiki\n", "Wi\u202eki", "\x00"])
def test_a_name_that_cannot_be_shown_is_refused(name: str) -> None:
    assert faults(name=name) == ("the name must have 1 to 100 printable characters",)


def test_every_fault_is_told_at_once() -> None:
    found = faults(
        name="", redirect_uris=("http://a.example", "https://b.example/#x"), color="red", scopes=("account",)
    )
    assert len(found) == 5


@pytest.mark.parametrize(
    "field", ["redirect_uris", "post_logout_redirect_uris", "resources", "cors_origins", "allow", "public_paths"]
)
def test_a_list_has_at_most_fifty_entries(field: str) -> None:
    value = {"allow": "u%d@example.com", "public_paths": "/p%d"}.get(field, "https://a%d.example")
    given = {"site": "https://w.example", field: tuple(value % number for number in range(51))}
    assert faults(**given) == (f"more than 50 {field.replace('_', ' ')}",)
    assert columns(**{**given, field: given[field][:50]})
    assert faults(scopes=(" ".join(map(str, range(51))),)) == ("more than 50 scopes",)


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
                    channel="email",
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
