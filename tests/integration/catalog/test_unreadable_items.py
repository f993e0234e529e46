"""Products wait while the items cannot be read; the merchant learns why, and they go on as soon as it works."""

from typing import Any

import pytest
from tests.integration.catalog.conftest import Catalog, Shop

from common.contracts.problems import Code, ProblemClosed, ProblemOpened

REFUSED = {"kind": "refuse", "status": 400, "body": {"message": "Unknown expand"}, "method": "GET", "path": r"items\?"}
GONE = REFUSED | {"status": 404, "body": {"message": "Not Found"}}
LOST = REFUSED | {"status": 401, "body": {"message": "401 Unauthorized"}}
BROKEN = {"kind": "fail_before", "method": "GET", "path": r"items\?"}


async def problems(catalog: Catalog) -> dict[str, str]:
    """Return the open problems with their reasons."""
    closed = {(each.code, each.opened_at) for each in await catalog.emitted(ProblemClosed)}
    return {
        each.code: each.affected[0].reason if each.affected else ""
        for each in await catalog.emitted(ProblemOpened)
        if (each.code, each.opened_at) not in closed
    }


async def sync_of(catalog: Catalog, shop: Shop, product_id: str = "p-1") -> Any:
    return (await catalog.product(shop, product_id))["sync"]


async def wait(catalog: Catalog, seconds: float) -> None:
    for _ in range(3):
        catalog.clock.advance(seconds / 3)
        await catalog.run_until_idle()


async def test_a_product_goes_on_when_all_items_are_read(catalog: Catalog) -> None:
    """It was saved before the first sync, and is pushed at the moment that this ends."""
    shop = catalog.shop()
    await catalog.connect(shop)
    await catalog.put(shop)
    await catalog.run_until_idle()
    assert (await sync_of(catalog, shop))["state"] == "synced"


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (REFUSED, Code.ITEMS_UNREADABLE),
        (GONE, Code.ITEMS_UNREADABLE),
        (BROKEN, Code.CLOVER_UNREACHABLE),
        (LOST, Code.CONNECTION_LOST),
    ],
)
async def test_a_first_sync_that_cannot_end_is_reported(catalog: Catalog, rule: dict[str, Any], code: Code) -> None:
    """The problem closes by itself, or on Check again, and the product is pushed."""
    catalog.clover.faults.add(rule)
    shop = catalog.shop()
    await catalog.connect(shop)
    await catalog.fetch("DELETE FROM work WHERE kind = 'check_setup'")
    await catalog.put(shop)
    await catalog.run_until_idle()
    await wait(catalog, 60)
    assert code in await problems(catalog)
    assert (await sync_of(catalog, shop))["state"] == "pending"
    catalog.clover.faults.clear()
    if code is Code.CONNECTION_LOST:
        await catalog.connect(shop)
        await catalog.fetch("DELETE FROM work WHERE kind = 'check_setup'")
    await wait(catalog, 200)
    assert (await sync_of(catalog, shop))["state"] == "synced"
    assert code not in await problems(catalog)


async def test_an_item_in_an_unknown_form_is_reported_once(catalog: Catalog) -> None:
    """New products wait and are not held one by one; a product that has its item is still updated."""
    shop = await catalog.connected()
    await catalog.put(shop)
    await catalog.run_until_idle()
    odd = catalog.add_item(shop, sku="ODD")
    stored = catalog.clover.world.merchants[shop.id].objects["items"]
    stored.change(odd, {"price": "two"})
    await catalog.put(shop, "p-2")
    await catalog.put(shop, "p-1", price=900)
    await catalog.run_until_idle()
    assert [(await sync_of(catalog, shop, each))["state"] for each in ("p-1", "p-2")] == ["synced", "pending"]
    assert "price" in (await problems(catalog))[Code.ITEMS_UNREADABLE]
    stored.change(odd, {"price": 200})
    await wait(catalog, 120)
    assert (await sync_of(catalog, shop, "p-2"))["state"] == "synced"
    assert await problems(catalog) == {}


@pytest.mark.parametrize("rule", [REFUSED, GONE])
async def test_a_new_product_waits_for_a_list_that_is_refused(catalog: Catalog, rule: dict[str, Any]) -> None:
    """Nothing is wrong with the product: the list is the problem, and the product is pushed once it can be read."""
    shop = await catalog.connected()
    catalog.clover.faults.add(rule)
    await catalog.put(shop)
    await catalog.run_until_idle()
    assert (await sync_of(catalog, shop))["state"] == "pending"
    assert set(await problems(catalog)) == {Code.ITEMS_UNREADABLE}
    catalog.clover.faults.clear()
    await wait(catalog, 6)
    assert (await sync_of(catalog, shop))["state"] == "synced"
    assert await problems(catalog) == {}
