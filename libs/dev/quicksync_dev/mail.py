"""A mail catcher: receives e-mails by SMTP, stores them as files, and serves them as pages and JSON.

Run as `quicksync-mail --smtp-port N --http-port N --dir FOLDER`.
"""

import asyncio
import html
import signal
import time
from dataclasses import asdict
from pathlib import Path

import click
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from quicksync_dev.mailbox import Mail, Mailbox

LARGEST = 10 * 1024 * 1024

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'"
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; frame-ancestors 'self'"
)
"""A mail's own HTML may look as it likes and open links; it may run nothing and load nothing."""


class Catcher:
    """The SMTP handler for aiosmtpd."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Store the e-mail."""
        content = envelope.original_content or b""
        self._mailbox.keep(content, [str(to) for to in envelope.rcpt_tos])
        return "250 caught"


class Pages:
    """The mailbox over HTTP: pages at `/` and `/mails/{id}`, JSON at `/mails`, parts at `/mails/{id}/html|text|raw`."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def application(self) -> web.Application:
        """Build the HTTP application."""
        app = web.Application()
        app.router.add_get("/", self._list)
        app.router.add_get("/mails", self._json)
        app.router.add_get(r"/mails/{id:[0-9-]+}", self._show)
        app.router.add_get(r"/mails/{id:[0-9-]+}/{form:html|text|raw}", self._form)
        return app

    async def _json(self, request: web.Request) -> web.Response:
        """Answer all e-mails, or those `?to=` one address."""
        wanted = request.query.get("to")
        return web.json_response([asdict(mail) for mail in self._mailbox.mails() if not wanted or wanted in mail.to])

    async def _list(self, _: web.Request) -> web.Response:
        mails = self._mailbox.mails()
        rows = "".join(_row(mail) for mail in reversed(mails))
        return _page("Mail", f"<h1>{len(mails)} mails</h1><table>{rows}</table>")

    async def _show(self, request: web.Request) -> web.Response:
        mail = self._wanted(request)
        head = "".join(
            f"<tr><th>{name}</th><td>{html.escape(value)}</td></tr>"
            for name, value in (("From", mail.sender), ("To", ", ".join(mail.to)), ("At", _time(mail)))
        )
        body = f"<pre>{html.escape(mail.text)}</pre>"
        if mail.html:
            body = (
                f'<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" src="/mails/{mail.id}/html"></iframe>'
            )
        links = " ".join(f'<a href="/mails/{mail.id}/{form}">{form}</a>' for form in ("html", "text", "raw"))
        title = html.escape(mail.subject)
        return _page(mail.subject, f'<p><a href="/">all</a> {links}</p><h1>{title}</h1><table>{head}</table>{body}')

    async def _form(self, request: web.Request) -> web.Response:
        mail = self._wanted(request)
        match request.match_info["form"]:
            case "html":
                shown = f'<base target="_blank">{mail.html}'
                headers = {"Content-Security-Policy": MAIL_POLICY, "X-Content-Type-Options": "nosniff"}
                return web.Response(text=shown, content_type="text/html", headers=headers)
            case "text":
                return web.Response(text=mail.text)
            case _:
                raw = self._mailbox.raw(mail.id) or b""
                return web.Response(body=raw, content_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})

    def _wanted(self, request: web.Request) -> Mail:
        mail = self._mailbox.mail(request.match_info["id"])
        if mail is None:
            raise web.HTTPNotFound(text="no such mail")
        return mail


def _row(mail: Mail) -> str:
    to, subject = html.escape(", ".join(mail.to)), html.escape(mail.subject or "(no subject)")
    return f'<tr><td>{_time(mail)}</td><td>{to}</td><td><a href="/mails/{mail.id}">{subject}</a></td></tr>'


def _time(mail: Mail) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(mail.at))


def _page(title: str, body: str) -> web.Response:
    style = "body{font:15px system-ui;margin:2em}td,th{padding:.2em 1em .2em 0;text-align:left}"
    frame = "iframe{width:100%;height:75vh;border:1px solid #ccc}"
    text = f"<!doctype html><meta charset=utf-8><title>{html.escape(title)}</title><style>{style}{frame}</style>{body}"
    return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": PAGE_POLICY})


async def serve(mailbox: Mailbox, host: str, smtp_port: int, http_port: int, stop: asyncio.Event) -> None:
    """Receive and serve e-mails until `stop`."""
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(
        lambda: SMTP(Catcher(mailbox), data_size_limit=LARGEST, enable_SMTPUTF8=True), host, smtp_port
    )
    runner = web.AppRunner(Pages(mailbox).application(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, host, http_port).start()
    await stop.wait()
    smtp.close()
    await runner.cleanup()


async def _until_signalled(folder: Path, host: str, smtp_port: int, http_port: int) -> None:
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    await serve(Mailbox(folder), host, smtp_port, http_port, stop)


@click.command(help="Catch every mail sent to the SMTP port and show it on the HTTP port.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--smtp-port", type=int, required=True)
@click.option("--http-port", type=int, required=True)
@click.option("--dir", "folder", type=click.Path(file_okay=False, path_type=Path), required=True)
def main(host: str, smtp_port: int, http_port: int, folder: Path) -> None:
    """Run until SIGTERM or SIGINT."""
    asyncio.run(_until_signalled(folder, host, smtp_port, http_port))


if __name__ == "__main__":
    main()
