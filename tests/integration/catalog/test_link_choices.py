"""A person decides about links: conflicts with both sides, links, unlinking without loss, merges and imports."""

from typing import Any

import pytest
from tests.integration.catalog.conftest import Catalog, Shop

from common.contracts.catalog import ProductLinked, ProductUnlinked


async def links(catalog: Catalog, shop: Shop, query: str = "") -> list[dict[str, Any]]:
    status, body = await catalog.call("GET", f"/v1/merchants/{shop.id}/links{query}")
    assert status == 200, body
    return list(body["links"])


async def decide(catalog: Catalog, shop: Shop, method: str = "POST", path: str = "", **body: Any) -> Any:
    """Send a decision that is accepted, and do the work it causes."""
    status, answer = await catalog.call(method, f"/v1/merchants/{shop.id}/links{path}", body or None)
    assert status == 202, answer
    await catalog.run_until_idle()
    return answer


async def known(catalog: Catalog) -> Shop:
    """A merchant with items that are known before the first product."""
    return await catalog.connected()


async def item_of(catalog: Catalog, shop: Shop, product_id: str = "p-1") -> str | None:
    [item_id] = [
        each["item"] and each["item"]["item_id"]
        for each in await links(catalog, shop)
        if each["product_id"] == product_id
    ]
    return str(item_id) if item_id else None


def by_id(catalog: Catalog, shop: Shop) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in catalog.items(shop)}


async def test_duplicates_are_listed_with_both_sides_and_a_proposal(catalog: Catalog) -> None:
    """The proposal, sent back as it is, links the product and ends the conflict."""
    shop = await catalog.connected()
    other = catalog.add_item(shop, sku="SKU-p-1", name="Cup")
    alike = catalog.add_item(shop, sku="SKU-p-1", name="Mug")
    await catalog.put(shop)
    await catalog.run_until_idle()
    [shown] = await links(catalog, shop, "?state=conflict")
    assert (shown["product_id"], shown["item"], shown["conflict"]["kind"]) == ("p-1", None, "several_items")
    assert "2 items with the SKU SKU-p-1" in shown["conflict"]["explanation"]
    assert {each["item_id"]: each["name"] for each in shown["conflict"]["items"]} == {other: "Cup", alike: "Mug"}
    assert shown["conflict"]["proposal"]["item_id"] == alike
    await decide(catalog, shop, **shown["conflict"]["proposal"])
    assert await links(catalog, shop, "?state=conflict") == []
    assert await item_of(catalog, shop) == alike
    assert (await catalog.product(shop))["sync"]["state"] == "synced"
    assert len(catalog.items(shop)) == 2


async def test_a_conflict_ends_when_clover_has_one_item_left(catalog: Catalog) -> None:
    """The person deleted the duplicate at the till instead."""
    shop = await catalog.connected()
    kept, gone = (catalog.add_item(shop, sku="SKU-p-1") for _ in range(2))
    await catalog.put(shop)
    await catalog.run_until_idle()
    catalog.till(shop, "delete_item", item=gone)
    await catalog.hear(shop, gone, "DELETE")
    assert await item_of(catalog, shop) == kept


async def test_an_item_that_differs_in_case_and_spaces_is_linked(catalog: Catalog) -> None:
    """Nothing is created; the item gets the product's own SKU."""
    shop = await catalog.connected()
    there = catalog.add_item(shop, sku="sku - P-1")
    await catalog.put(shop)
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    assert (item["id"], item["sku"]) == (there, "SKU-p-1")


async def test_a_wrong_link_is_undone_without_a_trace(catalog: Catalog) -> None:
    """The item has its own name, price and SKU again, and the product does not take it back by itself."""
    shop = await catalog.connected()
    wrong = catalog.add_item(shop, sku="sku-P-1", name="Cup", price=900)
    before = {name: by_id(catalog, shop)[wrong][name] for name in ("name", "sku", "price")}
    await catalog.put(shop)
    await catalog.run_until_idle()
    assert by_id(catalog, shop)[wrong]["name"] == "Mug"
    answer = await decide(catalog, shop, "DELETE", "/p-1")
    assert answer["state"] == "pending"
    assert {name: by_id(catalog, shop)[wrong][name] for name in before} == before
    [shown] = await links(catalog, shop, "?state=unlinked")
    assert (shown["product_id"], (await catalog.product(shop))["sync"]["state"]) == ("p-1", "unlinked")
    [unlinked] = await catalog.emitted(ProductUnlinked)
    assert (unlinked.item_id, unlinked.replaced_by) == (wrong, None)
    await catalog.put(shop, price=1300)
    await catalog.sweep()
    assert len(catalog.items(shop)) == 1
    assert by_id(catalog, shop)[wrong]["price"] == 900


