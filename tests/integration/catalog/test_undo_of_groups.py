"""An undo gives item groups their names back, and removes the options and labels that were created for the changes."""

import pytest
from tests.integration.catalog.changes import change_id, details, send, undo
from tests.integration.catalog.conftest import Catalog
from tests.integration.catalog.labels import create, names
from tests.integration.catalog.truth import difference, truth
from tests.integration.catalog.variants import add_group, choose_option, groups, row, sizes, synced, variant

from clover_sandbox.rest.inventory_kinds import ITEM_GROUPS
from clover_sandbox.rest.objects import alter

BOTH = {"s": "Small", "m": "Medium"}


async def test_a_group_that_a_batch_took_over_is_as_before(catalog: Catalog) -> None:
    """Its name, the options of its items, and no option that was created for the batch."""
    shop = await catalog.connected()
    add_group(catalog, shop, "Shirts", "Size", "SKU-s", "SKU-m")
    await catalog.sweep()
    before = truth(catalog, shop)
    made = await send(catalog, shop, [row(each, variant(Size=size, Colour="Red")) for each, size in BOTH.items()])
    await catalog.run_until_idle()
    [(name, (options, _))] = groups(catalog, shop).items()
    assert (name, options["Colour"]) == ("T-shirt", ["Red"])
    undone = await undo(catalog, shop, change_id(made))
    assert difference(before, truth(catalog, shop)) == {}
    assert (undone["skipped"], undone["restoring"]) == (0, 0)


async def test_a_linked_item_that_became_a_variant_is_as_before(catalog: Catalog) -> None:
    """Its product said nothing of its options and its group until the batch did."""
    shop = await catalog.connected()
    add_group(catalog, shop, "Shirts", "Size", "SKU-s", "SKU-m")
    await catalog.sweep()
    await synced(catalog, shop, [row("s", None)])
    [old] = [each["id"] for each in catalog.items(shop) if each["sku"] == "SKU-s"]
    await catalog.call("POST", f"/v1/merchants/{shop.id}/links", {"product_id": "s", "item_id": old})
    assert await catalog.synced(shop, "s")
    before = truth(catalog, shop)
    made = await send(catalog, shop, [row("s", variant(Size="Small"))])
    await catalog.run_until_idle()
    assert groups(catalog, shop)["T-shirt"][1]["SKU-s"] == ["Small"]
    await undo(catalog, shop, change_id(made))
    assert difference(before, truth(catalog, shop)) == {}
    assert await catalog.synced(shop, "s")


async def test_a_group_that_was_renamed_since_keeps_its_name(catalog: Catalog) -> None:
    """The undo names the variant; all else is restored."""
    shop = await catalog.connected()
    group = add_group(catalog, shop, "Shirts", "Size", "SKU-s", "SKU-m")
    await catalog.sweep()
    made = await send(catalog, shop, [row("s", variant(Size="Small"))])
    await catalog.run_until_idle()
    alter(catalog.clover.world.merchants[shop.id], ITEM_GROUPS, group, {"name": "Summer"})
    undone = await undo(catalog, shop, change_id(made))
    found = await details(catalog, shop, undone["change_id"])
    assert (found["skipped"], found["restoring"]) == (1, 0)
    assert found["products"][0]["skipped"] == ["variant"]
    assert groups(catalog, shop)["Summer"] == ({"Size": ["Old 0", "Old 1"]}, {"SKU-s": ["Old 0"], "SKU-m": ["Old 1"]})


async def test_a_new_variant_that_renamed_its_group_gives_the_name_back(catalog: Catalog) -> None:
    """The other variants of the parent have the name as well, and no row of the batch was theirs."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes()[:2])
    before = truth(catalog, shop)
    made = await send(catalog, shop, [row("l", variant(name="Tee", Size="Large", Colour="Blue"))])
    await catalog.run_until_idle()
    assert set(groups(catalog, shop)) == {"Tee"}
    await undo(catalog, shop, change_id(made))
    assert difference(before, truth(catalog, shop)) == {}
    assert (await catalog.product(shop, "s"))["variant"]["name"] == "T-shirt"


async def test_a_parent_that_another_request_renamed_since_keeps_its_name(catalog: Catalog) -> None:
    """The new variant is deleted, and the undo names it."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes()[:2])
    made = await send(catalog, shop, [row("l", variant(name="Tee", Size="Large", Colour="Blue"))])
    await synced(catalog, shop, [row("s", variant(name="Polo", Size="Small", Colour="Blue"))])
    undone = await undo(catalog, shop, change_id(made))
    found = [(each["product_id"], each["effect"], each["skipped"]) for each in undone["products"]]
    assert found == [("l", "deleted", ["variant"])]
    [(name, (_, items))] = groups(catalog, shop).items()
    assert (name, sorted(items)) == ("Polo", ["SKU-m", "SKU-s"])


async def test_an_option_that_is_used_since_stays(catalog: Catalog) -> None:
    """A person gave it to another item of the group."""
    shop = await catalog.connected()
    add_group(catalog, shop, "Shirts", "Size", "SKU-s", "SKU-m")
    await catalog.sweep()
    made = await send(catalog, shop, [row("s", variant(Size="Small"))])
    await catalog.run_until_idle()
    choose_option(catalog, shop, "SKU-m", "Small")
    await undo(catalog, shop, change_id(made))
    expected = ({"Size": ["Old 0", "Old 1", "Small"]}, {"SKU-s": ["Old 0"], "SKU-m": ["Small"]})
    assert groups(catalog, shop) == {"Shirts": expected}


