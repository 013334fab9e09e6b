"""Taking one's data along, leaving, and coming back."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, render_template
from flask_babel import gettext

from auth_portal.db import utcnow
from auth_portal.signin.events import Actor
from auth_portal.signin.leaving import Restorable
from auth_portal.signin.sessions import LiveSession
from auth_portal.web.envelope import to_json
from auth_portal.web.flow import find_flow
from auth_portal.web.forms import ButtonForm, DeletionForm
from auth_portal.web.i18n import moment_in_words
from auth_portal.web.pages.asking import forget
from auth_portal.web.pages.guard import for_recent
from auth_portal.web.services import services
from auth_portal.web.visitor import end_browser_session, notice_of_before, this_caller, to

blueprint = Blueprint("pages_leaving", __name__, url_prefix="/account")


@blueprint.get("/export")
@for_recent("pages_leaving.export")
def export(_session: LiveSession) -> Response:
    """Say what the file holds."""
    return make_response(render_template("pages/export.html", form=ButtonForm()))


@blueprint.post("/export")
@for_recent("pages_leaving.export")
def download(session: LiveSession) -> Response:
    """Everything that is kept about the person, as a file (PRIV-01)."""
    export = services().exports.export(session.user.id, Actor.of(this_caller()))
    response = Response(to_json(export, indent=2) + "\n", content_type="application/json; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="account-{utcnow():%Y-%m-%d}.json"'
    return response


@blueprint.get("/delete")
@for_recent("pages_leaving.delete")
def delete(_session: LiveSession) -> Response:
    """Say what will happen, and ask."""
    return _delete_page(DeletionForm())


@blueprint.post("/delete")
@for_recent("pages_leaving.delete")
def request_deletion(session: LiveSession) -> Response:
    """Sign the person out everywhere, and have the account erased unless that is taken back (PRIV-02)."""
    form = DeletionForm()
    if not form.sure.data:
        form.sure.errors = [gettext("Please confirm that you mean it.")]
        return _delete_page(form, status=400)
    erase_at = services().leaving.request(session.user.id, Actor.of(this_caller()))
    services().outbox.later(services().backchannel.deliver_due)
    flash(gettext("It will be erased on %(date)s.", date=moment_in_words(erase_at)))
    response = end_browser_session(to("pages_leaving.deleted"))
    forget(response)
    return response


@blueprint.get("/deleted")
def deleted() -> Response:
    """Say goodbye, and how to come back."""
    return make_response(render_template("pages/deleted.html", **notice_of_before()))


@blueprint.get("/restore/<token>")
def restore(token: str) -> Response:
    """Say what the link would do. Opening it has no effect, whoever or whatever opens it."""
    find_flow()
    return _restore_page(services().leaving.find(token))


@blueprint.post("/restore/<token>")
def take_back(token: str) -> Response:
    """Take the deletion back, once. The person signs in as always then."""
    flow = find_flow()
    if not services().leaving.restore(token, Actor.of(this_caller())):
        return _restore_page(services().leaving.find(token))
    flash(gettext("Your account stays. Please sign in."))
    return to("pages.login", flow)


def _delete_page(form: DeletionForm, status: int = 200) -> Response:
    erase_at = utcnow() + services().leaving.grace
    return make_response(render_template("pages/delete.html", form=form, erase_at=erase_at), status)


def _restore_page(found: Restorable) -> Response:
    page = render_template("pages/restore.html", state=found.state, erase_at=found.erase_at, form=ButtonForm())
    return make_response(page, {"ask": 200, "over": 410, "dead": 404}[found.state])
