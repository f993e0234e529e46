"""A product becomes exactly one item in Clover."""

import asyncio
from typing import Any

import pytest
from tests.integration.catalog.conftest import Catalog
from tests.support.eventually import eventually

from catalog.kinds import PUSH_PRODUCT
from clover_sandbox.latency import Latency
from common.contracts.catalog import ProductLinked


@pytest.mark.parametrize(
    ("status", "hidden"), [("active", False), ("draft", True), ("inactive", True), ("archived", True)]
)
async def test_a_product_becomes_an_item(catalog: Catalog, status: str, *, hidden: bool) -> None:
    """The item has name, SKU, price and barcode, is visible only when active, and its link is published."""
    shop = await catalog.connected()
    answered, body = await catalog.put(shop, status=status, barcode="4006381333931")
    assert (answered, body["sync"]["state"]) == (202, "pending")
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    shown = {name: item[name] for name in ("name", "sku", "price", "hidden", "code")}
    assert shown == {"name": "Mug", "sku": "SKU-p-1", "price": 1250, "hidden": hidden, "code": "4006381333931"}
    [linked] = await catalog.emitted(ProductLinked)
    assert (linked.product_id, linked.sku, linked.item_id) == ("p-1", "SKU-p-1", item["id"])
    assert (await catalog.product(shop))["item_id"] == item["id"]


async def test_the_optional_fields_reach_clover(catalog: Catalog) -> None:
    """They are written, and those left out later are emptied, but for the cost."""
    shop = await catalog.connected()
    stated: dict[str, Any] = {"alternate_name": "Tea", "cost": 480, "unit_name": "kg", "age_restricted": True}
    _, body = await catalog.put(shop, **stated)
    assert {name: body[name] for name in stated} == stated
    await catalog.run_until_idle()
    names = ("alternateName", "cost", "priceType", "unitName", "isAgeRestricted")
    [item] = catalog.items(shop)
    assert [item[name] for name in names] == ["Tea", 480, "PER_UNIT", "kg", True]
    await catalog.put(shop, cost=490)
    assert await catalog.synced(shop)
    [item] = catalog.items(shop)
    assert [item[name] for name in names] == ["", 490, "FIXED", "", False]


async def test_a_field_that_the_product_does_not_state_is_left_alone(catalog: Catalog) -> None:
    """The till's values there stay, also when other fields are written."""
    shop = await catalog.connected()
    own: dict[str, Any] = {
        "alternateName": "Tea",
        "cost": 480,
        "priceType": "PER_UNIT",
        "unitName": "kg",
        "isAgeRestricted": True,
    }
    catalog.add_item(shop, sku="SKU-p-1", **own)
    await catalog.put(shop)
    await catalog.run_until_idle()
    await catalog.put(shop, price=1300)
    assert await catalog.synced(shop)
    [item] = catalog.items(shop)
    assert item["price"] == 1300
    assert {name: item[name] for name in own} == own


async def test_only_changed_fields_are_sent(catalog: Catalog) -> None:
    """The item is read, and one call writes the new price and the name that was changed at the till."""
    shop = await catalog.connected()
    await catalog.put(shop)
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    catalog.clover.world.merchants[shop.id].objects["items"].change(item["id"], {"name": "Renamed at the till"})
    catalog.clover.journal.forget()
    await catalog.put(shop, price=1300)
    await catalog.run_until_idle()
    assert catalog.calls() == [f"GET items/{item['id']}", f"POST items/{item['id']}"]
    [item] = catalog.items(shop)
    assert (item["price"], item["name"]) == (1300, "Mug")


async def test_an_unchanged_product_costs_one_read(catalog: Catalog) -> None:
    """Putting the same product again compares it with its item, and writes nothing."""
    shop = await catalog.connected()
    await catalog.put(shop)
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    catalog.clover.journal.forget()
    status, body = await catalog.put(shop)
    assert (status, body["sync"]["state"]) == (202, "pending")
    assert await catalog.synced(shop)
    assert catalog.calls() == [f"GET items/{item['id']}"]


@pytest.mark.parametrize("nulls", ["absent", "null"])
async def test_an_existing_item_with_the_sku_is_adopted(catalog: Catalog, nulls: str) -> None:
    """The item is linked and updated instead of creating another; without a barcode of ours, its own stays."""
    catalog.clover.switches.set({"null_fields": nulls})
    shop = await catalog.connected()
    item_id = catalog.add_item(shop, sku="SKU-p-1", hidden=True, code="4006381333931")
    await catalog.put(shop)
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    assert (item["id"], item["name"], item["price"], item["hidden"]) == (item_id, "Mug", 1250, False)
    assert item["code"] == "4006381333931"
    assert [each.item_id for each in await catalog.emitted(ProductLinked)] == [item_id]


