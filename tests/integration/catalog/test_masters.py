"""The master of the catalogue: edits made in Clover are put back, or become those of the products."""

import pytest
from tests.integration.catalog.conftest import Catalog
from tests.integration.catalog.masters import MASTERS, change, choose, edit, events, synced_shop

from common.contracts.catalog import (
    EditReverted,
    ProductChanged,
    ProductLinked,
)
from common.contracts.problems import ProblemClosed, ProblemOpened


async def test_the_master_is_a_setting(catalog: Catalog) -> None:
    """QuickSync unless the merchant chose Clover; null restores that, and the setting outlasts the connection."""
    shop = await catalog.connected()
    _, body = await catalog.call("GET", f"/v1/merchants/{shop.id}")
    assert body["settings"]["catalog_master"] == "quicksync"
    await choose(catalog, shop, "clover")
    await catalog.call("DELETE", f"/v1/merchants/{shop.id}")
    _, body = await catalog.connect(shop)
    assert body["settings"]["catalog_master"] == "clover"
    await choose(catalog, shop, None)
    status, body = await catalog.call("PATCH", f"/v1/merchants/{shop.id}", {"settings": {"catalog_master": "me"}})
    assert (status, body["errors"][0]["field"]) == (422, "settings.catalog_master")


@pytest.mark.parametrize("webhook", [False, True])
async def test_quicksync_puts_an_edit_back_and_says_so_once(catalog: Catalog, *, webhook: bool) -> None:
    """Neither a repeated webhook nor a sweep nor our own write reports it again; the same edit later is another one."""
    shop, item_id = await synced_shop(catalog, "quicksync")
    for number in (1, 2):
        await edit(catalog, shop, item_id, price=999)
        await (catalog.hear(shop, item_id) if webhook else catalog.sweep())
        assert [each["price"] for each in catalog.items(shop)] == [1250]
        reverted = await catalog.emitted(EditReverted)
        assert [each.changes for each in reverted] == [(change("price", 1250, 999),)] * number
    assert len(await events(catalog)) == 2
    assert (await catalog.product(shop))["sync"]["state"] == "synced"


async def test_clover_as_master_changes_the_product_once(catalog: Catalog) -> None:
    """The product has Clover's value, nothing is written to Clover, and one event says what changed."""
    shop, item_id = await synced_shop(catalog, barcode="4006381333931")
    catalog.clover.journal.forget()
    await edit(catalog, shop, item_id, price=999, name="Cup", code="")
    await catalog.sweep()
    product = await catalog.product(shop)
    assert (product["price"], product["name"], product["barcode"], product["sync"]["state"]) == (
        *(999, "Cup", None),
        "synced",
    )
    [changed] = await events(catalog)
    assert isinstance(changed, ProductChanged)
    assert (changed.product_id, changed.item_id, changed.cause) == ("p-1", item_id, "edited_in_clover")
    assert {each.field: (each.before, each.after) for each in changed.changes} == {
        "name": ("Mug", "Cup"),
        "price": (1250, 999),
        "barcode": ("4006381333931", ""),
    }
    assert {call.split()[0] for call in catalog.calls()} == {"GET"}
    await edit(catalog, shop, item_id, code="00012345678905")  # an emptied field is still the product's
    assert (await catalog.product(shop))["barcode"] == "00012345678905"


@pytest.mark.parametrize(
    ("status", "hidden", "after"),
    [
        ("active", True, "inactive"),
        *((each, False, "active") for each in ("draft", "inactive", "archived")),
    ],
)
async def test_visibility_at_the_till_is_the_status(catalog: Catalog, status: str, *, hidden: bool, after: str) -> None:
    """Hidden there is inactive, shown there is active."""
    shop, item_id = await synced_shop(catalog, status=status)
    await edit(catalog, shop, item_id, hidden=hidden)
    assert (await catalog.product(shop))["status"] == after
    [changed] = await events(catalog)
    assert changed.changes == (change("status", status, after),)
    assert [each["hidden"] for each in catalog.items(shop)] == [hidden]


@pytest.mark.parametrize("status", ["draft", "archived"])
async def test_a_hidden_product_keeps_its_status_while_it_stays_hidden(catalog: Catalog, status: str) -> None:
    """An edit of another field leaves it as it is."""
    shop, item_id = await synced_shop(catalog, status=status)
    await edit(catalog, shop, item_id, hidden=True, price=5)
    assert (await catalog.product(shop))["status"] == status


@MASTERS
async def test_a_field_that_nobody_owns_is_left_alone(catalog: Catalog, master: str) -> None:
    """The product states no alternate name and no cost: the item keeps those of the till, without an event."""
    shop, item_id = await synced_shop(catalog, master)
    await edit(catalog, shop, item_id, alternateName="Becher", cost=7)
    await catalog.put(shop, price=1300)
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    assert (item["alternateName"], item["cost"], item["price"]) == ("Becher", 7, 1300)
    product = await catalog.product(shop)
    assert (product["alternate_name"], product["cost"]) == (None, None)
    assert await events(catalog) == []


