"""``auth-portal user``: who is listed and found, and what suspending and restoring do (SES-10)."""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask

from tests.conftest import Made
from tests.drivers import ApiDriver, outcome
from tests.operating import Run, json_of, run
from tests.owning import NEW, PHONE, Owner
from tests.support.outboxes import Outboxes
from tests.support.smtp import MailSink

__all__ = ["run"]
ADA = "ada@example.com"


def test_users_are_listed_newest_first_and_up_to_a_limit(
    clock: time_machine.Traveller, api: ApiDriver, run: Run
) -> None:
    for name in ("one", "two", "three"):
        api.register(f"{name}@example.com")
        clock.shift(1)
    rows = json_of(run("user", "list", "--json", "--limit", "2"))
    assert [row["email"] for row in rows] == ["three@example.com", "two@example.com"]


def test_who_has_a_number_only_is_listed_by_it(make_app: Made, outboxes: Outboxes, run: Run) -> None:
    ApiDriver(make_app(sms_url=outboxes.sms.setting), outboxes).register(PHONE)
    (row,) = json_of(run("user", "list", "--json"))
    assert (row["email"], row["phone"]) == (None, PHONE)


def test_no_users_are_an_empty_list(run: Run) -> None:
    assert json_of(run("user", "list", "--json")) == []
    assert run("user", "list").exit_code == 0


def test_a_user_is_found_by_id_and_by_every_spelling_of_the_address(api: ApiDriver, run: Run) -> None:
    user = api.register(ADA, "Şükrü", "İpek")["user"]
    for who in (user["id"], ADA, " ADA@Example.COM"):
        (row,) = json_of(run("user", "show", who, "--json"))
        assert (row["id"], row["email"], row["first_name"], row["suspended"]) == (user["id"], ADA, "Şükrü", False)


def test_a_user_is_shown_with_all_that_was_proven(app: Flask, outbox: MailSink, run: Run) -> None:
    """OTP-36: whoever helps somebody must see what that person can sign in with."""
    owner = Owner(ApiDriver(app, outbox))
    owner.take(NEW, keepFormer=True)
    (row,) = json_of(run("user", "show", NEW, "--json"))
    assert (row["id"], row["email"], row["proven"]) == (owner.id, ADA, f"{ADA}, {NEW}")


@pytest.mark.parametrize("command", ["show", "suspend", "restore"])
def test_a_user_who_is_not_there_ends_with_1_and_a_sentence(run: Run, command: str) -> None:
    for who in ("nobody@example.com", "0" * 32, "no@address@at all", ""):
        result = run("user", command, who)
        assert (result.exit_code, "no such user" in result.output) == (1, True), who
        assert isinstance(result.exception, SystemExit), who


def test_a_suspended_user_is_out_at_once_and_a_restored_one_may_sign_in(api: ApiDriver, run: Run) -> None:
    """SES-10."""
    tokens = api.register(ADA)
    assert run("user", "suspend", ADA).exit_code == 0
    assert outcome(api.call("GET", "me", token=tokens["accessToken"])) == (401, "unauthorized")
    assert json_of(run("user", "show", ADA, "--json"))[0]["suspended"] is True
    assert run("user", "restore", ADA).exit_code == 0
    assert api.at("203.0.113.9").proven(ADA)["user"] == tokens["user"]


def test_suspending_twice_is_no_error(api: ApiDriver, run: Run) -> None:
    api.register(ADA)
    assert [run("user", "suspend", ADA).exit_code for _ in range(2)] == [0, 0]
