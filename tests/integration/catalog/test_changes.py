"""What a batch has changed is recorded, previewed beforehand, and undone without losing what was edited since."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.catalog.conftest import Catalog, Shop
from tests.integration.catalog.test_batches import row
from tests.support.eventually import eventually

from catalog.sync import changes as sync
from common.contracts.catalog import ProductUnlinked
from common.work.batch import Batch


async def send(catalog: Catalog, shop: Shop, rows: Sequence[Any], *, dry_run: bool = False) -> list[dict[str, Any]]:
    query = "?dry_run=true" if dry_run else ""
    status, outcomes = await catalog.call("POST", f"/v1/merchants/{shop.id}/products:batch{query}", rows)
    assert status == 200, outcomes
    return list(outcomes)


def as_stored(outcomes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The outcomes without what only a preview has, or only the real answer."""
    bare = [each | {"change_id": None} for each in outcomes]
    return [each | {"change": each["change"] and each["change"] | {"item": None}} for each in bare]


def change_id(outcomes: Sequence[dict[str, Any]]) -> str:
    """The id of the changes of a batch."""
    [found] = {each["change_id"] for each in outcomes} - {None}
    return str(found)


async def undo(catalog: Catalog, shop: Shop, change: str) -> dict[str, Any]:
    """Undo these changes, and do all work; return the undo with its products."""
    status, begun = await catalog.call("POST", f"/v1/merchants/{shop.id}/changes/{change}:undo")
    assert status == 202, begun
    await catalog.run_until_idle()
    return await details(catalog, shop, begun["change_id"])


async def details(catalog: Catalog, shop: Shop, change: str) -> dict[str, Any]:
    status, found = await catalog.call("GET", f"/v1/merchants/{shop.id}/changes/{change}")
    assert status == 200, found
    return dict(found)


async def stored(catalog: Catalog, shop: Shop) -> dict[str, Any]:
    _, page = await catalog.call("GET", f"/v1/merchants/{shop.id}/products")
    return {
        each["product_id"]: {name: each[name] for name in ("name", "sku", "price", "status")}
        for each in page["products"]
    }


async def test_a_preview_stores_nothing(catalog: Catalog) -> None:
    """It answers field by field with what would be stored, in the shape of the real answer."""
    shop = await catalog.connected()
    await send(catalog, shop, [row("p-1"), row("p-2"), row("p-3")])
    before = await stored(catalog, shop)
    rows = [row("p-1", price=1500), row("p-2", status="draft"), row("p-3"), row("p-4"), row("p-5", sku="SKU-p-1")]
    previewed = await send(catalog, shop, rows, dry_run=True)

    assert await stored(catalog, shop) == before
    assert [each["change"] and (each["change"]["effect"], each["change"]["hides"]) for each in previewed] == [
        ("changed", False),
        ("changed", True),
        ("unchanged", False),
        ("new", False),
        None,
    ]
    assert [each["change"]["fields"] for each in previewed[:4]] == [
        [{"field": "price", "before": 1250, "after": 1500}],
        [{"field": "status", "before": "active", "after": "draft"}],
        [],
        [],
    ]
    assert as_stored(await send(catalog, shop, rows)) == as_stored(previewed)


async def test_a_preview_tells_what_becomes_of_the_items(catalog: Catalog) -> None:
    """Which are created, which are linked and what they lose thereby, and where a person has to decide."""
    shop = await catalog.connected()
    await send(catalog, shop, [row("p-1"), row("p-2")])
    await catalog.run_until_idle()
    for sku, name in (("free", "Old mug"), ("TWICE", "One"), ("TWICE", "Two")):
        catalog.till(shop, "create_item", name=name, price=1250, sku=sku)
    await catalog.sweep()
    rows = [row("p-1", price=900), row("p-2"), row("p-3"), row("p-4", sku="FREE", price=1250), row("p-5", sku="TWICE")]
    items = [each["change"]["item"] for each in await send(catalog, shop, rows, dry_run=True)]

    assert [each["action"] for each in items] == ["update", "none", "create", "link", "hold"]
    assert items[0]["fields"] == [{"field": "price", "before": 1250, "after": 900}]
    assert [(each["field"], each["before"]) for each in items[3]["fields"]] == [("name", "Old mug"), ("sku", "free")]
    assert "2 items" in items[4]["reason"]


