"""What follows from the settings: the one class that everything else is given."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from urllib.parse import urlsplit

from auth_portal.settings.budget import LONG_CODE_LENGTH, PROFILES, Rung, ladder, parse_rung, yearly_bound
from auth_portal.settings.fields import Fields
from auth_portal.settings.registration_fields import RegistrationField, read_fields

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Settings(Fields):
    """The portal's settings, and what follows from them."""

    @property
    def ladder(self) -> tuple[Rung, ...]:
        """The lengths of codes for unknown devices, shortest first, each with its budget."""
        own = [rung for rung in map(parse_rung, self.guess_budgets) if rung is not None]
        return ladder(own or PROFILES[self.guess_profile].rungs, self.code_length)

    @property
    def code_lengths(self) -> frozenset[int]:
        """Every length that a code may have."""
        return frozenset({LONG_CODE_LENGTH, *(rung.length for rung in self.ladder)})

    @property
    def site_rungs(self) -> dict[int, Rung]:
        """The budget of all accounts together, for each length of the ladder that has one, the shortest first.

        A length between two of them has the budget of the lower one.
        """
        rungs = [rung for rung in map(parse_rung, self.site_guess_budgets) if rung is not None]
        found = {}
        for length in (own.length for own in self.ladder):
            lower = [rung for rung in rungs if rung.length <= length]
            if lower:
                found[length] = max(lower, key=lambda rung: rung.length)
        return found

    @property
    def site_takeovers(self) -> float:
        """How many accounts of all are expected to fall to guesses in a year, at most; bursts come on top (9.7)."""
        return yearly_bound(replace(rung, length=length) for length, rung in self.site_rungs.items())

    def most_waiting(self, rung: Rung) -> int:
        """Codes of a length that may wait at once, so that a burst cannot outrun the site's ledger; 0 is no limit.

        At the shortest length ``open_short_codes``; at others all their guesses are a fifth of the budget.
        """
        if not self.sends_per_source_per_hour or not self.open_short_codes:
            return 0
        return max(self.open_short_codes, rung.budget // (5 * self.code_attempts))

    @property
    def own_fields(self) -> tuple[RegistrationField, ...]:
        """The fields of ``REGISTRATION_FIELDS``, in their order."""
        return read_fields(self.registration_fields, self.default_locale)[0]

    @property
    def yearly_target(self) -> float:
        """The yearly chance of a takeover by guessing that was declared affordable."""
        return self.guess_target or PROFILES[self.guess_profile].target

    @property
    def is_development(self) -> bool:
        """Whether codes may be shown and mail may be caught."""
        return self.env == "development"

    @property
    def has_mailbox(self) -> bool:
        """Whether letters or texts stay here because nobody takes them out."""
        return self.is_development and not (self.mail_url and self.sms_url)

    @property
    def has_sms(self) -> bool:
        """Whether codes can go to phones."""
        return bool(self.sms_url) or self.is_development

    @property
    def is_https(self) -> bool:
        """Whether people reach the portal over TLS: cookies are then Secure and ``__Host-``."""
        return self.public_url.startswith("https://")

    @property
    def public_host(self) -> str:
        """The host of ``PUBLIC_URL``, without a port."""
        return urlsplit(self.public_url).hostname or ""

    @property
    def public_origin(self) -> str:
        """Scheme, host and port of ``PUBLIC_URL``, as browsers write it in ``Origin``."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc.lower()}"

    @property
    def private_networks(self) -> tuple[Network, ...]:
        """The networks of ``PRIVATE_CLIENT_NETWORKS``."""
        return tuple(map(ipaddress.ip_network, self.private_client_networks))

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The current secret first, then those that are only still honoured."""
        return (self.secret_key, *self.secret_key_fallbacks)
