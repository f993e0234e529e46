"""The pages on which a person who comes from Clover reads how it went."""

from html import escape

from aiohttp import web

from common import messages

HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title} · QuickSync for Clover</title></head>
<body style="font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1.5rem">
<h1>{title}</h1><p>{text}</p></body></html>
"""


def page(name: str, status: int, **values: str) -> web.Response:
    """Return the page of this name, whose texts are `page.oauth.<name>` and `page.oauth.<name>.title`."""
    texts = messages.for_locale()
    title, text = texts.text(f"page.oauth.{name}.title"), texts.text(f"page.oauth.{name}", **values)
    html = PAGE.format(title=escape(title), text=escape(text))
    return web.Response(status=status, text=html, content_type="text/html", charset="utf-8", headers=HEADERS)