few = st.sampled_from("abc")


@pytest.fixture
async def shop(catalog: Catalog) -> Shop:
    return await catalog.connected()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.dictionaries(few, few, max_size=3), rows=st.lists(st.tuples(few, few), max_size=6))
async def test_a_preview_answers_as_the_request_would(
    catalog: Catalog, shop: Shop, before: dict[str, str], rows: list[tuple[str, str]]
) -> None:
    """For any products and SKUs, with each product once."""
    await catalog.fetch("DELETE FROM product")
    await send(catalog, shop, [row(product_id, sku=sku) for product_id, sku in before.items()])
    batch = [row(product_id, sku=sku) for product_id, sku in dict(rows).items()]
    previewed = await send(catalog, shop, batch, dry_run=True)

    assert as_stored(await send(catalog, shop, batch)) == as_stored(previewed)


def shown(catalog: Catalog, shop: Shop) -> dict[str, Any]:
    """The items that Clover has, by id."""
    names = ("name", "sku", "price", "hidden", "code", "alternateName", "priceType", "unitName")
    there = [each for each in catalog.items(shop) if not each.get("deleted")]
    return {each["id"]: {name: each.get(name) or None for name in names} for each in there}


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


async def test_a_preview_tells_that_a_deleted_item_is_made_anew(catalog: Catalog) -> None:
    """Saving a product does so, unless it is archived."""
    shop = await catalog.connected()
    await send(catalog, shop, [row("p-1"), row("p-2")])
    await catalog.run_until_idle()
    for item in catalog.items(shop):
        catalog.till(shop, "delete_item", item=item["id"])
    await catalog.sweep()
    previewed = await send(catalog, shop, [row("p-1"), row("p-2", status="archived")], dry_run=True)

    assert [each["change"]["item"]["action"] for each in previewed] == ["create", "none"]


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


async def test_changes_are_listed(catalog: Catalog) -> None:
    """Newest first, page by page; a request that changes nothing is not among them."""
    shop = await catalog.connected()
    made = [change_id(await send(catalog, shop, [row("p-1", price=price)])) for price in (1, 2, 3)]
    unchanged = await send(catalog, shop, [row("p-1", price=3)])
    _, first = await catalog.call("GET", f"/v1/merchants/{shop.id}/changes?limit=2")
    _, second = await catalog.call("GET", f"/v1/merchants/{shop.id}/changes?limit=2&cursor={first['next']}")

    assert unchanged[0]["change_id"] is None
    assert [each["change_id"] for each in first["changes"] + second["changes"]] == made[::-1]
    assert second["next"] is None


async def test_all_portions_of_a_batch_are_one_change(catalog: Catalog) -> None:
    """Also a product that occurs in several of them, which keeps what it had before the first."""
    shop = await catalog.connected()
    await send(catalog, shop, [row("p-0")])
    rows = [*(row(f"p-{number}") for number in range(1, 150)), row("p-0", price=7)]
    made = await send(catalog, shop, [row("p-0", price=5, name="Cup"), *rows])
    found = await details(catalog, shop, change_id(made))
    await undo(catalog, shop, change_id(made))

    assert (found["new"], found["changed"]) == (149, 2)
    assert [(each["field"], each["before"], each["after"]) for each in found["products"][0]["fields"]] == [
        ("name", "Mug", "Mug"),
        ("price", 1250, 7),
    ]
    assert (await stored(catalog, shop))["p-0"]["price"] == 1250


@pytest.mark.parametrize("path", ["changes/nothing", "changes/0199f3c2-8a4e-7b3c-9d21-5f0e6a7b8c9d"])
async def test_unknown_changes(catalog: Catalog, path: str) -> None:
    shop = await catalog.connected()

    assert (await catalog.call("GET", f"/v1/merchants/{shop.id}/{path}"))[0] == 404
    assert (await catalog.call("POST", f"/v1/merchants/{shop.id}/{path}:undo"))[0] == 404


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
