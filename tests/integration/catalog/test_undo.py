"""The changes of a batch are undone, in Clover too, without losing later edits."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.catalog.changes import change_id, details, few, send, shown, stored, undo
from tests.integration.catalog.conftest import Catalog
from tests.integration.catalog.test_batches import row
from tests.support.eventually import eventually

from catalog.domain.products import Product, Status
from catalog.store import changes as store
from catalog.sync import changes as sync
from common.contracts.catalog import ProductUnlinked
from common.work.batch import Batch


async def test_an_undo_restores_what_was_there(catalog: Catalog) -> None:
    """Changed products get their values back, new ones are deleted with the items made for them, and Clover follows."""
    shop = await catalog.connected()
    await send(catalog, shop, [row("p-1"), row("p-2")])
    await catalog.run_until_idle()
    before, items = await stored(catalog, shop), shown(catalog, shop)
    made = await send(catalog, shop, [row("p-1", name="Cup", price=900), row("p-2"), row("p-3")])
    await catalog.run_until_idle()
    assert len(shown(catalog, shop)) == 3
    undone = await undo(catalog, shop, change_id(made))

    assert (await stored(catalog, shop), shown(catalog, shop)) == (before, items)
    assert (undone["state"], undone["changed"], undone["skipped"]) == ("complete", 2, 0)
    assert [(each["product_id"], each["effect"]) for each in undone["products"]] == [
        ("p-1", "changed"),
        ("p-3", "deleted"),
    ]


async def test_a_product_that_another_request_inserts_meanwhile_is_not_new(catalog: Catalog) -> None:
    """Two requests save the same new product at once: an undo of the later one restores what the first one saved."""
    shop = await catalog.connected()
    waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with catalog.service.database.unit() as unit:
        first = Product(**row("p-1", price=1100) | {"status": Status.ACTIVE})
        assert set((await store.apply(unit, shop.id, [first])).made) == {"p-1"}
        second = asyncio.create_task(send(catalog, shop, [row("p-1", price=1200), row("p-2")]))
        await eventually(lambda: catalog.fetch(waiting))
    undone = await undo(catalog, shop, change_id(await second))

    assert [(each["product_id"], each["effect"]) for each in undone["products"]] == [
        ("p-1", "changed"),
        ("p-2", "deleted"),
    ]
    assert {name: each["price"] for name, each in (await stored(catalog, shop)).items()} == {"p-1": 1100}


async def test_an_item_that_a_batch_linked_gets_its_fields_back(catalog: Catalog) -> None:
    """It keeps what was edited since at the till, and others learn that it has no product."""
    shop = await catalog.connected()
    old = catalog.add_item(shop, name="Old mug", sku="sku-p-1", price=900, code="111", hidden=True)
    made = await send(catalog, shop, [row("p-1", barcode="222")])
    await catalog.run_until_idle()
    catalog.till(shop, "edit_item", item=old, alternateName="Becher")
    await undo(catalog, shop, change_id(made))

    item = shown(catalog, shop)[old]
    assert (item["name"], item["sku"], item["price"], item["hidden"]) == ("Old mug", "sku-p-1", 900, True)
    assert (item["code"], item["alternateName"]) == ("111", "Becher")
    assert await stored(catalog, shop) == {}
    assert [each.item_id for each in await catalog.emitted(ProductUnlinked)] == [old]


async def test_a_field_that_a_batch_stated_first_gets_its_value_back(catalog: Catalog) -> None:
    """The item had it from the till; it is QuickSync's no more, so later edits stay."""
    shop = await catalog.connected()
    await send(catalog, shop, [row("p-1")])
    await catalog.run_until_idle()
    [item_id] = shown(catalog, shop)
    catalog.till(shop, "edit_item", item=item_id, code="111")
    await catalog.hear(shop, item_id)
    made = await send(catalog, shop, [row("p-1", barcode="222", price=900)])
    await catalog.run_until_idle()
    assert shown(catalog, shop)[item_id]["code"] == "222"
    await undo(catalog, shop, change_id(made))

    assert (shown(catalog, shop)[item_id]["code"], shown(catalog, shop)[item_id]["price"]) == ("111", 1250)
    catalog.till(shop, "edit_item", item=item_id, code="333")
    await catalog.hear(shop, item_id)
    assert shown(catalog, shop)[item_id]["code"] == "333"
    assert (await catalog.product(shop))["sync"]["state"] == "synced"


