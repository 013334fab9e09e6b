"""The form that asks where a code should go: an address, or where text messages are sent, a number."""

from __future__ import annotations

from typing import Any

from babel import Locale
from flask import Response, g, make_response, render_template, request
from flask_babel import get_locale, gettext

from auth_portal.errors import InvalidInput, TooManyRequests
from auth_portal.signin.addresses import Destination, parse_email
from auth_portal.signin.phones import country_code, parse_phone
from auth_portal.web.errors import refusal_of
from auth_portal.web.forms import EmailForm, PhoneForm
from auth_portal.web.refusing import tell_limit
from auth_portal.web.services import services
from auth_portal.web.visitor import find_registration, notice_of_before


def form_for(likely: str | None) -> EmailForm | PhoneForm:
    """The form to show: the one that the person chose (``?by=``), or that a likely address or number belongs in."""
    choice = request.args.get("by")
    is_number = services().settings.has_sms and _is_number(likely)
    if services().settings.has_sms and (choice == "phone" or (is_number and choice != "email")):
        return PhoneForm(phone=likely if is_number else None)
    return EmailForm(email=None if is_number else likely)


def posted_form() -> EmailForm | PhoneForm:
    """The form that was sent."""
    return PhoneForm() if services().settings.has_sms and "phone" in request.form else EmailForm()


def destination_of(form: EmailForm | PhoneForm) -> Destination:
    """What was entered. Raises InvalidInput."""
    typed = form.entry.data or ""
    if isinstance(form, PhoneForm):
        return parse_phone(typed, services().settings, field="phone")
    return parse_email(typed)


def login_page(form: EmailForm | PhoneForm, status: int = 200) -> Response:
    """The page that asks."""
    page = render_template(
        "pages/login.html",
        form=form,
        has_sms=services().settings.has_sms,
        unfinished=find_registration(None),
        **country(),
        **notice_of_before(),
    )
    return make_response(page, status)


def no_text_page(form: EmailForm | PhoneForm, error: TooManyRequests) -> Response:
    """Say that no text message leaves right now, and since when it would; an email may (OTP-19, OTP-32)."""
    refusal = refusal_of(error)
    g.error = refusal.code
    minutes = -(-error.retry_after // 60)
    form.entry.errors = [
        gettext("No text message can be sent right now. You can try again in %(minutes)s min.", minutes=minutes)
    ]
    response = login_page(form, refusal.status)
    tell_limit(response, error)
    return response


def _is_number(text: str | None) -> bool:
    try:
        parse_phone(text or "", services().settings)
    except InvalidInput:
        return False
    return True


def country() -> dict[str, Any]:
    """Where numbers without a country code are, for the template."""
    region = services().settings.default_region
    name = Locale.parse(str(get_locale())).territories.get(region, region)
    return {"country": str(name), "country_code": country_code(region)}
