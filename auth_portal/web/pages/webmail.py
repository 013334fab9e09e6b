"""Where a person's mail is read on the web, for the large providers."""

from __future__ import annotations

from auth_portal.signin.addresses import Destination

_PROVIDERS = {
    "Gmail": ("https://mail.google.com/", ("gmail.com", "googlemail.com")),
    "Outlook": ("https://outlook.live.com/", ("outlook.com", "hotmail.com", "live.com", "msn.com")),
    "Yahoo": ("https://mail.yahoo.com/", ("yahoo.com", "ymail.com")),
    "iCloud": ("https://www.icloud.com/mail/", ("icloud.com", "me.com", "mac.com")),
    "Proton": ("https://mail.proton.me/", ("proton.me", "protonmail.com", "pm.me")),
    "Yandex": ("https://mail.yandex.com/", ("yandex.com", "yandex.com.tr", "yandex.ru")),
}
_BY_DOMAIN = {domain: (name, url) for name, (url, domains) in _PROVIDERS.items() for domain in domains}


def webmail_of(destination: Destination) -> tuple[str, str] | None:
    """Name and address of the web mail of a destination's domain, if we know it."""
    return _BY_DOMAIN.get(destination.value.rpartition("@")[2])
