"""The App Market launches the app: a merchant that is connected already is sent to Clover again."""

import pytest
from tests.integration.catalog.browsers import Browser, asked, begin
from tests.integration.catalog.conftest import EMAIL, Catalog

from catalog.sync.oauth import StateExpiry
from common.contracts.catalog import ContactChanged


@pytest.fixture
def browser(catalog: Catalog) -> Browser:
    return Browser(catalog)


@pytest.mark.parametrize("path", ["launch", "callback"])
async def test_the_app_market_launches_without_a_code(catalog: Catalog, browser: Browser, path: str) -> None:
    """A connected merchant is sent to Clover for the account that has it, and comes back with new tokens."""
    shop = await catalog.connected("eu")
    page = await browser.get(f"https://quicksync.example/oauth/clover/{path}?merchant_id={shop.id}&employee_id=E")
    assert page.status == 302
    assert asked(page.location)["merchant_id"] == shop.id
    assert (await browser.allow(page.location)).status == 200
    [row] = await catalog.fetch("SELECT token_expires_at FROM connection")
    assert row["token_expires_at"] is not None
    assert await catalog.emitted(ContactChanged) == []
    _, contact = await catalog.call("GET", f"/internal/merchants/{shop.id}/contact", internal=True)
    assert (contact["account_email"], contact["region"]) == (EMAIL, "eu")


@pytest.mark.parametrize("merchant_id", ["0000000000000", "short", "", "%00"])
async def test_an_unknown_merchant_is_sent_to_quicksync(catalog: Catalog, browser: Browser, merchant_id: str) -> None:
    """The App Market does not know the account: the person connects from there."""
    page = await browser.get(f"https://quicksync.example/oauth/clover/launch?merchant_id={merchant_id}")
    assert (page.status, "Connect this store from QuickSync" in page.text) == (404, True)
    assert not await catalog.fetch("SELECT FROM oauth_state")


async def test_launches_do_not_pile_up(catalog: Catalog, browser: Browser) -> None:
    """Anybody can launch for a merchant: the newest twenty count."""
    shop = await catalog.connected()
    for _ in range(23):
        assert (await browser.get(f"https://quicksync.example/oauth/clover/launch?merchant_id={shop.id}")).status == 302
    assert len(await catalog.fetch("SELECT FROM oauth_state")) == 20


async def test_the_address_of_a_person_who_does_not_come_back_is_forgotten(catalog: Catalog) -> None:
    """Soon after a quarter of an hour, also where nobody else connects."""
    await begin(catalog)
    catalog.clock.advance(14 * 60)
    await begin(catalog)
    expiry = StateExpiry(catalog.service.deps)

    catalog.clock.advance(60)
    await expiry.look()
    assert len(await catalog.fetch("SELECT FROM oauth_state")) == 1
    catalog.clock.advance(14 * 60)
    await expiry.look()
    assert await catalog.fetch("SELECT FROM oauth_state") == []
