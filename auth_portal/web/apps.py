"""An app as people see it on pages and in letters, and what apps are told."""

from __future__ import annotations

from flask import url_for

from auth_portal.oidc.clients import Client
from auth_portal.signin.otp import AskingApp
from auth_portal.web.services import services


def app_of(client: Client) -> AskingApp:
    """Name, colour and the address of the logo, which we serve ourselves."""
    logo = services().settings.public_url + url_for("discovery.logo", client_id=client.id)
    return AskingApp(client.name, client.color, logo if client.has_logo else None)


def tell_apps() -> None:
    """Have apps told soon that a session ended which they know (OP-55); nobody waits for it."""
    services().outbox.later(services().backchannel.deliver_due)