async def test_a_new_product_whose_item_was_edited_at_the_till_stays(catalog: Catalog) -> None:
    """Someone uses it; the undo names what was edited."""
    shop = await catalog.connected()
    made = await send(catalog, shop, [row("p-1")])
    await catalog.run_until_idle()
    [item_id] = shown(catalog, shop)
    catalog.till(shop, "edit_item", item=item_id, code="111")
    await catalog.hear(shop, item_id)
    undone = await undo(catalog, shop, change_id(made))

    assert shown(catalog, shop)[item_id]["code"] == "111"
    assert undone["products"][0]["skipped"] == ["barcode"]
    assert (await catalog.product(shop))["sync"]["state"] == "synced"


async def test_a_product_that_is_being_deleted_is_not_revived(catalog: Catalog) -> None:
    """An undo leaves it to its deletion, and names the fields."""
    shop = await catalog.connected()
    await send(catalog, shop, [row("p-1")])
    made = await send(catalog, shop, [row("p-1", price=900)])
    await catalog.run_until_idle()
    catalog.clover.faults.add({"kind": "fail_before", "method": "POST", "path": "items/", "times": 1})
    await catalog.call("DELETE", f"/v1/merchants/{shop.id}/products/p-1")
    undone = await undo(catalog, shop, change_id(made))
    catalog.clock.advance(60)
    await catalog.run_until_idle()

    assert undone["products"][0]["skipped"] == ["price"]
    assert await stored(catalog, shop) == {}
    assert [each["hidden"] for each in shown(catalog, shop).values()] == [True]


@pytest.mark.parametrize("kind", ["apply_then_drop", "drop_before_apply", "apply_late"])
@pytest.mark.parametrize("changed", [{"create_settles_seconds": 60.0}])
async def test_an_undo_while_a_create_has_no_answer(catalog: Catalog, kind: str) -> None:
    """The item that it may have made is looked for, and deleted."""
    shop = await catalog.connected()
    catalog.clover.faults.add(
        {"kind": kind, "method": "POST", "path": "items$", "times": 1}
        | ({"seconds": 0.3} if kind == "apply_late" else {})
    )
    made = await send(catalog, shop, [row("p-1")])
    await catalog.run_until_idle()
    await undo(catalog, shop, change_id(made))
    if kind == "apply_late":
        await eventually(lambda: len(catalog.items(shop)) == 1)
    for _ in range(3):
        catalog.clock.advance(60)
        await catalog.run_until_idle()

    assert (await stored(catalog, shop), shown(catalog, shop)) == ({}, {})


async def test_what_was_edited_since_stays(catalog: Catalog) -> None:
    """The undo names it; the other fields of the product are restored."""
    shop = await catalog.connected()
    await send(catalog, shop, [row("p-1")])
    made = await send(catalog, shop, [row("p-1", name="Cup", price=900), row("p-2"), row("p-3", sku="C")])
    await catalog.put(shop, "p-1", name="Cup", price=950)
    await catalog.put(shop, "p-2", name="Edited", sku="SKU-p-2")
    undone = await undo(catalog, shop, change_id(made))
    found = await stored(catalog, shop)

    assert (found["p-1"]["name"], found["p-1"]["price"]) == ("Mug", 950)
    assert (found["p-2"]["name"], found["p-2"]["status"]) == ("Edited", "active")
    assert "p-3" not in found
    assert {each["product_id"]: each["skipped"] for each in undone["products"]} == {
        "p-1": ["price"],
        "p-2": ["name"],
        "p-3": [],
    }


OLD = {"name": "Old", "price": 900, "code": "111"}