async def test_an_option_from_before_the_changes_stays(catalog: Catalog) -> None:
    """QuickSync created it as well, but earlier; nothing has it when the batch comes."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    await synced(catalog, shop, [row("m", variant(Size="Medium", Colour="Red"))])
    await synced(catalog, shop, sizes())
    before = truth(catalog, shop)
    made = await send(catalog, shop, [row("m", variant(Size="Medium", Colour="Red"))])
    await catalog.run_until_idle()
    await undo(catalog, shop, change_id(made))
    assert groups(catalog, shop)["T-shirt"][0]["Colour"] == ["Blue", "Red"]
    assert difference(before, truth(catalog, shop)) == {}


@pytest.mark.parametrize("kind", ["apply_then_drop", "drop_before_apply"])
async def test_a_group_is_restored_although_answers_are_lost(catalog: Catalog, kind: str) -> None:
    """Repeated writes do no harm: a deletion of a part that is gone, and a name that the group has already."""
    shop = await catalog.connected()
    add_group(catalog, shop, "Shirts", "Size", "SKU-s", "SKU-m")
    await catalog.sweep()
    before = truth(catalog, shop)
    made = await send(catalog, shop, [row(each, variant(Size=size, Colour="Red")) for each, size in BOTH.items()])
    await catalog.run_until_idle()
    for method, path in (("DELETE", "options/"), ("DELETE", "attributes/[^/]+$"), ("POST", "item_groups/")):
        catalog.clover.faults.add({"kind": kind, "method": method, "path": path, "times": 1})
    await undo(catalog, shop, change_id(made))
    for _ in range(3):
        catalog.clock.advance(60)
        await catalog.run_until_idle()
    assert difference(before, truth(catalog, shop)) == {}


@pytest.mark.parametrize("changed", [{"create_settles_seconds": 60.0}])
async def test_what_lost_answers_created_is_removed(catalog: Catalog) -> None:
    """It is known as ours, as it was about to be created."""
    shop = await catalog.connected()
    add_group(catalog, shop, "Shirts", "Size", "SKU-s", "SKU-m")
    await catalog.sweep()
    before = truth(catalog, shop)
    for path in ("attributes$", "options$", "categories$", "tags$"):
        catalog.clover.faults.add({"kind": "apply_then_drop", "method": "POST", "path": path, "times": 1})
    labels = {"categories": ["Cups"], "tags": ["new"]}
    made = await send(
        catalog, shop, [row(each, variant(Size=size, Colour="Red"), **labels) for each, size in BOTH.items()]
    )
    for _ in range(6):
        await catalog.run_until_idle()
        catalog.clock.advance(61)
    assert groups(catalog, shop)["T-shirt"][1]["SKU-s"] == ["Red", "Small"]
    await undo(catalog, shop, change_id(made))
    assert difference(before, truth(catalog, shop)) == {}


async def test_labels_that_were_created_for_the_changes_are_removed(catalog: Catalog) -> None:
    """Not those that were there before, that a product still states, or that an item got at the till since."""
    shop = await catalog.connected()
    create(catalog, shop, "categories", "Old")
    catalog.add_item(shop, sku="till")
    await synced(catalog, shop, [row("before", None, tags=["first"])])
    made = await send(
        catalog, shop, [row("p", None, categories=["Old", "Cups", "Gifts", "Used"], tags=["first", "new"])]
    )
    await catalog.run_until_idle()
    await synced(catalog, shop, [row("since", None, categories=["gifts"])])
    catalog.till(shop, "label_item", kind="categories", label="Used", sku="till")
    assert names(catalog, shop, "categories") == ["Cups", "Gifts", "Old", "Used"]
    await undo(catalog, shop, change_id(made))
    assert names(catalog, shop, "categories") == ["Gifts", "Old", "Used"]
    assert names(catalog, shop, "tags") == ["first"]


async def test_removed_labels_and_options_come_back_with_an_undo_of_the_undo(catalog: Catalog) -> None:
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    rows = [row("m", variant(Size="Medium", Colour="Red"), categories=["Cups"])]
    first = await undo(catalog, shop, change_id(await send(catalog, shop, rows)))
    await undo(catalog, shop, first["change_id"])
    assert groups(catalog, shop)["T-shirt"][1]["SKU-m"] == ["Medium", "Red"]
    assert names(catalog, shop, "categories") == ["Cups"]
    assert await catalog.synced(shop, "m")


async def test_a_group_without_items_goes_with_its_products(catalog: Catalog) -> None:
    """Clover refuses the items, so that the group alone was created."""
    shop = await catalog.connected()
    before = truth(catalog, shop)
    catalog.clover.faults.add({"kind": "refuse", "status": 400, "method": "POST", "path": "items$"})
    made = await send(catalog, shop, sizes()[:1])
    await catalog.run_until_idle()
    assert len(groups(catalog, shop)) == 1
    await undo(catalog, shop, change_id(made))
    assert difference(before, truth(catalog, shop)) == {}
