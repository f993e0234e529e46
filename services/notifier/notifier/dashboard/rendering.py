"""Renders pages from templates."""

import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from common import messages
from common.http.routes import Call
from notifier.deps import Deps

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

PageCall = Call[Deps, None]


def load_templates(package: str) -> Environment:
    """Return the templates of this package, for pages and emails. `texts` holds the texts of the language."""
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=select_autoescape(["html"], default_for_string=True, default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["texts"] = messages.for_locale()
    environment.filters["exact"] = exact
    return environment


def load_assets(package: str) -> dict[str, bytes]:
    """Return the static files of this package, by name."""
    return {each.name: each.read_bytes() for each in (files(package) / "static").iterdir() if each.is_file()}


def render(call: PageCall, template: str, status: int = 200, **values: Any) -> web.Response:
    text = call.deps.templates.get_template(template).render(version=_version(call.deps.assets), **values)
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8", headers=HEADERS)


def render_note(call: PageCall, status: int, note: str) -> web.Response:
    """Render a page with one short message, named in note.html."""
    return render(call, "note.html", status, note=note)


def redirect(path: str) -> web.Response:
    return web.Response(status=303, headers={**HEADERS, "Location": path})


async def serve_asset(call: PageCall) -> web.StreamResponse:
    name = call.path["name"]
    body = call.deps.assets.get(name)
    if body is None:
        return render_note(call, 404, "not_found")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}  # the address changes with the content
    return web.Response(body=body, content_type=_TYPES[name.rpartition(".")[2]], charset="utf-8", headers=headers)


def exact(text: str) -> Markup:
    """Return the text as HTML, with each “quoted part” highlighted instead of quoted: the merchant types it exactly."""
    return Markup(re.sub("“([^”]*)”", r'<strong class="exact">\1</strong>', str(escape(text))))  # noqa: S704 - escaped


def _version(assets: Mapping[str, bytes]) -> str:
    return hashlib.sha256(b"".join(assets[name] for name in sorted(assets))).hexdigest()[:12]
