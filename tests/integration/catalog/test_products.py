"""A product becomes exactly one item in Clover, despite lost answers, crashes and refusals."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.integration.catalog.conftest import FREE, Catalog, Shop
from tests.support.eventually import eventually

from catalog.kinds import PUSH_PRODUCT
from clover_sandbox.latency import Latency
from clover_sandbox.rest.inventory_kinds import ITEMS
from clover_sandbox.rest.objects import make
from clover_sandbox.shapes import accept
from common.contracts.catalog import ProductLinked
from common.contracts.notifier import RecheckRequested
from common.contracts.problems import Code, ProblemClosed, ProblemOpened

ONE_AT_A_TIME = replace(FREE, token_concurrent=1)


def add_item(catalog: Catalog, shop: Shop, **fields: Any) -> str:
    """Add an item to Clover as if it existed before QuickSync; return its id."""
    merchant = catalog.clover.world.merchants[shop.id]
    item = make(merchant, ITEMS, accept(ITEMS.shape, {"name": "Old mug", "price": 900} | fields))
    return str(item["id"])


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
    """What the till sets there stays, also when other fields are written."""
    shop = await catalog.connected()
    own: dict[str, Any] = {
        "alternateName": "Tea",
        "cost": 480,
        "priceType": "PER_UNIT",
        "unitName": "kg",
        "isAgeRestricted": True,
    }
    add_item(catalog, shop, sku="SKU-p-1", **own)
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
    item_id = add_item(catalog, shop, sku="SKU-p-1", hidden=True, code="4006381333931")
    await catalog.put(shop)
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    assert (item["id"], item["name"], item["price"], item["hidden"]) == (item_id, "Mug", 1250, False)
    assert item["code"] == "4006381333931"
    assert [each.item_id for each in await catalog.emitted(ProductLinked)] == [item_id]


async def test_an_unreadable_search_result_creates_no_item(catalog: Catalog) -> None:
    """A search result that is not a list does not prove that the item is missing."""
    shop = await catalog.connected()
    item_id = add_item(catalog, shop, sku="SKU-p-1")
    fault = {"kind": "refuse", "method": "GET", "path": r"items\?", "status": 200, "body": {"message": "try again"}}
    catalog.clover.faults.add(fault)
    await catalog.put(shop)
    await catalog.run_until_idle()
    assert [each["id"] for each in catalog.items(shop)] == [item_id]
    assert (await catalog.product(shop))["sync"]["state"] == "pending"


async def test_several_items_with_the_sku_are_held(catalog: Catalog) -> None:
    """A person decides which item is meant; the other products of the batch are synced."""
    shop = await catalog.connected()
    for _ in range(2):
        add_item(catalog, shop, sku="SKU-p-1")
    await catalog.put(shop)
    await catalog.put(shop, "p-2")
    await catalog.run_until_idle()
    sync = (await catalog.product(shop))["sync"]
    assert (sync["state"], sync["problem"]) == ("held", Code.PRODUCT_REJECTED)
    assert "2 items with the SKU SKU-p-1" in sync["reason"]
    assert (await catalog.product(shop, "p-2"))["sync"]["state"] == "synced"
    assert len(catalog.items(shop)) == 3


@pytest.mark.parametrize("kind", ["apply_then_drop", "fail_after", "truncate", "malformed"])
async def test_a_create_in_doubt_is_looked_up_first(catalog: Catalog, kind: str) -> None:
    """After a lost answer to a create, the item is found and linked instead of creating a second one."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": kind, "method": "POST", "path": "items$", "times": 1})
    await catalog.put(shop)
    assert await catalog.synced_on_retry(shop)
    assert len(catalog.items(shop)) == 1
    assert catalog.calls().count("POST items") == 1


