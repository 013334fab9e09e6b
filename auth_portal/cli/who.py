"""WHO of the commands about people: a user id, an address or a number."""

from __future__ import annotations

import click

from auth_portal.errors import InvalidInput
from auth_portal.signin.addresses import Destination, parse_email
from auth_portal.signin.users import Profile
from auth_portal.web.services import Services


def find_user(services: Services, who: str) -> Profile | None:
    """The user with this id, address or number (``+90…``)."""
    try:
        if "@" in who:
            return services.users.find_by_destination(parse_email(who))
        if who.startswith("+"):
            # As it is kept: it need not be one that texts go to any more.
            number = "+" + "".join(filter(str.isdecimal, who))
            return services.users.find_by_destination(Destination("sms", number))
    except InvalidInput:
        return None
    return services.users.find_by_id(who)


def get_user(services: Services, who: str) -> Profile:
    """The same; ends the command where there is none."""
    found = find_user(services, who)
    if found is None:
        raise click.ClickException("no such user")
    return found
