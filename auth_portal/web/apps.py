"""An app as people see it on pages and in letters, and what apps are told."""

from __future__ import annotations

from auth_portal.oidc.clients import Client
from auth_portal.signin.otp import AskingApp
from auth_portal.web.services import services


def app_of(client: Client) -> AskingApp:
    """What a letter shows of it. No logo: a picture that a letter loads tells when it is read (MAIL-05)."""
    return AskingApp(client.name, client.color)


def tell_apps() -> None:
    """Have apps told soon that a session ended which they know (OP-55); nobody waits for it."""
    services().outbox.later(services().backchannel.deliver_due)
