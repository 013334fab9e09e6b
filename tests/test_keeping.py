"""The tests' own guard sees every answer of the JSON API that the document does not declare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask, Response

from auth_portal.app import create_app
from auth_portal.errors import ClientUnknown, NotFound, TooManyRequests
from auth_portal.web.envelope import envelope
from auth_portal.web.refusing import answer
from tests.conftest import services_of, settings_for
from tests.support.keeping import Keeper

ME = "/api/v1/auth/me"


@pytest.fixture
def app(sqlite_template: Path) -> Flask:
    """A portal without the guard of ``make_app``, which would fail these tests."""
    made = create_app(settings_for(f"sqlite:///{sqlite_template}", "smtp://127.0.0.1:1"))
    made.extensions["keeper"] = Keeper(made, services_of(made).settings.own_fields)
    return made


def seen(app: Flask, make: Callable[[], Response], path: str = ME, method: str = "GET") -> list[str]:
    """What the guard says of an answer that is made instead of the portal's."""
    app.before_request_funcs.setdefault(None, []).append(make)
    app.test_client().open(path, method=method)
    found: list[str] = app.extensions["keeper"].breaches
    return found


def test_what_is_declared_is_no_breach(app: Flask) -> None:
    assert app.test_client().get(ME).status_code == 401
    assert app.test_client().get(ME, headers={"Accept": "application/problem+json"}).status_code == 401
    assert app.test_client().get("/api/nothing").status_code == 404
    assert app.test_client().post(ME).status_code == 405
    assert app.test_client().get("/api/v1/auth/sessions").status_code == 401
    assert app.extensions["keeper"].breaches == []


def test_a_status_that_is_not_declared_is_seen(app: Flask) -> None:
    assert seen(app, lambda: envelope(202)) == [f"GET {ME}: 202 None is not declared"]


def test_a_success_where_there_is_no_operation_is_seen(app: Flask) -> None:
    assert seen(app, lambda: envelope(200), "/api/v1/new") == ["GET /api/v1/new: no such operation, but 200"]


def test_a_reason_that_is_not_declared_is_seen(app: Flask) -> None:
    path = "/api/v1/auth/sessions/1"
    refusals = iter((NotFound(), ClientUnknown()))
    assert seen(app, lambda: answer(next(refusals)), path, "DELETE") == []
    app.test_client().delete(path)
    assert app.extensions["keeper"].breaches == [f"DELETE {path}: X-Error-Code: client_unknown is not declared"]


def test_data_of_another_shape_is_seen(app: Flask) -> None:
    (breach,) = seen(app, lambda: envelope(200, {"sessions": [], "secret": 1}), "/api/v1/auth/sessions")
    assert "secret" in breach


def test_a_media_type_that_is_not_declared_is_seen(app: Flask) -> None:
    assert seen(app, lambda: Response("hello", 200)) == [f"GET {ME}: text/html is not declared"]


def test_a_header_that_is_not_declared_is_seen(app: Flask) -> None:
    def limited() -> Response:
        response = envelope(200, {"sessions": []})
        response.headers["Retry-After"] = "3"
        return response

    assert seen(app, limited, "/api/v1/auth/sessions") == ["GET /api/v1/auth/sessions: Retry-After is not declared"]


def test_a_limit_where_none_is_declared_is_seen(app: Flask) -> None:
    limit = TooManyRequests(limit="inbox-hour", quota=5, window=3_600, retry_after=60)
    assert seen(app, lambda: answer(limit)) == [f"GET {ME}: 429 too_many_requests is not declared"]