@pytest.mark.parametrize("kind", ["apply_then_drop", "drop_before_apply"])
async def test_a_sku_changed_while_a_create_is_in_doubt(catalog: Catalog, kind: str) -> None:
    """The item is looked up under the SKU it was created with, and gets the new SKU."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": kind, "method": "POST", "path": "items$", "times": 1})
    await catalog.put(shop, sku="OLD")
    await catalog.run_until_idle()
    await catalog.put(shop, sku="NEW")
    assert await catalog.synced_on_retry(shop)
    assert [item["sku"] for item in catalog.items(shop)] == ["NEW"]


@pytest.mark.parametrize("kind", ["drop_before_apply", "fail_before", "throttle"])
async def test_a_create_that_was_not_applied_is_repeated(catalog: Catalog, kind: str) -> None:
    """A create without an effect is sent again, and there is one item."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": kind, "method": "POST", "path": "items$", "times": 1})
    await catalog.put(shop)
    assert await catalog.synced_on_retry(shop)
    assert len(catalog.items(shop)) == 1


@pytest.mark.parametrize("changed", [{"create_settles_seconds": 60.0}])
async def test_a_create_applied_late_is_waited_for(catalog: Catalog) -> None:
    """An item that appears after its create timed out is linked, not created again."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": "apply_late", "seconds": 0.5, "method": "POST", "path": "items$", "times": 1})
    await catalog.put(shop)
    await catalog.synced_on_retry(shop)
    await eventually(lambda: len(catalog.items(shop)) == 1)
    assert await catalog.synced_on_retry(shop)
    assert len(catalog.items(shop)) == 1
    assert catalog.calls().count("POST items") == 1


@pytest.mark.parametrize("changed", [{"create_settles_seconds": 60.0}])
async def test_a_create_that_never_applies_is_repeated_once_settled(catalog: Catalog) -> None:
    """The item is created again only after the settling time."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": "drop_before_apply", "method": "POST", "path": "items$", "times": 1})
    await catalog.put(shop)
    assert not await catalog.synced_on_retry(shop)
    assert catalog.calls().count("POST items") == 1
    catalog.clock.advance(60)
    assert await catalog.synced(shop)
    assert len(catalog.items(shop)) == 1


@pytest.mark.parametrize("changed", [{"create_settles_seconds": 60.0}])
async def test_killed_during_a_create_makes_no_second_item(catalog: Catalog) -> None:
    """A worker that dies between a create and its answer leaves one item, which the next worker links."""
    shop = await catalog.connected()
    catalog.clover.faults.add(
        {"kind": "delay", "ms": 800, "when": "after", "method": "POST", "path": "items$", "times": 1}
    )
    await catalog.put(shop)
    await catalog.service.worker.poll()
    await eventually(lambda: len(catalog.items(shop)) == 1)
    await catalog.kill_worker(shop)
    assert await catalog.fetch("SELECT 1 FROM product WHERE item_id IS NULL AND creating_since IS NOT NULL")
    assert await catalog.synced_on_retry(shop)
    assert len(catalog.items(shop)) == 1
    assert catalog.calls().count("POST items") == 1


async def test_a_refused_product_is_held_alone_until_corrected(catalog: Catalog) -> None:
    """Only the refused product shows Clover's reason; a corrected version is pushed and closes the problem."""
    shop = await catalog.connected()
    rule = {"kind": "refuse", "status": 400, "body": {"message": "Invalid name"}, "method": "POST"}
    await catalog.put(shop, "p-1")
    await catalog.run_until_idle()
    [first] = catalog.items(shop)
    catalog.clover.faults.add(rule | {"path": f"items/{first['id']}$"})
    await catalog.put(shop, "p-1", name="Bad")
    await catalog.put(shop, "p-2")
    await catalog.run_until_idle()
    assert (await catalog.product(shop, "p-1"))["sync"]["reason"] == "Invalid name"
    assert (await catalog.product(shop, "p-2"))["sync"]["state"] == "synced"
    assert [each.waiting for each in await catalog.emitted(ProblemOpened)] == [1]
    catalog.clover.faults.clear()
    await catalog.put(shop, "p-1", name="Good")
    await catalog.run_until_idle()
    assert {item["name"] for item in catalog.items(shop)} == {"Good", "Mug"}
    assert [each.code for each in await catalog.emitted(ProblemClosed)] == [Code.PRODUCT_REJECTED]


