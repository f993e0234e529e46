"""Products wait while the items cannot be read; the merchant learns why, and they go on as soon as it works."""

from typing import Any

import pytest
from tests.integration.catalog.conftest import Catalog, Shop

from common.contracts.problems import Code, ProblemClosed, ProblemOpened

REFUSED = {"kind": "refuse", "status": 400, "body": {"message": "Unknown expand"}, "method": "GET", "path": r"items\?"}
GONE = REFUSED | {"status": 404, "body": {"message": "Not Found"}}
SKUS = [f"s-{number}" for number in range(14)]
LOST = REFUSED | {"status": 401, "body": {"message": "401 Unauthorized"}}
BROKEN = {"kind": "fail_before", "method": "GET", "path": r"items\?"}


async def problems(catalog: Catalog) -> dict[str, str]:
    """Return the open problems with their reasons."""
    closed = {(each.code, each.opened_at) for each in await catalog.emitted(ProblemClosed)}
    return {
        each.code: "; ".join(thing.reason for thing in each.affected)
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


def spoil(catalog: Catalog, shop: Shop, sku: str) -> str:
    """Add an item whose price Clover shows in an unknown form."""
    odd = catalog.add_item(shop, sku=sku)
    stored_items(catalog, shop).change(odd, {"price": "two"})
    return odd


def stored_items(catalog: Catalog, shop: Shop) -> Any:
    return catalog.clover.world.merchants[shop.id].objects["items"]


def skus_in_clover(catalog: Catalog, shop: Shop) -> list[str]:
    return sorted(each["sku"] for each in catalog.items(shop))


async def test_the_first_sync_goes_on_beside_an_unreadable_item(catalog: Catalog) -> None:
    """The item is named; the one product that it may be waits, and is linked to it as soon as it can be read."""
    shop = catalog.shop()
    odd = spoil(catalog, shop, "ODD")
    catalog.add_item(shop, sku="GOOD")
    await catalog.connect(shop)
    await catalog.fetch("DELETE FROM work WHERE kind = 'check_setup'")
    await catalog.put(shop, "p-good", sku="GOOD")
    await catalog.put(shop, "p-new", sku="NEW")
    await catalog.put(shop, "p-odd", sku="odd")
    await catalog.run_until_idle()
    assert [(await sync_of(catalog, shop, each))["state"] for each in ("p-good", "p-new", "p-odd")] == [
        "synced",
        "synced",
        "pending",
    ]
    assert "price" in (await problems(catalog))[Code.ITEMS_UNREADABLE]
    await wait(catalog, 900)  # sweeps pass it by; it is neither deleted nor created once more
    assert skus_in_clover(catalog, shop) == ["GOOD", "NEW", "ODD"]
    assert await catalog.fetch("SELECT FROM item WHERE deleted_at IS NOT NULL") == []
    stored_items(catalog, shop).change(odd, {"price": 200})
    await wait(catalog, 120)
    assert (await catalog.product(shop, "p-odd"))["item_id"] == odd
    assert skus_in_clover(catalog, shop) == ["GOOD", "NEW", "odd"]
    assert await problems(catalog) == {}


async def test_many_new_products_wait_for_no_unreadable_item_but_their_own(catalog: Catalog) -> None:
    shop = await catalog.connected()
    spoil(catalog, shop, "s-3")
    fields = {"name": "Mug", "price": 1250, "currency": "USD", "status": "active"}
    products = [{"product_id": sku, "sku": sku, **fields} for sku in SKUS]
    await catalog.call("POST", f"/v1/merchants/{shop.id}/products:batch", products)
    await wait(catalog, 30)
    assert skus_in_clover(catalog, shop) == sorted(SKUS)


async def test_a_linked_item_that_becomes_unreadable_stays_linked(catalog: Catalog) -> None:
    """Its product is held with the reason, and is pushed once the item can be read."""
    shop = await catalog.connected()
    await catalog.put(shop)
    await catalog.run_until_idle()
    item_id = (await catalog.product(shop))["item_id"]
    stored_items(catalog, shop).change(item_id, {"price": "two"})
    await catalog.put(shop, price=900)
    await catalog.run_until_idle()
    assert (await sync_of(catalog, shop))["state"] == "held"
    await wait(catalog, 900)
    assert (await catalog.product(shop))["item_id"] == item_id
    stored_items(catalog, shop).change(item_id, {"price": 200})
    await wait(catalog, 120)
    assert (await sync_of(catalog, shop))["state"] == "synced"
    assert catalog.items(shop)[0]["price"] == 900
    assert await problems(catalog) == {}


async def test_an_unreadable_item_may_be_deleted(catalog: Catalog) -> None:
    shop = await catalog.connected()
    odd = spoil(catalog, shop, "ODD")
    await wait(catalog, 600)
    assert Code.ITEMS_UNREADABLE in await problems(catalog)
    stored_items(catalog, shop).change(odd, {}, shown=False)
    await wait(catalog, 120)
    assert await problems(catalog) == {}


@pytest.mark.parametrize("change", [{"sku": 12}, {"itemGroup": "ODD"}])
async def test_an_item_whose_keys_are_unreadable_may_be_any_product(catalog: Catalog, change: dict[str, Any]) -> None:
    """No item is created, and a product that has its item is still updated."""
    shop = await catalog.connected()
    await catalog.put(shop)
    await catalog.run_until_idle()
    odd = catalog.add_item(shop, sku="ODD")
    stored_items(catalog, shop).change(odd, change)
    await catalog.put(shop, "p-2")
    await catalog.put(shop, "p-1", price=900)
    await catalog.run_until_idle()
    assert [(await sync_of(catalog, shop, each))["state"] for each in ("p-1", "p-2")] == ["synced", "pending"]
    await wait(catalog, 60)
    assert next(iter(change)) in (await problems(catalog))[Code.ITEMS_UNREADABLE]


async def test_an_unknown_form_of_many_items_is_reported_once(catalog: Catalog) -> None:
    shop = await catalog.connected()
    for n in range(11):
        spoil(catalog, shop, f"ODD-{n}")
    await catalog.put(shop)
    await catalog.run_until_idle()
    assert (await sync_of(catalog, shop))["state"] == "pending"
    await wait(catalog, 60)
    assert "11 items" in (await problems(catalog))[Code.ITEMS_UNREADABLE]


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