async def test_a_field_that_was_edited_since_the_link_stays(catalog: Catalog) -> None:
    """Only what QuickSync wrote is put back."""
    shop = await catalog.connected()
    wrong = catalog.add_item(shop, sku="SKU-p-1", name="Cup", price=900)
    await catalog.put(shop)
    await catalog.run_until_idle()
    catalog.clover.world.merchants[shop.id].objects["items"].change(wrong, {"price": 777})
    await decide(catalog, shop, "DELETE", "/p-1")
    assert (by_id(catalog, shop)[wrong]["name"], by_id(catalog, shop)[wrong]["price"]) == ("Cup", 777)


async def test_a_product_is_linked_to_another_item(catalog: Catalog) -> None:
    """The stock moves with the SKU; the item that it had is as before; nothing is doubled."""
    shop = await catalog.connected()
    wrong = catalog.add_item(shop, sku="SKU-p-1", name="Cup")
    right = catalog.add_item(shop, sku="", name="Big mug")
    await catalog.put(shop)
    await catalog.run_until_idle()
    await catalog.sweep()
    await decide(catalog, shop, product_id="p-1", item_id=right)
    assert await item_of(catalog, shop) == right
    assert (by_id(catalog, shop)[right]["sku"], by_id(catalog, shop)[wrong]["name"]) == ("SKU-p-1", "Cup")
    [gone] = await catalog.emitted(ProductUnlinked)
    assert (gone.item_id, gone.replaced_by) == (wrong, right)
    assert [each.item_id for each in await catalog.emitted(ProductLinked)] == [wrong, right]
    assert len(catalog.items(shop)) == 2


async def test_an_item_that_was_created_for_the_product_is_hidden_once_it_has_another(catalog: Catalog) -> None:
    """The till shows one item with the SKU. Linked again, the hidden one is shown as before."""
    shop = await catalog.connected()
    right = catalog.add_item(shop, sku="", name="Big mug")
    await catalog.put(shop)
    await catalog.sweep()
    own = await item_of(catalog, shop)
    assert own not in {None, right}
    await decide(catalog, shop, product_id="p-1", item_id=right)
    shown = [each["id"] for each in catalog.items(shop) if each["sku"] == "SKU-p-1" and not each["hidden"]]
    assert shown == [right]
    await catalog.sweep()
    assert await item_of(catalog, shop) == right
    await decide(catalog, shop, product_id="p-1", item_id=own)
    items = by_id(catalog, shop)
    assert (items[own or ""]["hidden"], items[right]["name"], items[right]["hidden"]) == (False, "Big mug", False)


@pytest.mark.parametrize("gets_new_item", [False, True])
async def test_an_item_that_was_unlinked_is_replaced_like_a_linked_one(catalog: Catalog, gets_new_item: bool) -> None:
    """The services hear which item the SKU's stock goes to, though it had none in between."""
    shop = await catalog.connected()
    wrong = catalog.add_item(shop, sku="SKU-p-1", name="Cup")
    right = catalog.add_item(shop, sku="", name="Big mug")
    await catalog.put(shop)
    await catalog.sweep()
    await decide(catalog, shop, "DELETE", "/p-1")
    await decide(catalog, shop, product_id="p-1", item_id=None if gets_new_item else right)
    now = await item_of(catalog, shop)
    assert (now == right) is not gets_new_item
    gone = [(each.item_id, each.replaced_by) for each in await catalog.emitted(ProductUnlinked)]
    assert gone == [(wrong, None), (wrong, now)]
    assert [each.item_id for each in await catalog.emitted(ProductLinked)] == [wrong, now]


async def test_an_item_is_taken_from_its_product_only_on_purpose(catalog: Catalog) -> None:
    """The other product then gets an item of its own, once its SKU is free in Clover."""
    shop = await catalog.connected()
    there = catalog.add_item(shop, sku="SKU-p-1", name="Cup")
    await catalog.put(shop)
    await catalog.put(shop, "p-2")
    await catalog.run_until_idle()
    status, body = await catalog.call("POST", f"/v1/merchants/{shop.id}/links", {"product_id": "p-2", "item_id": there})
    assert (status, body["errors"][0]["field"]) == (422, "item_id")
    assert "p-1" in body["errors"][0]["problem"]
    await decide(catalog, shop, product_id="p-2", item_id=there, take_from="p-1")
    await catalog.hear(shop, there)
    await catalog.sweep()
    assert await item_of(catalog, shop, "p-2") == there
    assert await item_of(catalog, shop, "p-1") not in {None, there}
    assert by_id(catalog, shop)[there]["sku"] == "SKU-p-2"


async def test_a_person_wants_an_item_of_its_own(catalog: Catalog) -> None:
    """None of the items in conflict is the product's: one is created, once, and a deletion of it is respected."""
    shop = await catalog.connected()
    for _ in range(2):
        catalog.add_item(shop, sku="SKU-p-1")
    await catalog.put(shop)
    await catalog.run_until_idle()
    await decide(catalog, shop, product_id="p-1", item_id=None)
    assert len(catalog.items(shop)) == 3
    own = await item_of(catalog, shop)
    assert own is not None
    catalog.till(shop, "delete_item", item=own)
    await catalog.hear(shop, own, "DELETE")
    assert (await catalog.product(shop))["sync"]["state"] == "held"


