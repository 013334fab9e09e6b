"""The form that asks where a code should go: an address, or where text messages are sent, a number."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote, unquote

from babel import Locale
from flask import Response, g, make_response, render_template, request
from flask_babel import get_locale, gettext

from auth_portal.errors import InvalidInput, TooManyRequests
from auth_portal.signin.addresses import Destination, parse_email
from auth_portal.signin.phones import country_code, parse_phone
from auth_portal.web.cookies import clear_cookie, get_cookie, set_cookie
from auth_portal.web.errors import refusal_of
from auth_portal.web.forms import EmailForm, PhoneForm
from auth_portal.web.refusing import tell_limit
from auth_portal.web.services import services
from auth_portal.web.visitor import find_registration, notice_of_before

_REMEMBERED = "address"
_REMEMBERED_FOR = timedelta(days=365)


def form_for(likely: str | None) -> EmailForm | PhoneForm:
    """The form to show: the one that the person chose (``?by=``), or that a likely address or number belongs in."""
    choice = request.args.get("by")
    is_number = services().settings.has_sms and _is_number(likely)
    if services().settings.has_sms and (choice == "phone" or (is_number and choice != "email")):
        return PhoneForm(phone=likely if is_number else None, remember=bool(remembered()))
    return EmailForm(email=None if is_number else likely, remember=bool(remembered()))


def posted_form() -> EmailForm | PhoneForm:
    """The form that was sent."""
    return PhoneForm() if services().settings.has_sms and "phone" in request.form else EmailForm()


def destination_of(form: EmailForm | PhoneForm) -> Destination:
    """What was entered. Raises InvalidInput."""
    typed = form.entry.data or ""
    if isinstance(form, PhoneForm):
        return parse_phone(typed, services().settings, field="phone")
    return parse_email(typed)


def remembered() -> str | None:
    """The address or number that this browser keeps because its person asked for that."""
    return unquote(get_cookie(_REMEMBERED)) or None


def remember(response: Response, form: EmailForm | PhoneForm, destination: Destination) -> None:
    """Keep the address in this browser where the box is ticked, and forget it where it was cleared.

    The page with the code has the letter sent again without a word about it.
    """
    if form.remember.data:
        set_cookie(response, _REMEMBERED, quote(destination.value, safe="@+"), _REMEMBERED_FOR)
    else:
        _forget_where_cleared(response, form)


def _forget_where_cleared(response: Response, form: EmailForm | PhoneForm) -> None:
    if "asked" in request.form and not form.remember.data:
        forget(response)


def forget(response: Response) -> None:
    """Keep no address in this browser any more."""
    if get_cookie(_REMEMBERED):
        clear_cookie(response, _REMEMBERED)


def login_page(form: EmailForm | PhoneForm, status: int = 200) -> Response:
    """The page that asks, at first or because of what was sent."""
    page = render_template(
        "pages/login.html",
        form=form,
        has_sms=services().settings.has_sms,
        unfinished=find_registration(None),
        **country(),
        **notice_of_before(),
    )
    response = make_response(page, status)
    _forget_where_cleared(response, form)
    return response


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
