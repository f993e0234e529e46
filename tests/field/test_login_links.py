"""Users met: a login link opened a session as often as it was used, also after Sign out, and streams outlived sessions.

A link opens one session, within its minutes. A person without a session gets a fresh link by email.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import aiohttp
import pytest
from tests.integration.notifier.conftest import MERCHANT, OTHER, Notifier, directory, field_in, notifier, postbox
from tests.support.eventually import eventually

from notifier.feed.hub import MAX_SUBSCRIPTIONS

__all__ = ["directory", "notifier", "postbox"]

PAGE = f"/dashboard/{MERCHANT}/"


def link(notifier: Notifier, merchants: tuple[str, ...] = (MERCHANT,), **other: Any) -> str:
    """A login link as QuickSync's account service makes it."""
    return f"{notifier.url}/dashboard/login?token={notifier.issuer.token(merchants=merchants, **other)}"


@asynccontextmanager
async def another_browser(notifier: Notifier) -> AsyncIterator[None]:
    """Send the requests inside without the cookies of those outside."""
    kept, notifier.session._cookie_jar = notifier.session.cookie_jar, aiohttp.CookieJar(unsafe=True)  # noqa: SLF001
    yield
    notifier.session._cookie_jar = kept  # noqa: SLF001


def emailed_link(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert isinstance(part, EmailMessage)
    found: list[str] = re.findall(r"http://\S+/dashboard/login\?token=\S+", str(part.get_content()))
    return found[0]


async def ask_for_link(notifier: Notifier, merchant_id: str = MERCHANT) -> tuple[int, str]:
    """Open the store's page without a session, as the button of an email does, and press its button."""
    status, page = await notifier.page(f"/dashboard/{merchant_id}/")
    assert status == 401
    assert field_in(page, "store") == merchant_id
    return await notifier.submit("/dashboard/link", {"csrf": field_in(page, "csrf"), "store": merchant_id})


async def test_a_link_works_once(notifier: Notifier) -> None:
    """The second use shows a page that can send a fresh link, in the same browser, another one, and after Sign out."""
    used = link(notifier)
    status, page = await notifier.use_link(used)
    assert (status, "Sunrise Coffee" in page) == (200, True)
    await notifier.submit("/dashboard/logout", {"csrf": field_in(page, "csrf")})
    for _ in range(2):
        status, page = await notifier.use_link(used)
        assert (status, "Send a fresh link" in page, "Sunrise" in page) == (401, True, False)
        assert field_in(page, "store") == MERCHANT
        assert (await notifier.page(PAGE))[0] == 401
        notifier.session.cookie_jar.clear()


async def test_another_spelling_of_a_used_token_is_the_same_link(notifier: Notifier) -> None:
    """A signature is valid with its padding as well as without; writing it makes no new link."""
    used = link(notifier)
    await notifier.use_link(used)
    notifier.session.cookie_jar.clear()
    assert (await notifier.use_link(f"{used}=="))[0] == 401
    assert (await notifier.page(PAGE))[0] == 401


async def test_two_presses_at_once_open_one_session(notifier: Notifier) -> None:
    """Of presses at the same moment one wins."""
    token = notifier.issuer.token()
    _, page = await notifier.page(f"/dashboard/login?token={token}")
    form = {"csrf": field_in(page, "csrf"), "token": token}
    answers = await asyncio.gather(*(notifier.submit("/dashboard/login", form) for _ in range(5)))
    assert sorted(status for status, _ in answers) == [200, 401, 401, 401, 401]
    assert len(await notifier.fetch("SELECT 1 FROM session")) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_scanner_does_not_use_a_link_up(notifier: Notifier, method: str) -> None:
    """Mail scanners and previews open links, more than once; the person's press still signs in."""
    fresh = link(notifier)
    for _ in range(3):
        async with aiohttp.ClientSession() as scanner, scanner.request(method, fresh) as response:
            assert response.status in {200, 405}
    assert await notifier.fetch("SELECT 1 FROM session") == []
    assert "Sunrise Coffee" in (await notifier.use_link(fresh))[1]


async def test_another_site_cannot_press_the_button(notifier: Notifier) -> None:
    """A form of another site knows no value of ours: it can neither sign a person in nor send emails."""
    token = notifier.issuer.token()
    _, page = await notifier.page(f"/dashboard/login?token={token}")
    good = {"csrf": field_in(page, "csrf"), "token": token, "store": MERCHANT}
    for path in ("/dashboard/login", "/dashboard/link"):
        assert (await notifier.submit(path, good | {"csrf": ""}))[0] == 403
        assert (await notifier.submit(path, good | {"csrf": "0" * 64}))[0] == 403
        assert (await notifier.submit(path, good, headers={"Sec-Fetch-Site": "cross-site"}))[0] == 403
        async with another_browser(notifier):
            assert (await notifier.submit(path, good))[0] == 403
    assert await notifier.fetch("SELECT 1 FROM session") == []
    assert await notifier.fetch("SELECT 1 FROM work WHERE kind = 'send_link'") == []


async def test_the_button_of_an_email_leads_back_to_the_store(notifier: Notifier) -> None:
    """Without a session, the page emails a fresh link to the account's own address; it opens the store, once."""
    await notifier.open()
    status, page = await ask_for_link(notifier)
    assert (status, "Check your email" in page) == (200, True)
    assert "example.com" not in page
    await notifier.run_until_idle()

    [mail] = [each for each in notifier.postbox.messages if each["Subject"] == "Your link to the QuickSync dashboard"]
    assert notifier.postbox.recipients == [["owner@example.com"]] * 2
    path = emailed_link(mail).removeprefix("http://127.0.0.1:9")
    status, page = await notifier.use_link(notifier.url + path)
    assert (status, "One thing needs your attention" in page, "Check again" in page) == (200, True, True)
    assert (await notifier.use_link(notifier.url + path))[0] == 401


async def test_an_emailed_link_expires(notifier: Notifier) -> None:
    """After its minutes it opens nothing, and offers another."""
    await ask_for_link(notifier)
    await notifier.run_until_idle()
    path = emailed_link(notifier.postbox.messages[-1]).removeprefix("http://127.0.0.1:9")
    notifier.clock.advance(timedelta(minutes=16))
    status, page = await notifier.use_link(notifier.url + path)
    assert (status, field_in(page, "store")) == (401, MERCHANT)


async def test_an_emailed_link_opens_its_store_only(notifier: Notifier) -> None:
    """Another store of the system stays unknown."""
    await notifier.connect(OTHER)
    await ask_for_link(notifier)
    await notifier.run_until_idle()
    await notifier.use_link(
        notifier.url + emailed_link(notifier.postbox.messages[-1]).removeprefix("http://127.0.0.1:9")
    )
    assert (await notifier.page(PAGE))[0] == 200
    assert (await notifier.page(f"/dashboard/{OTHER}/"))[0] == 404


async def test_asking_reveals_no_store(notifier: Notifier) -> None:
    """An unknown store gets the same answer, and nothing is sent."""
    known, unknown = await ask_for_link(notifier), await ask_for_link(notifier, "NOBODY0000001")
    assert known == unknown
    await notifier.run_until_idle()
    assert len(notifier.postbox.messages) == 1


async def test_links_are_limited(notifier: Notifier) -> None:
    """Asked for every ten seconds, a mailbox gets five an hour."""
    for _ in range(3600 // 10):
        await ask_for_link(notifier)
        await notifier.worker.run_until_idle()
        notifier.clock.advance(10)
    assert len(notifier.postbox.messages) == 5
    notifier.clock.advance(3600)
    await ask_for_link(notifier)
    await notifier.run_until_idle()
    assert len(notifier.postbox.messages) == 6


async def test_a_busy_mail_server_gets_the_link_later(notifier: Notifier) -> None:
    """A refusal opens no problem; the link comes a minute later, but not when it is of no use any more."""
    notifier.postbox.answers = ["451 later"]
    await ask_for_link(notifier)
    await notifier.run_until_idle()
    assert notifier.postbox.messages == []
    notifier.clock.advance(60)
    await notifier.run_until_idle()
    assert len(notifier.postbox.messages) == 1

    notifier.clock.advance(3600)
    notifier.postbox.refuses["MAIL"] = "421 later"
    await ask_for_link(notifier)
    for _ in range(20):
        await notifier.run_until_idle()
        notifier.clock.advance(60)
    notifier.postbox.refuses.clear()
    await notifier.run_until_idle()
    assert len(notifier.postbox.messages) == 1
    assert await notifier.fetch("SELECT 1 FROM work") == []
    assert await notifier.emitted_problems() == []


async def test_an_expired_link_asks_for_the_merchant_id(notifier: Notifier) -> None:
    """A link that we cannot read any more names no store, so the person does."""
    status, page = await notifier.use_link(link(notifier, exp=1))
    assert (status, 'label for="store"' in page) == (401, True)
    typed = {"csrf": field_in(page, "csrf"), "store": f" {MERCHANT.lower()} "}
    assert (await notifier.submit("/dashboard/link", typed))[0] == 200
    await notifier.run_until_idle()
    assert len(notifier.postbox.messages) == 1


@asynccontextmanager
async def open_stream(notifier: Notifier) -> AsyncIterator[aiohttp.ClientResponse]:
    async with notifier.session.get(f"{notifier.url}{PAGE}stream") as response:
        assert response.status == 200
        async with asyncio.timeout(10):
            await response.content.readuntil(b"ready")
        yield response


async def has_ended(stream: aiohttp.ClientResponse) -> bool:
    async with asyncio.timeout(10):
        await stream.read()
    return True


async def test_a_stream_ends_with_sign_out(notifier: Notifier) -> None:
    """Signing out ends the open stream at once, and it cannot be opened again."""
    _, page = await notifier.log_in()
    async with open_stream(notifier) as stream:
        await notifier.submit("/dashboard/logout", {"csrf": field_in(page, "csrf")})
        assert await has_ended(stream)
    assert (await notifier.page(f"{PAGE}stream"))[0] == 401


async def test_a_stream_ends_with_its_session(notifier: Notifier) -> None:
    """A session that expires ends its stream."""
    await notifier.log_in()
    async with open_stream(notifier) as stream:
        notifier.clock.advance(timedelta(hours=12, minutes=1))
        async with notifier.clock.running():
            assert await has_ended(stream)


async def test_a_stream_of_the_api_ends_with_its_token(notifier: Notifier) -> None:
    """A token that expires ends the stream it opened."""
    headers = notifier.issuer.headers(exp=datetime.now(UTC) + timedelta(seconds=2))
    url = f"{notifier.url}/v1/merchants/{MERCHANT}/stream"
    async with notifier.session.get(url, headers=headers) as response:
        assert response.status == 200
        assert await has_ended(response)


async def test_another_session_keeps_its_stream(notifier: Notifier) -> None:
    """Signing out on one device does not disturb another."""
    await notifier.log_in()
    async with open_stream(notifier) as stream:
        notifier.session.cookie_jar.clear()
        _, page = await notifier.log_in()
        await notifier.submit("/dashboard/logout", {"csrf": field_in(page, "csrf")})
        await notifier.service.deps.hub.end_signed_out()
        await notifier.open()
        async with asyncio.timeout(10):
            assert b"problem" in await stream.content.readuntil(b"problem")


async def test_closed_streams_give_their_places_back_at_once(notifier: Notifier) -> None:
    """Fifty streams are closed, and fifty more open at once."""
    headers, url = notifier.issuer.headers(), f"{notifier.url}/v1/merchants/{MERCHANT}/stream"

    async def status() -> int:
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
            return response.status

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        for _ in range(MAX_SUBSCRIPTIONS):
            assert (await session.get(url, headers=headers)).status == 200
        assert await status() == 429

    async def has_room() -> bool:
        return await status() == 200

    await eventually(has_room)
