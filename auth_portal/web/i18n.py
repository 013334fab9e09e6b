"""Which language an answer is in, and the list of those we have."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from urllib.parse import quote, urlencode

from babel import Locale
from babel.lists import format_list
from flask import Flask, Response, g, request, url_for
from flask_babel import Babel, get_locale

from auth_portal.delivery.letters import TRANSLATIONS
from auth_portal.delivery.moments import Length, spell_day, spell_moment
from auth_portal.settings import GUIDE_LOCALES, LOCALES
from auth_portal.signin.phones import spell
from auth_portal.web.cookies import get_cookie, set_cookie
from auth_portal.web.envelope import is_api
from auth_portal.web.services import services

COOKIE = "language"
_COOKIE_LIFETIME = timedelta(days=365)


def init_i18n(app: Flask) -> None:
    """Choose the language of each request; offer templates what they need to show and change it."""
    Babel(app, locale_selector=choose_locale, default_translation_directories=str(TRANSLATIONS))
    app.after_request(_keep_choice)
    app.context_processor(_template_globals)
    app.jinja_env.filters |= {"spell": spell, "moment": moment_in_words, "day": day_in_words, "listed": listed}


def choose_locale() -> str:
    """The person's choice on this page (``?lang=``) or in this sign-in, else the app's wish for it (OP-19), else the
    choice of before, else the browser's, else the portal's default.

    The API goes by its callers' header alone (contract, section 2). The reference has the languages of its documents.
    """
    wishes = [] if is_api(request.path) else _wishes()
    chosen = next((wish for wish in wishes if wish in LOCALES), None) or accepted_locale()
    chosen = chosen or services().settings.default_locale
    return "en" if _is_guide() and chosen not in GUIDE_LOCALES else chosen


def _wishes() -> list[str]:
    kept, _dot, sign_in = get_cookie(COOKIE).partition(".")
    # What a person chose on the way to an app outdoes what the app wishes; what they chose long ago does not.
    is_of_now = "flow" in g and sign_in == g.flow.id
    return [request.args.get("lang", ""), kept if is_of_now else "", g.get("ui_locale") or "", kept]


def _is_guide() -> bool:
    return request.blueprint == "reference"


def accepted_locale() -> str | None:
    """The best of our languages that ``Accept-Language`` names; None without the header, or if it names none.

    ``*`` (what some HTTP clients send by themselves) is no wish.
    """
    if "Accept-Language" not in request.headers:
        return None
    named = [(tag, quality) for tag, quality in request.accept_languages if tag != "*" and quality > 0]
    for tag, _quality in named:
        language = tag.replace("_", "-").partition("-")[0].lower()
        if language in LOCALES:
            return language
    return None


def letter_locale(wish: str | None) -> str:
    """The language of a letter: the one asked for, if we have it, else that of the answer."""
    language = (wish or "").replace("_", "-").partition("-")[0].lower()
    return language if language in LOCALES else choose_locale()


def keep_language(response: Response, locale: str) -> None:
    """Let the browser have its pages in this language from now on."""
    set_cookie(response, COOKIE, f"{locale}.{g.flow.id}" if "flow" in g else locale, _COOKIE_LIFETIME)


def moment_in_words(moment: datetime, length: Length = "year") -> str:
    """A moment in the language of the page."""
    return spell_moment(moment, str(get_locale()), length)


def day_in_words(moment: date) -> str:
    """A date in the language of the page."""
    return spell_day(moment, str(get_locale()))


def listed(things: Iterable[str]) -> str:
    """Things as the language of the page lists them: ``A, B and C`` (CLDR)."""
    return format_list(list(things), locale=get_locale())


def language_name(code: str) -> str:
    """What a language is called by those who speak it."""
    return str(Locale.parse(code).get_language_name(code)).capitalize()


def _keep_choice(response: Response) -> Response:
    # What anybody may keep is for everybody: no cookie goes with it.
    if is_api(request.path) or request.endpoint is None or response.cache_control.public:
        return response
    choice = request.args.get("lang")
    if choice is not None and choice in LOCALES:
        keep_language(response, choice)
    return response


def _template_globals() -> dict[str, object]:
    locale = get_locale() or Locale.parse(services().settings.default_locale)
    return {
        "locale": str(locale),
        "text_direction": locale.text_direction,
        "languages": [(code, language_name(code)) for code in (GUIDE_LOCALES if _is_guide() else LOCALES)],
        "language_url": _language_url,
        "onward": _onward,
    }


def _onward(path: str, **query: str) -> str:
    """One of our pages, on the way to the app that this sign-in is for."""
    carried = urlencode(({"request": g.flow.id} if "flow" in g else {}) | query)
    return f"{request.script_root}{path}{'?' if carried else ''}{carried}"


def _language_url(code: str) -> str:
    """This page in another language; from an error page, the first one. What a form posts to answers GET too."""
    if "error" in g:
        return url_for("pages.login", lang=code)
    carried = {"lang": code} | ({"request": g.flow.id} if "flow" in g else {})
    choice = "phone" if "phone" in request.form else request.args.get("by")
    if choice in ("email", "phone"):
        carried["by"] = choice
    if "keep" in request.args:
        carried["keep"] = "1"
    return f"{request.script_root}{quote(request.path)}?{urlencode(carried)}"
