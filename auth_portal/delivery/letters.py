"""What letters say: one function per letter, text and HTML from one template each.

Knows no request: the facts come with the letter, links and names from settings (OTP-38).

Most of a letter is the same for everybody. So a template is rendered once for each language, lifetime and set of
known facts, with marks in the places of the facts, and a letter only fills these in.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from pathlib import Path

from babel import Locale
from babel.support import NullTranslations, Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import escape

from auth_portal.delivery.colors import accent_of
from auth_portal.delivery.compiled import CompiledOnce
from auth_portal.delivery.inlining import inlined
from auth_portal.delivery.message import Message
from auth_portal.delivery.moments import spell_moment
from auth_portal.marks import _
from auth_portal.settings import LOCALES, ROOT, Settings
from auth_portal.signin.callers import device_words, rough_network
from auth_portal.signin.leaving import LeavingLetter
from auth_portal.signin.notices import AddressLetter, NewsKind, NoticeLetter
from auth_portal.signin.otp import CodeLetter
from auth_portal.signin.places import Places

_("%(browser)s on %(system)s")  # said by signin.callers.device_words, which knows no catalogue

# Private-use characters: no text, name or address of ours holds them.
_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK = re.compile(f"{_OPEN}([a-z_]+){_CLOSE}")
_FACTS = (
    "code",
    "autofill_line",
    "link",
    "not_me",
    "destination",
    "time",
    "device",
    "network",
    "app",
    "color",
    "dark_color",
    "dark_text",
    "former",
    "current",
    "undo",
    "until",
)
_CODE_SUBJECTS = (
    (_("Your sign-in code for %(brand)s"), _("Your code for %(brand)s")),
    (_("%(code)s is your sign-in code for %(brand)s"), _("%(code)s is your code for %(brand)s")),
)
"""Subjects without the code and with it: of a sign-in, and of one more address."""
_ADDRESS_NEWS: dict[NewsKind, tuple[str, str]] = {
    "main_changed": (_("Your address at %(brand)s was changed"), _("Your number at %(brand)s was changed")),
    "added": (_("New address at %(brand)s"), _("New number at %(brand)s")),
    "removed": (_("Address removed at %(brand)s"), _("Number removed at %(brand)s")),
    "restored": (_("Your address at %(brand)s is back"), _("Your number at %(brand)s is back")),
}
"""Subjects of letters about addresses, and of those about numbers."""
Variant = tuple[tuple[str, int | str], ...]
"""What a letter depends on beyond its facts, by name."""
_GROUP = 4
_COMPILED = CompiledOnce()
TRANSLATIONS = Path(__file__).resolve().parent.parent / "translations"


class Letters:
    """Renders every letter of the portal in every language it has."""

    def __init__(self, settings: Settings, places: Places | None = None) -> None:
        self._settings = settings
        self._places = places or Places("")
        self._accent: dict[str, str | None] = accent_of(settings.brand_color)._asdict()
        self._skeletons = lru_cache(maxsize=256)(self._render)
        self._translations = {locale: Translations.load(TRANSLATIONS, [locale]) for locale in LOCALES}
        self._environments = {
            locale: _environment(settings, locale, self._translations[locale]) for locale in LOCALES
        }

    def code(self, letter: CodeLetter) -> Message:
        """The letter with a code, and with a link where one can sign in (MAIL-04, MAIL-12, OTP-29, OTP-37).

        Where an app sent the person, it is the app's code: in its name, colour and logo. One that adds an address to
        an account says so, and signs nobody in (OTP-31).
        """
        app = letter.app
        adds = letter.purpose == "add_address"
        return self._message(
            "add_address" if adds else "code",
            letter,
            _CODE_SUBJECTS[self._settings.code_in_subject][adds],
            variant=(
                ("minutes", max(1, math.ceil(letter.lives_for_s / 60))),
                ("code_length", len(letter.code)),
            ),
            code=_grouped(letter.code),
            autofill_line=f"@{self._settings.public_host} #{letter.code}",
            link=letter.link,
            not_me=letter.not_me,
            app=app.name if app else None,
            **accent_of(app.color)._asdict() if app and app.color else {},
        )

    def no_account(self, letter: CodeLetter) -> Message:
        """The letter to a stranger while sign-up is closed; it holds no code."""
        return self._message("no_account", letter, _("Sign-in to %(brand)s"))

    def new_sign_in(self, notice: NoticeLetter) -> Message:
        """The notice of a sign-in that was not like the ones before (OTP-30)."""
        return self._message("new_sign_in", notice, _("New sign-in to %(brand)s"))

    def welcome(self, letter: NoticeLetter) -> Message:
        """The letter to who has just registered: how to sign in, and where to see and delete the account."""
        return self._message("welcome", letter, _("Welcome to %(brand)s"))

    def wrong_codes(self, notice: NoticeLetter) -> Message:
        """The notice of wrong codes that were tried (OTP-30). It names no number (BUD-07)."""
        return self._message("wrong_codes", notice, _("Wrong codes at %(brand)s"))

    def address_news(self, letter: AddressLetter) -> Message:
        """The notice of a change of addresses or numbers, with a way to undo it for who can (OTP-31, MAIL-19)."""
        is_phone = letter.channel == "sms"
        return self._message(
            "address_news",
            letter,
            _ADDRESS_NEWS[letter.kind][is_phone],
            variant=(("kind", letter.kind), ("is_phone", is_phone)),
            former=letter.former,
            current=letter.current,
            undo=letter.undo,
        )

    def account_deleted(self, letter: LeavingLetter) -> Message:
        """The letter about a deletion, with a link that takes it back while that is possible (PRIV-03)."""
        locale = self._locale(letter.locale)
        until = spell_moment(letter.erase_at.replace(second=0, microsecond=0), locale) if letter.erase_at else None
        subject = _("Your account at %(brand)s is closed") if until else _("Your account at %(brand)s was deleted")
        return self._message("account_deleted", letter, subject, link=letter.link, until=until)

    def _locale(self, wish: str) -> str:
        return wish if wish in self._environments else self._settings.default_locale

    def _message(
        self,
        name: str,
        letter: CodeLetter | NoticeLetter | AddressLetter | LeavingLetter,
        subject: str,
        variant: Variant = (),
        **facts: str | None,
    ) -> Message:
        locale = self._locale(letter.locale)
        gettext = self._translations[locale].gettext
        moment = letter.asked_at if isinstance(letter, CodeLetter) else letter.happened_at
        about = letter.about if isinstance(letter, NoticeLetter) else None
        facts = self._accent | facts
        facts |= {
            "destination": (about or letter.destination).value,
            "time": spell_moment(moment.replace(second=0, microsecond=0), locale),
        }
        if letter.caller is not None:
            facts |= {
                "device": device_words(letter.caller.device, gettext),
                "network": self._whereabouts(letter.caller.network, locale),
            }
        known = frozenset(fact for fact, value in facts.items() if value is not None)
        text, html = self._skeletons(name, locale, variant, known)
        return Message(
            sender=self._settings.mail_from,
            recipient=letter.destination.value,
            subject=gettext(subject)
            % {"brand": facts.get("app") or self._settings.brand_name, "code": facts.get("code")},
            text=_MARK.sub(lambda mark: facts[mark[1]] or "", text),
            html=_MARK.sub(lambda mark: escape(facts[mark[1]] or ""), html),
            headers={
                "Auto-Submitted": "auto-generated",
                "Content-Language": locale,
                "X-Auto-Response-Suppress": "All",
            },
        )

    def _whereabouts(self, network: str, locale: str) -> str | None:
        rough, place = rough_network(network), self._places.words(network, locale)
        return f"{rough} ({place})" if rough and place else rough

    def _render(self, name: str, locale: str, variant: Variant, known: frozenset[str]) -> tuple[str, str]:
        """Text and HTML of a letter with marks for the facts; a fact that is not known is None."""
        facts: dict[str, object] = {fact: f"{_OPEN}{fact}{_CLOSE}" if fact in known else None for fact in _FACTS}
        facts |= dict(variant)
        template = self._environments[locale].get_template
        text = template(f"letters/{name}.txt").render(facts).strip() + "\n"
        return text, inlined(template(f"letters/{name}.html").render(facts))


def _environment(settings: Settings, locale: str, translations: NullTranslations) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=select_autoescape(("html",), default_for_string=True),
        undefined=StrictUndefined,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
        bytecode_cache=_COMPILED,
    )
    environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
    environment.globals |= {
        "brand_name": settings.brand_name,
        "public_host": settings.public_host,
        "public_url": settings.public_url,
        "support_email": settings.support_email or None,
        "locale": locale,
        "text_direction": Locale.parse(locale).text_direction,
    }
    return environment


def _grouped(code: str) -> str:
    """A code as it is read: a long one in groups of four."""
    if len(code) <= 2 * _GROUP:
        return code
    return " ".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))