SEARCH = settings(
    max_examples=settings().max_examples // 3,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

states = st.fixed_dictionaries(
    {"price": st.sampled_from([1250, 900]), "status": st.sampled_from(["active", "draft"])},
    optional={"barcode": st.sampled_from(["222", "333"]), "alternate_name": st.just("Becher")},
)


@SEARCH
@given(
    there=st.sets(few),
    before=st.dictionaries(few, states, max_size=3),
    batch=st.dictionaries(few, states, min_size=1, max_size=3),
    pushed=st.booleans(),
)
async def test_an_undo_leaves_clover_as_it_was(
    catalog: Catalog, there: set[str], before: dict[str, Any], batch: dict[str, Any], pushed: bool
) -> None:
    """For any items that were there and any batch that linked, changed and created some, pushed to Clover or not."""
    shop = await catalog.connected()
    for each in sorted(there):
        catalog.add_item(shop, **OLD, sku=f"sku-{each}")
    await send(catalog, shop, [row(product_id, **each) for product_id, each in before.items()])
    await catalog.run_until_idle()
    was, items = await stored(catalog, shop), shown(catalog, shop)
    made = await send(catalog, shop, [row(product_id, **each) for product_id, each in batch.items()])
    if pushed:
        await catalog.run_until_idle()
    if any(each["change_id"] for each in made):
        undone = await undo(catalog, shop, change_id(made))
        assert undone["skipped"] == 0

    assert (await stored(catalog, shop), shown(catalog, shop)) == (was, items)


async def test_an_item_that_was_deleted_in_clover_is_not_created_again(catalog: Catalog) -> None:
    shop = await catalog.connected()
    await send(catalog, shop, [row("p-1")])
    made = await send(catalog, shop, [row("p-1", price=900)])
    await catalog.run_until_idle()
    catalog.till(shop, "delete_item", item=catalog.items(shop)[0]["id"])
    await catalog.sweep()
    undone = await undo(catalog, shop, change_id(made))

    assert len(catalog.items(shop)) == 1  # the deleted one
    assert (await catalog.product(shop))["sync"]["state"] == "held"
    assert undone["products"][0]["skipped"] == ["price"]


async def test_exchanged_skus_are_restored(catalog: Catalog) -> None:
    """One product takes its SKU back once the other has given it up."""
    shop = await catalog.connected()
    await send(catalog, shop, [row("p-1", sku="A"), row("p-2", sku="C")])
    made = await send(catalog, shop, [row("p-1", sku="B"), row("p-2", sku="A")])
    undone = await undo(catalog, shop, change_id(made))
    found = await stored(catalog, shop)

    assert {name: each["sku"] for name, each in found.items()} == {"p-1": "A", "p-2": "C"}
    assert undone["skipped"] == 0


async def test_a_deleted_product_gives_its_sku_back(catalog: Catalog) -> None:
    """A new product took the SKU that another one gave up."""
    shop = await catalog.connected()
    await send(catalog, shop, [row("p-1", sku="A")])
    await catalog.run_until_idle()
    items = shown(catalog, shop)
    made = await send(catalog, shop, [row("p-1", sku="B"), row("p-2", sku="A")])
    await catalog.run_until_idle()
    undone = await undo(catalog, shop, change_id(made))

    assert {name: each["sku"] for name, each in (await stored(catalog, shop)).items()} == {"p-1": "A"}
    assert (undone["skipped"], shown(catalog, shop)) == (0, items)


async def test_a_sku_that_another_product_has_now_is_named(catalog: Catalog) -> None:
    shop = await catalog.connected()
    await send(catalog, shop, [row("p-1", sku="A")])
    made = await send(catalog, shop, [row("p-1", sku="B")])
    await catalog.put(shop, "p-2", sku="A")
    undone = await undo(catalog, shop, change_id(made))

    assert undone["products"][0]["skipped"] == ["sku"]


async def test_an_undo_can_be_undone(catalog: Catalog) -> None:
    """And the same undo twice is one."""
    shop = await catalog.connected()
    await send(catalog, shop, [row("p-1")])
    made = await send(catalog, shop, [row("p-1", price=900), row("p-2")])
    after = await stored(catalog, shop)
    first = await undo(catalog, shop, change_id(made))
    again = await undo(catalog, shop, change_id(made))
    second = await undo(catalog, shop, first["change_id"])

    assert {each["product_id"]: each["effect"] for each in second["products"]} == {"p-1": "changed", "p-2": "new"}
    assert again["change_id"] == first["change_id"]
    assert await stored(catalog, shop) == after


async def test_an_undo_of_an_undo_names_the_items_that_cannot_come_back(catalog: Catalog) -> None:
    """The product gets another item, as a deleted one keeps its id to itself."""
    shop = await catalog.connected()
    made = await send(catalog, shop, [row("p-1")])
    await catalog.run_until_idle()
    [old] = shown(catalog, shop)
    first = await undo(catalog, shop, change_id(made))
    second = await undo(catalog, shop, first["change_id"])
    assert [(each["effect"], each["skipped"]) for each in second["products"]] == [("new", ["item_id"])]
    [new] = shown(catalog, shop)
    assert new != old
    assert (await catalog.product(shop))["sync"]["state"] == "synced"


async def test_an_older_undo_leaves_what_newer_changes_did(catalog: Catalog) -> None:
    """Newest first, all is as it was; oldest first, the undo names what was changed since."""
    prices = {}
    for order in ((0, 1), (1, 0)):
        shop = await catalog.connected()
        await send(catalog, shop, [row("p-1", price=1000)])
        made = [await send(catalog, shop, [row("p-1", price=price), row("p-2", price=price)]) for price in (1100, 1200)]
        undone = [await undo(catalog, shop, change_id(made[number])) for number in order]
        skipped = [{each["product_id"]: each["skipped"] for each in set_["products"]} for set_ in undone]
        prices[order] = ({name: each["price"] for name, each in (await stored(catalog, shop)).items()}, skipped)
    edited = {"p-1": ["price"], "p-2": ["price"]}
    nothing: dict[str, list[str]] = {"p-1": [], "p-2": []}
    assert prices == {
        (0, 1): ({"p-1": 1100, "p-2": 1100}, [edited, nothing]),
        (1, 0): ({"p-1": 1000}, [nothing, nothing]),
    }


async def test_a_linked_item_that_was_deleted_since_is_named(catalog: Catalog) -> None:
    """It existed before the batch, and no undo brings it back; so are the fields that were edited since."""
    shop = await catalog.connected()
    gone, kept = (catalog.add_item(shop, sku=f"sku-{each}", name="Old") for each in ("p-1", "p-2"))
    made = await send(catalog, shop, [row("p-1"), row("p-2", barcode="222")])
    await catalog.run_until_idle()
    catalog.till(shop, "delete_item", item=gone)
    catalog.till(shop, "edit_item", item=kept, code="333")
    await undo(catalog, shop, change_id(made))
    _, page = await catalog.call("GET", f"/v1/merchants/{shop.id}/changes?limit=1")
    [last] = page["changes"]
    found = await details(catalog, shop, last["change_id"])
    assert {each["product_id"]: each["skipped"] for each in found["products"]} == {
        "p-1": ["item_id"],
        "p-2": ["barcode"],
    }
    assert (last["skipped"], last["restoring"]) == (2, 0)
    assert shown(catalog, shop)[kept]["name"] == "Old"


@pytest.mark.parametrize("crash", [1, 2, 3])
async def test_an_undo_goes_on_after_a_crash(catalog: Catalog, monkeypatch: pytest.MonkeyPatch, crash: int) -> None:
    """It ends in slices of one portion each; a portion whose transaction was lost is restored once."""
    shop = await catalog.connected()
    await send(catalog, shop, [row(f"p-{number}") for number in range(5)])
    before = await stored(catalog, shop)
    made = await send(catalog, shop, [row(f"p-{number}", price=1) for number in range(5)])
    monkeypatch.setattr(sync, "PORTION", 2)
    portions = 0

    async def ends(_: Batch) -> bool:
        nonlocal portions
        portions += 1
        if portions == crash:
            raise MemoryError  # as if the process were killed between two portions
        return True

    monkeypatch.setattr(Batch, "gives_way", ends)
    status, begun = await catalog.call("POST", f"/v1/merchants/{shop.id}/changes/{change_id(made)}:undo")
    await catalog.run_until_idle()
    catalog.new_worker()
    catalog.clock.advance(60)
    await catalog.run_until_idle()
    undone = await details(catalog, shop, begun["change_id"])

    assert status == 202
    assert await stored(catalog, shop) == before
    assert (undone["state"], undone["changed"]) == ("complete", 5)
