"""Everything that can be set, from the environment. No other module reads ``os.environ``.

``fields`` declares the settings, ``checks`` says what is unsafe or contradictory, ``environment`` reads them;
all faults are reported at once (OPS-01).
"""

from auth_portal.settings.checks import MAIL_SCHEMES, has_control, is_loopback
from auth_portal.settings.environment import PREFIX, ROOT, SettingsError, load_settings, unknown_names
from auth_portal.settings.fields import LOCALES, Settings
from auth_portal.settings.relay import Relay, parse_relay

__all__ = [
    "LOCALES",
    "MAIL_SCHEMES",
    "PREFIX",
    "ROOT",
    "Relay",
    "Settings",
    "SettingsError",
    "has_control",
    "is_loopback",
    "load_settings",
    "parse_relay",
    "unknown_names",
]
