"""An undo and a request that saves the same product at the same time end as if one had come after the other."""

import asyncio

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.integration.catalog.changes import change_id, send, undo
from tests.integration.catalog.conftest import Catalog, Shop
from tests.integration.catalog.intrusions import Intrusion
from tests.integration.catalog.test_batches import row
from tests.support.eventually import eventually

from catalog.clover import items
from common.clover.transport import MerchantApi

SETTLES = 60.0
LATE = {"kind": "apply_late", "method": "DELETE", "path": "items", "seconds": 0.3, "answer": 504, "times": 1}
MOMENTS = settings(
    max_examples=settings().max_examples // 7,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each attempt at a shorter example takes a second
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

ways = st.sampled_from(["put", "batch"])


@pytest.fixture
def intrusion(monkeypatch: pytest.MonkeyPatch, catalog: Catalog) -> Intrusion:
    return Intrusion(monkeypatch, catalog)


async def save(catalog: Catalog, shop: Shop, way: str, price: int) -> None:
    if way == "put":
        status, _ = await catalog.put(shop, sku="sku-p-1", price=price)
        assert status in {200, 202}
    else:
        [outcome] = await send(catalog, shop, [row("p-1", price=price)])
        assert outcome["outcome"] == "accepted"


async def rest(catalog: Catalog) -> None:
    for _ in range(4):
        await catalog.run_until_idle()
        catalog.clock.advance(SETTLES + 1)
    await catalog.run_until_idle()


async def price_in_the_end(catalog: Catalog, shop: Shop) -> int | None:
    """Return the price of the product, None if there is none. It has one item, which Clover has and which is linked."""
    there = {each["id"]: each["price"] for each in catalog.items(shop) if not each.get("deleted")}
    found = await catalog.fetch("SELECT item_id, price FROM product WHERE merchant_id = $1", shop.id)
    linked = await catalog.fetch("SELECT item_id FROM item_link WHERE merchant_id = $1 AND linked", shop.id)
    assert {each["item_id"]: each["price"] for each in found} == there
    assert [each["item_id"] for each in linked] == list(there)
    if not found:
        return None
    assert (await catalog.product(shop))["sync"]["state"] == "synced"
    return int(found[0]["price"])


@MOMENTS
@given(moment=st.integers(0, 40), way=ways, price=st.sampled_from([1250, 900]))
async def test_a_product_is_saved_while_it_is_undone(
    catalog: Catalog, intrusion: Intrusion, moment: int, way: str, price: int
) -> None:
    """Another price keeps the product in either order. The same values are no edit: the later of the two counts."""
    await catalog.fetch("DELETE FROM work")  # the sweeps of earlier examples
    shop = await catalog.connected()
    made = await send(catalog, shop, [row("p-1")])
    await catalog.run_until_idle()
    intrusion.at(moment, lambda: save(catalog, shop, way, price))
    await undo(catalog, shop, change_id(made))
    await intrusion.over()
    await rest(catalog)
    assert await price_in_the_end(catalog, shop) in ({900} if price == 900 else {1250, None})


@MOMENTS
@given(moment=st.integers(0, 25), way=ways)
async def test_a_product_is_saved_while_an_undo_brings_it_back(
    catalog: Catalog, intrusion: Intrusion, moment: int, way: str
) -> None:
    """The request counts in either order."""
    await catalog.fetch("DELETE FROM work")
    shop = await catalog.connected()
    undone = await undo(catalog, shop, change_id(await send(catalog, shop, [row("p-1")])))
    intrusion.at(moment, lambda: save(catalog, shop, way, 900))
    await undo(catalog, shop, undone["change_id"])
    await intrusion.over()
    await rest(catalog)
    assert await price_in_the_end(catalog, shop) == 900


async def test_a_product_that_is_inserted_while_an_undo_brings_it_back_stays(catalog: Catalog) -> None:
    """The undo finds none, waits for the other request, and leaves its product as it is."""
    shop = await catalog.connected()
    undone = await undo(catalog, shop, change_id(await send(catalog, shop, [row("p-1")])))
    async with catalog.service.database.unit() as unit:
        await unit.conn.execute(
            "INSERT INTO product (merchant_id, product_id, name, sku, price, currency, status, updated_at, puts) "
            "VALUES ($1, 'p-1', 'Cup', 'sku-p-1', 900, 'USD', 'active', now(), 1)",
            shop.id,
        )
        second = asyncio.create_task(undo(catalog, shop, undone["change_id"]))
        blocked = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        await eventually(lambda: catalog.fetch(blocked))
    again = await second
    assert "price" in again["products"][0]["skipped"]
    assert (await catalog.product(shop))["price"] == 900


@pytest.mark.parametrize("changed", [{"create_settles_seconds": SETTLES}])
@pytest.mark.parametrize("way", ["put", "batch"])
async def test_an_item_that_is_deleted_late_is_not_taken(catalog: Catalog, way: str) -> None:
    """The deletion has no answer, and takes effect after the product was saved again."""
    shop = await catalog.connected()
    made = await send(catalog, shop, [row("p-1")])
    await catalog.run_until_idle()
    catalog.clover.faults.add(LATE)
    await undo(catalog, shop, change_id(made))
    assert len([each for each in catalog.items(shop) if not each.get("deleted")]) == 1
    await save(catalog, shop, way, 1250)
    await catalog.run_until_idle()
    await eventually(lambda: any(each.get("deleted") for each in catalog.items(shop)))
    await rest(catalog)
    assert await price_in_the_end(catalog, shop) == 1250


@pytest.mark.parametrize("way", ["put", "batch"])
@MOMENTS
@given(moment=st.integers(0, 12))
async def test_a_product_is_saved_while_it_is_purged(
    catalog: Catalog, intrusion: Intrusion, way: str, moment: int
) -> None:
    """It keeps its item, or gets a new one, or is deleted after it was saved."""
    await catalog.fetch("DELETE FROM work")
    shop = await catalog.connected()
    await save(catalog, shop, way, 1250)
    await catalog.run_until_idle()
    intrusion.at(moment, lambda: save(catalog, shop, way, 900))
    await catalog.call("DELETE", f"/v1/merchants/{shop.id}/products/p-1?purge=true")
    await catalog.run_until_idle()
    await intrusion.over()
    await rest(catalog)
    assert await price_in_the_end(catalog, shop) in {900, None}


async def test_a_product_that_is_saved_while_its_item_is_purged_gets_another(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request comes while Clover deletes the item."""
    shop = await catalog.connected()
    await save(catalog, shop, "put", 1250)
    await catalog.run_until_idle()
    delete_item = items.delete_item

    async def deleted(api: MerchantApi, item_id: str) -> None:
        await delete_item(api, item_id)
        await save(catalog, shop, "put", 900)

    monkeypatch.setattr(items, "delete_item", deleted)
    await catalog.call("DELETE", f"/v1/merchants/{shop.id}/products/p-1?purge=true")
    await rest(catalog)
    assert await price_in_the_end(catalog, shop) == 900
