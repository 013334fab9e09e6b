"""The portals that the playground can call: this one, and those of the setting ``API_SERVERS``."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from auth_portal.settings import Settings

_LABELS = {"development": "Development", "production": "Production"}


@dataclass(frozen=True, slots=True)
class Server:
    """A portal. ``kind`` is ``development`` or ``production``; only this one shows us the mail it caught."""

    kind: str
    url: str
    is_this: bool

    @property
    def label(self) -> str:
        """What people choose it by."""
        return f"{_LABELS[self.kind]} ({urlsplit(self.url).netloc})"


def servers_of(settings: Settings) -> tuple[Server, ...]:
    """This portal first."""
    others = (entry.partition("=") for entry in settings.api_servers)
    return (
        Server(settings.env, settings.public_url, is_this=True),
        *(Server(kind, url, is_this=False) for kind, _sign, url in others),
    )