async def test_duplicate_items_are_merged(catalog: Catalog) -> None:
    """One is kept and linked, the other is hidden at the till."""
    shop = await catalog.connected()
    kept, double = (catalog.add_item(shop, sku="SKU-p-1") for _ in range(2))
    await catalog.put(shop)
    await catalog.run_until_idle()
    await decide(catalog, shop, "POST", ":merge", product_id="p-1", item_id=kept, duplicates=[double])
    assert await item_of(catalog, shop) == kept
    assert (by_id(catalog, shop)[kept]["hidden"], by_id(catalog, shop)[double]["hidden"]) == (False, True)
    for wrong in ([kept], ["ITEM000000009"]):
        body = {"product_id": "p-1", "item_id": kept, "duplicates": wrong}
        assert (await catalog.call("POST", f"/v1/merchants/{shop.id}/links:merge", body))[0] == 422


async def test_links_are_imported(catalog: Catalog) -> None:
    """The good rows are carried out; each bad one says why."""
    shop = await catalog.connected()
    first, second = (catalog.add_item(shop, sku="", name=name) for name in ("A", "B"))
    for product_id in ("p-1", "p-2"):
        await catalog.put(shop, product_id, status="active")
    await catalog.sweep()
    before = len(catalog.items(shop))
    rows = [
        {"product_id": "p-1", "item_id": first},
        {"product_id": "p-2", "item_id": "ITEM000000009"},
        {"product_id": "p-3", "item_id": second},
        {"product_id": "p-2", "item_id": first},
    ]
    status, outcomes = await catalog.call("POST", f"/v1/merchants/{shop.id}/links:import", rows[:3])
    assert status == 200
    assert [each["outcome"] for each in outcomes] == ["accepted", "refused", "refused"]
    assert [each["errors"][0]["field"] for each in outcomes[1:]] == ["item_id", "product_id"]
    await catalog.run_until_idle()
    assert await item_of(catalog, shop) == first
    _, outcomes = await catalog.call("POST", f"/v1/merchants/{shop.id}/links:import", rows[3:])
    assert outcomes[0]["outcome"] == "refused"
    assert len(catalog.items(shop)) == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"product_id": "nobody", "item_id": None}, "product_id"),
        ({"product_id": "p-1", "item_id": "ITEM000000009"}, "item_id"),
        ({"product_id": "p-1", "item_id": "short"}, "item_id"),
    ],
)
async def test_a_wrong_decision_is_refused(catalog: Catalog, body: dict[str, Any], field: str) -> None:
    """The answer names the field, and nothing is queued."""
    shop = await catalog.connected()
    await catalog.put(shop)
    await catalog.run_until_idle()
    status, answer = await catalog.call("POST", f"/v1/merchants/{shop.id}/links", body)
    assert (status, answer["errors"][0]["field"]) == (422, field)
    assert await catalog.fetch("SELECT FROM link_choice") == []
    assert (await catalog.call("DELETE", f"/v1/merchants/{shop.id}/links/nobody"))[0] == 404


@pytest.mark.parametrize("changed", [{"create_settles_seconds": 60.0}])
async def test_a_decision_waits_for_a_create_without_an_answer(catalog: Catalog) -> None:
    """The item may appear yet; then it is not doubled, and the decision is carried out afterwards."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": "drop_before_apply", "method": "POST", "path": "items$", "times": 1})
    await catalog.put(shop)
    await catalog.run_until_idle()
    chosen = catalog.add_item(shop, sku="ELSE")
    await catalog.hear(shop, chosen, "CREATE")
    await decide(catalog, shop, product_id="p-1", item_id=chosen)
    assert await item_of(catalog, shop) is None
    catalog.clock.advance(61)
    await catalog.run_until_idle()
    catalog.clock.advance(10)
    await catalog.run_until_idle()
    assert len(await catalog.fetch("SELECT FROM link_choice")) == 0


@pytest.mark.parametrize(
    ("ours", "other"),
    [
        ({"sku": "MUG 1"}, {"sku": "mug1"}),
        ({"sku": "A", "barcode": "012345678905"}, {"sku": "B", "barcode": "0012345678905"}),
    ],
)
async def test_products_pushed_apart_do_not_take_one_item(
    catalog: Catalog, ours: dict[str, str], other: dict[str, str]
) -> None:
    """Their SKUs or barcodes are the same to people, so that a person decides, whichever is pushed first."""
    shop = await catalog.connected()
    there = catalog.add_item(shop, sku="Mug1", code="12345678905")
    await catalog.put(shop, "p-2", **other)
    await catalog.fetch("DELETE FROM work WHERE key = 'p-2'")  # another batch has it
    await catalog.put(shop, **ours)
    await catalog.run_until_idle()
    [conflict] = [each["conflict"] for each in await links(catalog, shop, "?state=conflict")]
    assert (conflict["kind"], [each["item_id"] for each in conflict["items"]]) == ("several_products", [there])
