"""``auth-portal openapi``: the API's description, and types made of it, without a running server."""

from __future__ import annotations

import click

from auth_portal.app import create_app
from auth_portal.settings import GUIDE_LOCALES
from auth_portal.web.envelope import to_json
from auth_portal.web.reference import python_types, typescript
from auth_portal.web.reference.reference import reference

_KINDS = ("json", "typescript", "python")


@click.command()
@click.option("--locale", type=click.Choice(GUIDE_LOCALES), default="en", help="The language of the descriptions.")
@click.option("--as", "kind", type=click.Choice(_KINDS), default="json", help="The document, or types made of it.")
def openapi(locale: str, kind: str) -> None:
    """Print the OpenAPI 3.1 document of this portal, which `/openapi.json` serves."""
    with create_app().test_request_context():
        document = reference().document(locale)
    if kind == "typescript":
        click.echo(typescript.definitions(document), nl=False)
    elif kind == "python":
        click.echo(python_types.definitions(document), nl=False)
    else:
        click.echo(to_json(document, indent=2))
