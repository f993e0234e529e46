"""The mail catcher receives e-mails by real SMTP, serves them as pages and JSON, and stores them on disk."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import aiohttp
import aiosmtplib
import pytest

from quicksync_dev import commands, components
from quicksync_dev.datadir import DataDir
from quicksync_dev.ports import free_port
from quicksync_dev.processes import Child

OWNER = "zoë@shop.localhost"
SCRIPT = "<script>alert(1)</script>"


@dataclass
class Catcher:
    """The catcher's process and an HTTP client."""

    process: Child
    smtp_port: int
    url: str
    session: aiohttp.ClientSession

    async def send(self, subject: str, to: str = OWNER) -> None:
        """Send a mail with a text and an HTML part."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "QuickSync <from@localhost>", to, subject
        message.set_content("Two orders wait – café\n")
        message.add_alternative(f"<p>Two orders wait</p>{SCRIPT}", subtype="html")
        await aiosmtplib.send(message, hostname="127.0.0.1", port=self.smtp_port, start_tls=False, timeout=5)

    async def mails(self, query: str = "") -> Any:
        """Return the JSON list."""
        async with self.session.get(f"{self.url}/mails{query}") as answer:
            return await answer.json()

    async def page(self, path: str) -> tuple[int, str, str]:
        """Return status, text and content security policy."""
        async with self.session.get(f"{self.url}{path}") as answer:
            return answer.status, await answer.text(), answer.headers.get("Content-Security-Policy", "")


@pytest.fixture
async def catcher(data_dir: DataDir, lines: list[str]) -> AsyncIterator[Catcher]:
    smtp_port, http_port = free_port(), free_port()
    with data_dir.locked(lines.append):
        process = components.mail(data_dir, commands.spawn, smtp_port, http_port)
        await process.start()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            yield Catcher(process, smtp_port, f"http://127.0.0.1:{http_port}", session)
        await process.stop()


async def test_a_long_subject_is_shown_as_sent(catcher: Catcher) -> None:
    """The sender breaks the line before it; the break is no part of it."""
    subject = "QuickSync can no longer sign in to your Clover (2 updates are waiting)"
    await catcher.send(subject)

    [mail] = await catcher.mails()

    assert mail["subject"] == subject


async def test_a_sent_mail_is_shown(catcher: Catcher) -> None:
    """The page shows addresses, subject and both parts, including accents."""
    await catcher.send("Orders wait: café")

    [mail] = await catcher.mails()

    assert (mail["subject"], mail["to"]) == ("Orders wait: café", [OWNER])
    assert mail["sender"] == "QuickSync <from@localhost>"
    assert mail["text"] == "Two orders wait – café\n"
    assert mail["html"].startswith("<p>Two orders wait</p>")


async def test_mails_are_listed_in_order_and_by_address(catcher: Catcher) -> None:
    """The list is oldest first; `?to=` selects an address."""
    await catcher.send("first")
    await catcher.send("second", to="other@shop.localhost")

    assert [mail["subject"] for mail in await catcher.mails()] == ["first", "second"]
    assert [mail["subject"] for mail in await catcher.mails("?to=other@shop.localhost")] == ["second"]


async def test_the_html_of_a_mail_runs_no_script(catcher: Catcher) -> None:
    """The HTML is in a sandboxed frame under a policy without scripts, and escaped on our own pages."""
    await catcher.send(f"Hello {SCRIPT}")
    [mail] = await catcher.mails()

    _, html, policy = await catcher.page(f"/mails/{mail['id']}/html")
    _, shown, page_policy = await catcher.page(f"/mails/{mail['id']}")
    _, listed, _ = await catcher.page("/")

    assert SCRIPT in html
    assert policy.startswith("sandbox allow-popups")
    assert "default-src 'none'" in policy
    assert "default-src 'none'" in page_policy
    assert '<iframe sandbox="' in shown
    assert SCRIPT not in shown
    assert SCRIPT not in listed


async def test_a_mail_is_available_as_text_and_raw(catcher: Catcher) -> None:
    """The text is for the shell, the raw form for the headers."""
    await catcher.send("plain")
    [mail] = await catcher.mails()

    assert (await catcher.page(f"/mails/{mail['id']}/text"))[1] == "Two orders wait – café\n"
    assert "Subject: plain" in (await catcher.page(f"/mails/{mail['id']}/raw"))[1]
    assert (await catcher.page("/mails/1-1"))[0] == 404


async def test_mails_survive_the_catcher(catcher: Catcher) -> None:
    """A kill -9 loses no accepted e-mail."""
    await catcher.send("kept")

    await catcher.process.kill()
    await catcher.process.start()

    assert [mail["subject"] for mail in await catcher.mails()] == ["kept"]
