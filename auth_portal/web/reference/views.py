"""The pages of the reference, and the same for programs: OpenAPI, TypeScript, Markdown."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, abort, g, redirect, render_template, request, url_for
from flask_babel import get_locale, gettext
from werkzeug.wrappers import Response as BaseResponse

from auth_portal.marks import _
from auth_portal.web.accepting import prefers
from auth_portal.web.reference import searching
from auth_portal.web.reference.content import Page
from auth_portal.web.reference.reference import reference
from auth_portal.web.reference.rendering import without_links
from auth_portal.web.security import readable_everywhere
from auth_portal.web.services import services

blueprint = Blueprint("reference", __name__)

_MARKDOWN = "text/markdown"

PRODUCTION_WARNING = (
    _("Production warning:"),
    _(
        "This endpoint changes data or may set off operations. If the Production server is chosen in the API "
        "Playground, real production data is affected; use the Development server for tests."
    ),
)
"""The contract's words (section 6)."""


@blueprint.get("/docs")
def index() -> Response | str:
    """Everything there is to read."""
    if prefers(_MARKDOWN, "text/html"):
        return contents()
    return _show("docs/index.html", page=None)


@blueprint.get("/docs/")
def typed() -> BaseResponse:
    """The same, as some type it."""
    return redirect(url_for("reference.index"), 308)


@blueprint.get("/docs/<path:slug>")
def page(slug: str) -> Response | str:
    """A guide or an operation; as Markdown with ``.md`` behind it, and for who accepts that rather than HTML."""
    found = reference().pages(_locale()).get(slug.removesuffix(".md"))
    if found is None:
        abort(404)
    if slug.endswith(".md") or prefers(_MARKDOWN, "text/html"):
        return _text(reference().as_markdown(found, _base()), _MARKDOWN)
    before, behind = reference().neighbours(found.slug, _locale())
    return _show(
        "docs/page.html",
        page=found,
        parts=reference().rendered(found, _locale(), f"{request.script_root}/docs"),
        before=before,
        behind=behind,
        twin=f"{request.script_root}/docs/{found.slug}.md",
    )


@blueprint.get("/docs.md")
def contents() -> Response:
    """The first page as Markdown: the same list as ``/llms.txt``."""
    return _text(_contents(), _MARKDOWN)


@blueprint.get("/llms.txt")
def llms() -> Response:
    """What there is to read, for programs that read (llmstxt.org)."""
    return _text(_contents(), "text/plain")


@blueprint.get("/docs/playground")
def playground() -> str:
    """All operations, ready to be tried."""
    return _show("docs/playground.html", page=None)


@blueprint.get("/docs/search")
def search() -> str:
    """The pages in which all words occur."""
    wanted = request.args.get("q", "")[: searching.LONGEST].strip()
    hits = searching.search(reference().index(_locale()), wanted)
    return _show("docs/search.html", page=None, wanted=wanted, hits=hits)


@blueprint.get("/docs/types.d.ts")
@readable_everywhere
def types() -> Response:
    """The types of all bodies and answers."""
    return _text(reference().definitions(_locale()), "text/plain")


@blueprint.get("/openapi.json")
@readable_everywhere
def openapi() -> Response:
    """The OpenAPI 3.1 document."""
    return _text(reference().document_text(_locale()), "application/json")


def _show(template: str, *, page: Page | None, **more: object) -> str:
    g.connect_targets = [server.url for server in reference().servers if not server.is_this]
    return render_template(
        template,
        page=page,
        groups=reference().groups(_locale()),
        servers=reference().servers,
        warning=[gettext(text) for text in PRODUCTION_WARNING],
        letters_url=url_for("mailbox.caught") if services().mailbox is not None else None,
        **more,
    )


def _contents() -> str:
    known: Mapping[str, list[Page]] = reference().groups(_locale())
    lines = [f"# {services().settings.brand_name}\n", f"> {gettext(_SUMMARY)}\n"]
    for group, pages in known.items():
        lines.append(f"## {group}\n")
        lines += [f"- [{one.title}]({_base()}/{one.slug}.md): {without_links(one.summary)}" for one in pages]
        lines.append("")
    lines += [
        "## " + gettext(_("For programs")) + "\n",
        f"- [OpenAPI 3.1]({services().settings.public_url}/openapi.json)",
        f"- [TypeScript]({_base()}/types.d.ts)",
    ]
    return "\n".join(lines) + "\n"


_SUMMARY = _(
    "A self-hosted sign-in portal without passwords: a person types an address or a number, gets a short code, "
    "types it, and is signed in. For people in a browser, for apps by OpenID Connect and forward-auth, for programs "
    "by JSON."
)


def _base() -> str:
    return f"{services().settings.public_url}/docs"


def _locale() -> str:
    return str(get_locale())


def _text(text: str, kind: str) -> Response:
    response = Response(text, content_type=f"{kind}; charset=utf-8")
    response.headers["Cache-Control"] = "no-cache"
    response.vary.update(("Accept", "Accept-Language", "Cookie"))
    response.add_etag()
    response.make_conditional(request)
    return response
