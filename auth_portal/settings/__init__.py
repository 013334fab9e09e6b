"""Everything that can be set, from the environment. No other module reads ``os.environ``.

``fields`` declares the settings, ``derived`` what follows from them; ``checks`` says what is unsafe or contradictory,
``environment`` reads them; all faults are reported at once (OPS-01).
"""

from auth_portal.settings.budget import (
    DEVICE_BUDGET,
    DEVICE_WINDOW,
    LONG_CODE_LENGTH,
    MOST_FAILURES,
    PROFILES,
    SPARE_GUESSES,
    Rung,
    yearly_bound,
    yearly_bound_with_spare,
)
from auth_portal.settings.checks import MAIL_SCHEMES, has_control, is_loopback
from auth_portal.settings.derived import Settings
from auth_portal.settings.environment import PREFIX, ROOT, SettingsError, load_settings, unknown_names
from auth_portal.settings.fields import GUIDE_LOCALES, LOCALES
from auth_portal.settings.gateway import Gateway, MalformedGateway, parse_gateway
from auth_portal.settings.registration_fields import RegistrationField
from auth_portal.settings.relay import Relay, parse_relay

__all__ = [
    "DEVICE_BUDGET",
    "DEVICE_WINDOW",
    "GUIDE_LOCALES",
    "LOCALES",
    "LONG_CODE_LENGTH",
    "MAIL_SCHEMES",
    "MOST_FAILURES",
    "PREFIX",
    "PROFILES",
    "ROOT",
    "SPARE_GUESSES",
    "Gateway",
    "MalformedGateway",
    "RegistrationField",
    "Relay",
    "Rung",
    "Settings",
    "SettingsError",
    "has_control",
    "is_loopback",
    "load_settings",
    "parse_gateway",
    "parse_relay",
    "unknown_names",
    "yearly_bound",
    "yearly_bound_with_spare",
]
