"""A product that Clover refuses, or whose item is not certain, is held alone until a person or a retry solves it."""

from dataclasses import replace

import pytest
from tests.integration.catalog.conftest import FREE, Catalog

from common.contracts.notifier import RecheckRequested
from common.contracts.problems import Code, ProblemClosed, ProblemOpened

ONE_AT_A_TIME = replace(FREE, token_concurrent=1)


async def test_several_items_with_the_sku_are_held(catalog: Catalog) -> None:
    """A person decides which item is meant; the other products of the batch are synced."""
    shop = await catalog.connected()
    for _ in range(2):
        catalog.add_item(shop, sku="SKU-p-1")
    await catalog.put(shop)
    await catalog.put(shop, "p-2")
    await catalog.run_until_idle()
    sync = (await catalog.product(shop))["sync"]
    assert (sync["state"], sync["problem"]) == ("held", Code.PRODUCT_REJECTED)
    assert "2 items with the SKU SKU-p-1" in sync["reason"]
    assert (await catalog.product(shop, "p-2"))["sync"]["state"] == "synced"
    assert len(catalog.items(shop)) == 3


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
    kept, other = (catalog.add_item(shop, sku="SKU-p-1") for _ in range(2))
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


async def test_a_held_product_put_again_is_pending(catalog: Catalog) -> None:
    """A correction clears the problem at once, before Clover is called."""
    shop = await catalog.connected()
    for _ in range(2):
        catalog.add_item(shop, sku="SKU-p-1")
    await catalog.put(shop)
    await catalog.run_until_idle()
    assert (await catalog.product(shop))["sync"]["state"] == "held"
    await catalog.put(shop, name="Corrected")
    assert (await catalog.product(shop))["sync"] == {"state": "pending", "problem": None, "reason": None}


async def test_a_held_product_whose_work_is_retried_is_pending(catalog: Catalog) -> None:
    """The generic retry of pending work clears the problem at once, too."""
    shop = await catalog.connected()
    for _ in range(2):
        catalog.add_item(shop, sku="SKU-p-1")
    await catalog.put(shop)
    await catalog.run_until_idle()
    _, page = await catalog.call("GET", f"/v1/merchants/{shop.id}/work/catalog?state=held")
    assert (await catalog.call("POST", f"/v1/merchants/{shop.id}/work/catalog/{page['work'][0]['id']}/retry"))[0] == 202
    assert (await catalog.product(shop))["sync"] == {"state": "pending", "problem": None, "reason": None}