async def test_an_unreadable_search_result_creates_no_item(catalog: Catalog) -> None:
    """A search result that is not a list does not prove that the item is missing."""
    shop = await catalog.connected()
    item_id = catalog.add_item(shop, sku="SKU-p-1")
    fault = {"kind": "refuse", "method": "GET", "path": r"items\?", "status": 200, "body": {"message": "try again"}}
    catalog.clover.faults.add(fault)
    await catalog.put(shop)
    await catalog.run_until_idle()
    assert [each["id"] for each in catalog.items(shop)] == [item_id]
    assert (await catalog.product(shop))["sync"]["state"] == "pending"


async def test_a_put_during_the_push_is_not_lost(catalog: Catalog) -> None:
    """A version that arrives while the product is being pushed is pushed afterwards."""
    shop = await catalog.connected()
    catalog.clover.pipeline.latency = Latency(150, 150)
    await catalog.put(shop)
    working = asyncio.create_task(catalog.run_until_idle())
    await eventually(lambda: "POST items" in catalog.calls())
    await catalog.put(shop, name="Second thought")
    await working
    assert await catalog.synced(shop)
    assert [item["name"] for item in catalog.items(shop)] == ["Second thought"]


async def test_a_changed_sku_is_published(catalog: Catalog) -> None:
    """The link is published again under the new SKU, so that the other services follow."""
    shop = await catalog.connected()
    await catalog.put(shop, sku="A")
    await catalog.run_until_idle()
    await catalog.put(shop, sku="B")
    await catalog.run_until_idle()
    assert [each.sku for each in await catalog.emitted(ProductLinked)] == ["A", "B"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 128}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "Blue\nmug"}, "name"),
        ({"sku": "x" * 101}, "sku"),
        ({"sku": " A"}, "sku"),
        ({"barcode": "x" * 101}, "barcode"),
        ({"alternate_name": "x" * 128}, "alternate_name"),
        ({"cost": -1}, "cost"),
        ({"unit_name": ""}, "unit_name"),
        ({"age_restricted": "yes"}, "age_restricted"),
        ({"status": "gone"}, "status"),
        ({"price": -1}, "price"),
        ({"price": 12.5}, "price"),
        ({"price": "12.50"}, "price"),
        ({"currency": "EUR"}, "currency"),
        ({"currency": "usd"}, "currency"),
        ({"item_id": "ITEM000000001"}, "item_id"),
    ],
)
async def test_invalid_products_are_refused(catalog: Catalog, wrong: dict[str, Any], field: str) -> None:
    """The answer is 422 with the field; nothing is stored and no work is queued."""
    shop = await catalog.connected()
    status, body = await catalog.put(shop, **wrong)
    assert (status, [each["field"] for each in body["errors"]]) == (422, [field])
    assert not await catalog.fetch("SELECT 1 FROM product UNION ALL SELECT 1 FROM work WHERE kind = $1", PUSH_PRODUCT)


async def test_spaces_around_a_name_are_removed(catalog: Catalog) -> None:
    """A name of several parts is one line, in any script."""
    shop = await catalog.connected()
    await catalog.put(shop, name="\u00a0Tasse für\u00a0Oma 👩\u200d🍳 ")
    await catalog.run_until_idle()
    assert [item["name"] for item in catalog.items(shop)] == ["Tasse für\u00a0Oma 👩\u200d🍳"]


async def test_the_former_price_object_is_refused(catalog: Catalog) -> None:
    """A client of the former API learns how the price is sent now."""
    shop = await catalog.connected()
    status, body = await catalog.put(shop, price={"amount": 1250, "currency": "USD"})
    [error] = body["errors"]
    assert (status, error["field"]) == (422, "price")
    assert '`"price": 500, "currency": "USD"`' in error["problem"]


async def test_a_sku_belongs_to_one_product(catalog: Catalog) -> None:
    """A second product with the SKU of another is refused."""
    shop = await catalog.connected()
    await catalog.put(shop, "p-1", sku="A")
    status, body = await catalog.put(shop, "p-2", sku="A")
    assert (status, body["errors"][0]["field"]) == (422, "sku")


async def test_products_are_listed_page_by_page(catalog: Catalog) -> None:
    """Following `next` returns each product once, sorted by id."""
    shop = await catalog.connected()
    for number in range(5):
        await catalog.put(shop, f"p-{number}")
    seen, cursor = [], ""
    while True:
        _, body = await catalog.call("GET", f"/v1/merchants/{shop.id}/products?limit=2&cursor={cursor}")
        seen += [each["product_id"] for each in body["products"]]
        if (cursor := body["next"]) is None:
            break
    assert seen == [f"p-{number}" for number in range(5)]


async def test_products_are_separate_for_each_merchant(catalog: Catalog) -> None:
    """A bearer token for one merchant cannot read another's products; equal ids do not collide."""
    ours, theirs = await catalog.connected(), await catalog.connected()
    await catalog.put(ours)
    path = f"/v1/merchants/{theirs.id}/products"
    assert (await catalog.call("GET", path))[1]["products"] == []
    assert (await catalog.call("GET", path, merchants=[ours.id]))[0] == 404
