"""The dashboard as a person meets it, in a real browser."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect
from tests.integration.notifier.conftest import MERCHANT, Notifier
from tests.support.browser import DESKTOP, PHONE, Scheme, browsing, tab

from common.contracts.inventory import StockChanged
from common.contracts.orders import OrderSynced
from common.contracts.problems import Code


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium."""
    async with browsing() as opened:
        yield opened


async def sign_in(notifier: Notifier, page: Page) -> None:
    """Open a login link and press its button."""
    await page.goto(f"{notifier.url}/dashboard/login?token={notifier.issuer.token()}")
    await page.get_by_role("button", name="Open the dashboard").click()
    await page.wait_for_url("**/dashboard/MRCHNT0000001/")


async def test_an_open_page_follows_a_problem(notifier: Notifier, browser: Browser) -> None:
    """An open page shows a new problem, updates its count, accepts a recheck, and clears."""
    began = notifier.clock.now()
    async with tab(browser) as seen:
        page = seen.page
        await sign_in(notifier, page)
        assert page.url == f"{notifier.url}/dashboard/{MERCHANT}/"
        await expect(page.locator("h1")).to_have_text("All is well")
        await expect(page.locator("#pulse")).to_have_text("Live")

        await notifier.open(waiting=1, opened_at=began)
        await expect(page.locator("h1")).to_have_text("One thing needs your attention")
        await notifier.open(waiting=214, opened_at=began)
        await expect(page.locator(".waiting strong")).to_have_text("214 orders are waiting")

        button = page.get_by_role("button", name="Check again")
        await button.click()
        await expect(button).to_have_accessible_description(re.compile("You asked us to check today at 07:00"))
        await expect(button).to_be_focused()

        await notifier.close(resumed_count=214, opened_at=began)
        await expect(page.locator("h1")).to_have_text("All is well")
        await expect(page.locator(".resolved")).to_contain_text("214 orders were sent to Clover.")
        await expect(page.locator("article")).to_have_count(0)

        notifier.clock.advance(60)
        await notifier.open(code=Code.TENDER_MISSING)
        await notifier.close(resumed_count=0, code=Code.TENDER_MISSING)
        await expect(page.locator("#lead")).to_contain_text("Nothing is waiting at the moment")
        await expect(page.locator(".resolved")).to_have_count(0)
    assert seen.complaints == []


async def test_the_page_works_without_scripts(notifier: Notifier, browser: Browser) -> None:
    """Everything can be read and pressed with scripts off."""
    await notifier.open(waiting=3)
    async with tab(browser, java_script_enabled=False) as seen:
        await sign_in(notifier, seen.page)
        await seen.page.get_by_role("button", name="Check again").press("Enter")
        await expect(seen.page.locator(".hint")).to_contain_text("You asked us to check today")
    asked = await notifier.fetch("SELECT type FROM outbox")
    assert [row["type"] for row in asked] == ["notifier.recheck_requested.v1"]


async def test_a_lost_connection_is_shown_and_caught_up(notifier: Notifier, browser: Browser) -> None:
    """The page shows that it is offline, and afterwards what it missed."""
    async with tab(browser) as seen:
        await sign_in(notifier, seen.page)
        await expect(seen.page.locator("#pulse")).to_have_text("Live")
        await seen.page.context.set_offline(True)
        await expect(seen.page.locator("#pulse")).to_have_text("Offline, trying again")
        await notifier.service.deps.hub.close()
        await notifier.open(waiting=7)
        await seen.page.context.set_offline(False)
        await expect(seen.page.locator("#pulse")).to_have_text("Live")
        await expect(seen.page.locator(".waiting strong")).to_have_text("7 orders are waiting")


async def test_a_page_that_cannot_be_loaded_is_not_called_live(notifier: Notifier, browser: Browser) -> None:
    """While the stream reports changes that cannot be loaded, the page shows that it is offline."""
    async with tab(browser) as seen:
        await sign_in(notifier, seen.page)
        await expect(seen.page.locator("#pulse")).to_have_text("Live")
        async with notifier.altered("ALTER TABLE contact RENAME TO away", "ALTER TABLE away RENAME TO contact"):
            await notifier.open(waiting=7)
            await expect(seen.page.locator("#pulse")).to_have_text("Offline, trying again")
        await expect(seen.page.locator("#pulse")).to_have_text("Live")
        await expect(seen.page.locator(".waiting strong")).to_have_text("7 orders are waiting")


async def test_an_update_keeps_the_keyboard_focus(notifier: Notifier, browser: Browser) -> None:
    """A button keeps its visible focus when the page changes around it."""
    began = notifier.clock.now()
    await notifier.open(waiting=1, opened_at=began)
    async with tab(browser) as seen:
        page = seen.page
        await sign_in(notifier, page)
        await expect(page.locator("#pulse")).to_have_text("Live")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        button = page.get_by_role("button", name="Check again")
        while not await button.evaluate("here => here === document.activeElement"):
            await page.keyboard.press("Tab")
        assert await button.evaluate("here => getComputedStyle(here).outlineStyle") == "solid"
        await notifier.open(waiting=2, opened_at=began)
        await expect(page.locator(".waiting strong")).to_have_text("2 orders are waiting")
        await expect(button).to_be_focused()
    assert seen.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_the_page_fits_every_screen(
    notifier: Notifier, browser: Browser, size: tuple[int, int], scheme: Scheme
) -> None:
    """Nothing overflows to the side, with problems and without. Screenshots are kept."""
    name = f"{'desktop' if size == DESKTOP else 'phone'}-{scheme}"
    began = notifier.clock.now()
    async with tab(browser, size, scheme) as seen:
        await _some_activity(notifier)
        await sign_in(notifier, seen.page)
        await expect(seen.page.locator("#pulse")).to_have_text("Live")
        await seen.keep(f"well-{name}")
        notifier.clock.advance(12 * 60)
        await notifier.open(waiting=214, opened_at=began)
        await notifier.open(waiting=1, opened_at=began, code=Code.ORDER_REJECTED, subject="<script>alert(1)</script>")
        await notifier.open(waiting=1, opened_at=began, code=Code.EMAIL_REJECTED)
        await expect(seen.page.locator("article")).to_have_count(3)
        await seen.keep(f"problem-{name}")
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await seen.page.evaluate(wider) == 0
    assert seen.complaints == []


async def _some_activity(notifier: Notifier) -> None:
    for n in range(3):
        notifier.clock.advance(3600 * 5)
        await notifier.deliver(
            OrderSynced(
                merchant_id=MERCHANT,
                channel="shopify",
                store="mugs.example",
                source_id=f"#10{n}",
                clover_order_id="CLOVERORDER01",
                currency="USD",
                total=1250 + n,
            ),
            StockChanged(
                merchant_id=MERCHANT,
                item_id="ITEM000000001",
                sku="LATTE-12OZ",
                before=8000,
                after=5500,
                source="clover",
                cause="sale",
            ),
        )


async def test_signing_out_closes_the_other_pages(notifier: Notifier, browser: Browser) -> None:
    """A second page of the same session shows that the person is signed out, and can send a fresh link."""
    async with tab(browser) as seen:
        await sign_in(notifier, seen.page)
        other = await seen.page.context.new_page()
        await other.goto(f"{notifier.url}/dashboard/{MERCHANT}/")
        await expect(other.locator("#pulse")).to_have_text("Live")
        await seen.page.get_by_role("button", name="Sign out").click()
        await expect(other.locator("h1")).to_have_text("You are signed out", timeout=10_000)
        await other.get_by_role("button", name="Send a fresh link").click()
        await expect(other.locator("h1")).to_have_text("Check your email")