@MASTERS
async def test_edits_of_both_sides_are_merged_by_field(catalog: Catalog, master: str) -> None:
    """Different fields both count; of the same one the master's does, and the other stands in the event."""
    shop, item_id = await synced_shop(catalog, master, cost=100)
    catalog.till(shop, "edit_item", item=item_id, price=999, cost=90)
    await catalog.put(shop, price=1300, name="Cup", cost=100)
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    product = await catalog.product(shop)
    is_clover = master == "clover"
    expected = ("Cup", 999, 90) if is_clover else ("Cup", 1300, 100)
    assert (item["name"], item["price"], item["cost"]) == expected
    assert (product["name"], product["price"], product["cost"]) == expected
    [emitted] = await events(catalog)
    assert isinstance(emitted, ProductChanged if is_clover else EditReverted)
    assert emitted.changes == (change("price", 1300, 999, is_conflict=True), change("cost", 100, 90))


async def test_the_same_put_again_keeps_what_was_edited_in_clover(catalog: Catalog) -> None:
    """A caller that repeats what it stated before states nothing new; any other value is a new statement."""
    shop, item_id = await synced_shop(catalog)
    await edit(catalog, shop, item_id, price=999)
    await catalog.put(shop, name="Cup")  # with the price as before
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    assert (item["price"], item["name"]) == (999, "Cup")
    path = f"/v1/merchants/{shop.id}/products:batch"
    row = {"product_id": "p-1", "name": "Cup", "sku": "SKU-p-1", "currency": "USD", "status": "active"}
    for dry_run in ("?dry_run=true", ""):
        _, [outcome] = await catalog.call("POST", path + dry_run, [row | {"price": 1250}])
        assert outcome["change"]["effect"] == "unchanged"
    table = "product_id,sku,price,name\np-1,SKU-p-1,12.50,Bowl\n"
    status, body = await catalog.call_table("POST", f"/v1/merchants/{shop.id}/products:import", table)
    assert status == 200, body
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    assert (item["price"], item["name"]) == (999, "Bowl")

    await catalog.put(shop, price=999, name="Bowl")  # the caller took note of it
    await catalog.put(shop, price=1250, name="Bowl")  # and wants another price
    await catalog.run_until_idle()
    assert [each["price"] for each in catalog.items(shop)] == [1250]
    assert len(await events(catalog)) == 1


async def test_a_sku_of_another_product_is_a_problem(catalog: Catalog) -> None:
    """The link and both SKUs stay until a person corrects one side; other edits of the item count."""
    shop, item_id = await synced_shop(catalog)
    await catalog.put(shop, "p-2")
    await catalog.run_until_idle()
    await edit(catalog, shop, item_id, sku="SKU-p-2", price=999)
    product = await catalog.product(shop)
    assert (product["sku"], product["price"], product["item_id"]) == ("SKU-p-1", 999, item_id)
    assert product["sync"]["state"] == "held"
    assert "belongs to the product p-2" in product["sync"]["reason"]
    await catalog.sweep()
    assert len(await catalog.emitted(ProblemOpened)) == 1

    await edit(catalog, shop, item_id, sku="NEW")
    assert await catalog.synced(shop)
    assert (await catalog.product(shop))["sku"] == "NEW"
    assert [each.sku for each in await catalog.emitted(ProductLinked)][-1] == "NEW"
    assert len(await catalog.emitted(ProblemClosed)) == 1


async def test_a_held_sku_is_solved_in_quicksync_too(catalog: Catalog) -> None:
    """A new SKU of the caller's replaces the impossible one in Clover."""
    shop, item_id = await synced_shop(catalog)
    await edit(catalog, shop, item_id, sku="")
    assert (await catalog.product(shop))["sync"]["state"] == "held"
    await catalog.put(shop, sku="OWN")
    assert await catalog.synced(shop)
    assert [each["sku"] for each in catalog.items(shop)] == ["OWN"]


async def test_an_item_that_is_linked_keeps_its_values(catalog: Catalog) -> None:
    """Clover's values become the product's; a text that is empty there is filled in."""
    shop = await catalog.connected()
    await choose(catalog, shop, "clover")
    item_id = catalog.add_item(shop, sku="sku-P-1", price=900)
    await catalog.sweep()
    await catalog.put(shop, barcode="4006381333931")
    assert await catalog.synced(shop)
    [item] = catalog.items(shop)
    product = await catalog.product(shop)
    assert (item["id"], item["name"], item["price"], item["code"]) == (item_id, "Old mug", 900, "4006381333931")
    assert (product["name"], product["sku"], product["price"]) == ("Old mug", "sku-P-1", 900)
    [changed] = await catalog.emitted(ProductChanged)
    assert (changed.cause, {each.field for each in changed.changes}) == ("linked", {"name", "sku", "price"})
    await catalog.put(shop, barcode="4006381333931")
    await catalog.run_until_idle()
    assert [each["price"] for each in catalog.items(shop)] == [900]


@MASTERS
async def test_categories_changed_at_the_till_are_an_edit(catalog: Catalog, master: str) -> None:
    """They are put back or taken over by their names, and our own associations are no edit."""
    shop, item_id = await synced_shop(catalog, master, categories=["Cups"])
    assert await catalog.synced(shop)
    catalog.till(shop, "create_label", kind="categories", name="Gifts")
    catalog.till(shop, "label_item", item=item_id, kind="categories", label="Gifts")
    await catalog.hear(shop, item_id)
    await catalog.sweep()
    product = await catalog.product(shop)
    expected = ["Cups"] if master == "quicksync" else ["Cups", "Gifts"]
    assert (product["categories"], product["sync"]["state"]) == (expected, "synced")
    [emitted] = await events(catalog)
    assert emitted.changes == (change("categories", ("Cups",), ("Cups", "Gifts")),)
