"""What text messages say: one function for each kind, as short as a message is.

Each has a few wordings, from long to short; the first that fits into one message is sent (MAIL-15). They are written
without letters that the GSM alphabet lacks, and names are too: see ``gsm.plain``. No text has a link, nor a name that
a phone would make one of: nobody should learn to follow links of messages with codes. Only whoever just lost a number
or asked for a deletion is sent one, to undo that: there may be no other way back for them (OTP-31, PRIV-03).
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from babel.support import NullTranslations, Translations

from auth_portal.delivery.gsm import is_gsm, parts, plain
from auth_portal.delivery.letters import TRANSLATIONS
from auth_portal.delivery.moments import spell_day, spell_moment
from auth_portal.marks import _
from auth_portal.settings import LOCALES, Settings
from auth_portal.signin.callers import device_words
from auth_portal.signin.leaving import LeavingLetter
from auth_portal.signin.notices import AddressLetter, NewsKind, NoticeLetter
from auth_portal.signin.otp import CodeLetter

_OPERATOR_MARK = 5
"""Operators in Türkiye put a mark such as `` B002`` behind a text; one that fills its message would become two."""
_SHORT_NAME = 20
_TEMPTS_PHONES = re.compile(r"[@/:.\\]+(?=\S)")
"""What makes phones see an address in a word."""


_ADDRESS_NEWS: dict[NewsKind, tuple[str, str]] = {
    "main_changed": (
        _("The main address of your account was changed."),
        _("The main number of your account was changed."),
    ),
    "added": (_("An address was added to your account."), _("A number was added to your account.")),
    "removed": (_("An address was removed from your account."), _("A number was removed from your account.")),
    "restored": (
        _("A change was undone: your account has its former address again. All devices were signed out."),
        _("A change was undone: your account has its former number again. All devices were signed out."),
    ),
}
"""What became of addresses, and of numbers."""


AnyLetter = CodeLetter | NoticeLetter | AddressLetter | LeavingLetter


@dataclass(frozen=True, slots=True)
class TextMessage:
    """One text to one number (E.164). ``id`` is its own, however many gateways it is handed to.

    ``lives_for_s``: after so many seconds it is of no use; None where it always is.
    """

    to: str = field(repr=False)
    text: str = field(repr=False)
    kind: str
    lives_for_s: int | None = None
    id: str = field(default_factory=lambda: f"msg_{secrets.token_hex(16)}")

    @property
    def parts(self) -> int:
        """How many messages it is paid as."""
        return parts(self.text)


class Texts:
    """Writes every text message of the portal in every language it has."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._translations = {locale: Translations.load(TRANSLATIONS, [locale]) for locale in LOCALES}

    def code(self, letter: CodeLetter) -> TextMessage:
        """The text with a code, and that nobody else may have it (MAIL-13).

        Its last line binds the code to our host: phones fill it in there and on no other page.
        """
        language = self._language(letter.locale)
        adds = letter.purpose == "add_address"
        words = _("Your code to add this number is %(code)s.") if adds else _("Your sign-in code is %(code)s.")
        code = language.gettext(words) % {"code": letter.code}
        minutes = max(1, math.ceil(letter.lives_for_s / 60))
        lives = language.ngettext("It works for %(num)d minute.", "It works for %(num)d minutes.", minutes)
        text = self._first_that_fits(
            letter.app.name if letter.app else self._settings.brand_name,
            [
                [code, lives % {"num": minutes}, language.gettext(_("Never share it, not even with us."))],
                [code, language.gettext(_("Never share it."))],
                [code],
            ],
            f"\n\n@{self._settings.public_host} #{letter.code}",
        )
        return TextMessage(letter.destination.value, text, "code", letter.lives_for_s)

    def no_account(self, letter: CodeLetter) -> TextMessage:
        """The text to a stranger while sign-up is closed; it holds no code."""
        say = self._language(letter.locale).gettext
        words = [
            say(_("Somebody asked for a sign-in code for this number. No account has it, so no code was sent.")),
            say(_("If it was not you, there is nothing to do.")),
        ]
        return self._notice(letter, "no_account", words)

    def new_sign_in(self, notice: NoticeLetter) -> TextMessage:
        """The notice of a sign-in that was not like the ones before (OTP-30)."""
        say = self._language(notice.locale).gettext
        device = device_words(notice.caller.device, say) if notice.caller else None
        news = say(_("New sign-in: %(facts)s."))
        facts = ", ".join(
            filter(None, (device, spell_moment(notice.happened_at, self._locale(notice.locale), "brief")))
        )
        words = [
            news % {"facts": _in_letters_of(news, facts)},
            say(_("If it was not you, end it on your account page and tell your phone company.")),
        ]
        return self._notice(notice, "new_sign_in", words)

    def wrong_codes(self, notice: NoticeLetter) -> TextMessage:
        """The notice of wrong codes that were tried (OTP-30). It names no number (BUD-07)."""
        say = self._language(notice.locale).gettext
        words = [
            say(_("Somebody tried to sign in with your number but did not know the code. Nobody got in.")),
            say(_("Your next codes may be longer. Never share them.")),
        ]
        return self._notice(notice, "wrong_codes", words)

    def address_news(self, letter: AddressLetter) -> TextMessage:
        """The notice of a change of addresses or numbers, with a way to undo it for who can (OTP-31, MAIL-19)."""
        say = self._language(letter.locale).gettext
        news = say(_ADDRESS_NEWS[letter.kind][letter.channel == "sms"])
        if letter.undo is not None:
            words = [news, say(_("If it was not you, undo it within three days:"))]
            text = self._first_that_fits(self._settings.brand_name, [words], f" {letter.undo}")
            return TextMessage(letter.destination.value, text, "address_news")
        return self._notice(
            letter, "address_news", [news, say(_("If it was not you, sign in and look at your account."))]
        )

    def account_deleted(self, letter: LeavingLetter) -> TextMessage:
        """The text about a deletion, with a link that takes it back while that is possible (PRIV-03)."""
        say = self._language(letter.locale).gettext
        if letter.erase_at is None or letter.link is None:
            return self._notice(letter, "account_deleted", [say(_("Your account was deleted."))])
        news = say(_("Your account will be deleted on %(day)s."))
        day = _in_letters_of(news, spell_day(letter.erase_at, self._locale(letter.locale), "brief"))
        words = [news % {"day": day}, say(_("To keep it:"))]
        text = self._first_that_fits(self._settings.brand_name, [words], f" {letter.link}")
        return TextMessage(letter.destination.value, text, "account_deleted")

    def _notice(self, letter: AnyLetter, kind: str, words: list[str]) -> TextMessage:
        text = self._first_that_fits(self._settings.brand_name, [words, words[:1]], "")
        return TextMessage(letter.destination.value, text, kind)

    def _locale(self, wish: str) -> str:
        return wish if wish in self._translations else self._settings.default_locale

    def _language(self, wish: str) -> NullTranslations:
        return self._translations[self._locale(wish)]

    def _first_that_fits(self, name: str, wordings: Sequence[Sequence[str]], end: str) -> str:
        """The name and the first wording that fit one message with this end; where none does, the fewest messages.

        A long name is cut before the words get fewer than the second wording's: these hold the warning. It is
        cut before the first wording's where that is the only one.
        """
        # Taken apart last: in the other alphabet a full-width stop is a stop, and what was between letters is gone.
        full = " ".join(_TEMPTS_PHONES.sub(" ", _in_letters_of("".join(wordings[0]), name)).split())
        names = (full, _cut(full), "")
        drafts = [(full, wordings[0]), *((name, words) for words in wordings[1:] or wordings for name in names)]
        texts = [f"{name}: {' '.join(words)}{end}" if name else f"{' '.join(words)}{end}" for name, words in drafts]
        fitting = (text for text in texts if parts(text, _OPERATOR_MARK) == 1)
        return next(fitting, None) or min(texts, key=lambda text: parts(text, _OPERATOR_MARK))


def _in_letters_of(words: str, name: str) -> str:
    """A name or a fact in the alphabet of the words around it, on one line."""
    return plain(name) if is_gsm(words) else " ".join(name.split())


def _cut(name: str) -> str:
    """The first words of a long name, or of a long word its beginning."""
    if len(name) <= _SHORT_NAME:
        return name
    return (name[: _SHORT_NAME + 1].rpartition(" ")[0] or name[:_SHORT_NAME]).rstrip(" ,-&")