@pytest.mark.parametrize("kind", ["fail_before", "apply_then_drop", "truncate"])
async def test_one_failed_product_does_not_block_the_batch(catalog: Catalog, kind: str) -> None:
    """One failed call delays its own product only."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": kind, "method": "POST", "path": "items$", "times": 1})
    for number in range(3):
        await catalog.put(shop, f"p-{number}")
    await catalog.run_until_idle()
    states = [(await catalog.product(shop, f"p-{number}"))["sync"]["state"] for number in range(3)]
    assert sorted(states) == ["pending", "synced", "synced"]


@pytest.mark.parametrize("limits", [ONE_AT_A_TIME])
async def test_failed_products_are_retried_after_the_others(catalog: Catalog) -> None:
    """A product that always fails is tried last, because a second failure would end the batch."""
    shop = await catalog.connected()
    for product_id in ("p-1", "p-2"):
        await catalog.put(shop, product_id)
    await catalog.run_until_idle()
    ids = {item["sku"]: item["id"] for item in catalog.items(shop)}
    catalog.clover.faults.add({"kind": "fail_before", "method": "POST", "path": f"items/{ids['SKU-p-1']}$"})
    await catalog.put(shop, "p-1", name="New")
    await catalog.run_until_idle()
    await catalog.put(shop, "p-2", name="New")
    catalog.clock.advance(10)
    catalog.clover.journal.forget()
    await catalog.run_until_idle()
    written = [call for call in catalog.calls() if call.startswith("POST")]
    assert written[:2] == [f"POST items/{ids[sku]}" for sku in ("SKU-p-2", "SKU-p-1")]


async def test_a_recheck_retries_held_products(catalog: Catalog) -> None:
    """After the second item was removed in Clover, a recheck links the product."""
    shop = await catalog.connected()
    kept, other = (add_item(catalog, shop, sku="SKU-p-1") for _ in range(2))
    await catalog.put(shop)
    await catalog.run_until_idle()
    catalog.clover.world.merchants[shop.id].objects["items"].change(other, {"sku": "ELSE"})
    await catalog.deliver(RecheckRequested(merchant_id=shop.id, code=Code.PRODUCT_REJECTED))
    assert await catalog.synced(shop)
    assert (await catalog.product(shop))["item_id"] == kept


async def test_an_item_of_another_product_is_not_adopted(catalog: Catalog) -> None:
    """If another product's item has the SKU in Clover, the product is held and the reason names the other one."""
    shop = await catalog.connected()
    await catalog.put(shop, "p-1", sku="A")
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    await catalog.put(shop, "p-1", sku="B")
    await catalog.run_until_idle()
    catalog.clover.world.merchants[shop.id].objects["items"].change(item["id"], {"sku": "A"})
    await catalog.put(shop, "p-2", sku="A")
    await catalog.run_until_idle()
    assert "belongs to the product p-1" in (await catalog.product(shop, "p-2"))["sync"]["reason"]


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


async def test_the_former_price_object_is_refused(catalog: Catalog) -> None:
    """A client of the former API learns how the price is sent now."""
    shop = await catalog.connected()
    status, body = await catalog.put(shop, price={"amount": 1250, "currency": "USD"})
    [error] = body["errors"]
    assert (status, error["field"]) == (422, "price")
    assert '`"price": 500, "currency": "USD"`' in error["problem"]


async def test_a_held_product_put_again_is_pending(catalog: Catalog) -> None:
    """A correction clears the problem at once, before Clover is called."""
    shop = await catalog.connected()
    for _ in range(2):
        add_item(catalog, shop, sku="SKU-p-1")
    await catalog.put(shop)
    await catalog.run_until_idle()
    assert (await catalog.product(shop))["sync"]["state"] == "held"
    await catalog.put(shop, name="Corrected")
    assert (await catalog.product(shop))["sync"] == {"state": "pending", "problem": None, "reason": None}


async def test_a_held_product_whose_work_is_retried_is_pending(catalog: Catalog) -> None:
    """The generic retry of pending work clears the problem at once, too."""
    shop = await catalog.connected()
    for _ in range(2):
        add_item(catalog, shop, sku="SKU-p-1")
    await catalog.put(shop)
    await catalog.run_until_idle()
    _, page = await catalog.call("GET", f"/v1/merchants/{shop.id}/work/catalog?state=held")
    assert (await catalog.call("POST", f"/v1/merchants/{shop.id}/work/catalog/{page['work'][0]['id']}/retry"))[0] == 202
    assert (await catalog.product(shop))["sync"] == {"state": "pending", "problem": None, "reason": None}


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
