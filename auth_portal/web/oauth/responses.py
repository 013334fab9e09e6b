"""Answers to clients by way of the browser: a redirect, or a form that posts itself (OP-05, OP-10, OP-11)."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from flask import Response, g, make_response, render_template

from auth_portal.oidc.addresses import origin_of
from auth_portal.oidc.requests import Answer, AuthorizationFault
from auth_portal.web.services import services


def answer_client(answer: Answer, parameters: dict[str, str]) -> Response:
    """Send parameters to the client, with our issuer (RFC 9207) and its ``state`` as it came."""
    values = {**parameters, "iss": services().settings.public_url}
    if answer.state is not None:
        values["state"] = answer.state
    if answer.response_mode == "form_post":
        g.form_targets = [origin_of(answer.redirect_uri)]
        page = render_template("pages/form_post.html", action=answer.redirect_uri, fields=values)
        return make_response(page)
    return send_to(answer.redirect_uri, values)


def answer_fault(fault: AuthorizationFault) -> Response:
    """Tell the client what was wrong, and the log."""
    g.error = fault.error
    return answer_client(fault.answer, {"error": fault.error, "error_description": fault.description})


def send_to(address: str, parameters: dict[str, str]) -> Response:
    """Redirect to a registered address, which may have a query of its own."""
    query = urlencode(parameters, quote_via=quote, safe="")
    separator = "" if not query else "&" if "?" in address else "?"
    response = Response(status=303)
    # Neither joined with our address nor rewritten: it goes out as it was registered.
    response.autocorrect_location_header = False
    response.headers["Location"] = f"{address}{separator}{query}"
    return response
