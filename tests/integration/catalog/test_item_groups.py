"""The item group of a parent is renamed, kept and deleted with its variants, and noticed when Clover changes it."""

import pytest
from tests.integration.catalog.changes import change_id, send, undo
from tests.integration.catalog.conftest import Catalog, Shop
from tests.integration.catalog.variants import EXPECTED, groups, reason, row, sizes, states, synced, variant

from clover_sandbox.rest.inventory_kinds import ITEM_GROUPS, ITEMS
from clover_sandbox.rest.objects import drop
from clover_sandbox.rest.variants import name_variants
from common.contracts.catalog import ProductChanged
from common.contracts.clover import ObjectChanged


async def rename(catalog: Catalog, shop: Shop, kind: str, before: str, after: str) -> None:
    """Rename an item group or an option in Clover, which names the items anew and sends webhooks of them."""
    merchant = catalog.clover.world.merchants[shop.id]
    every = [item["id"] for item in catalog.items(shop)]
    for item_id in every:
        await catalog.hear(shop, item_id)
    [found] = [each for each in merchant.objects[kind] if each["name"] == before]
    merchant.objects[kind].change(found["id"], {"name": after})
    name_variants(merchant, every)
    for item_id in every:
        await catalog.hear(shop, item_id)


async def test_the_group_is_renamed(catalog: Catalog) -> None:
    """The name that was sent last is that of the group, and all its variants show it."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    await synced(catalog, shop, [row("m", variant(name="Tee", Size="Medium", Colour="Blue"))])
    assert list(groups(catalog, shop)) == ["Tee"]
    assert (await catalog.product(shop, "s"))["variant"]["name"] == "Tee"
    for item in catalog.items(shop):
        await catalog.hear(shop, item["id"])
    assert set((await states(catalog, shop)).values()) == {"synced"}
    assert {item["name"].split()[0] for item in catalog.items(shop)} == {"Tee"}


@pytest.mark.parametrize("kind", ["item_groups", "options"])
async def test_a_part_renamed_in_clover_is_put_back(catalog: Catalog, kind: str) -> None:
    """Only the names that Clover builds for the items tell of it."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    await rename(catalog, shop, kind, {"item_groups": "T-shirt", "options": "Medium"}[kind], "Theirs")
    found = groups(catalog, shop)
    assert {name: items for name, (_, items) in found.items()} == {"T-shirt": EXPECTED["T-shirt"][1]}
    assert set((await states(catalog, shop)).values()) == {"synced"}


async def test_a_part_renamed_in_clover_is_taken_over_where_clover_is_the_master(catalog: Catalog) -> None:
    """The products say what Clover shows, and nothing is written."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    change = {"settings": {"catalog_master": "clover"}}
    assert (await catalog.call("PATCH", f"/v1/merchants/{shop.id}", change))[0] == 200
    await rename(catalog, shop, "item_groups", "T-shirt", "Theirs")
    changed = await catalog.emitted(ProductChanged)
    assert {each.product_id: [edit.model_dump() for edit in each.changes] for each in changed} == {
        each: [{"field": "variant.name", "before": "T-shirt", "after": "Theirs", "is_conflict": False}]
        for each in ("l", "m", "s")
    }
    assert len(changed) == 3
    await rename(catalog, shop, "options", "Medium", "Middle")
    shown = (await catalog.product(shop, "m"))["variant"]
    assert (shown["name"], shown["options"]) == ("Theirs", {"Size": "Middle", "Colour": "Blue"})
    assert list(groups(catalog, shop)) == ["Theirs"]
    assert groups(catalog, shop)["Theirs"][1]["SKU-m"] == ["Blue", "Middle"]
    assert set((await states(catalog, shop)).values()) == {"synced"}


async def test_variants_sent_as_before_leave_what_clover_renamed(catalog: Catalog) -> None:
    """A catalogue that is sent every night undoes no rename made in Clover, the master. A new name counts."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    change = {"settings": {"catalog_master": "clover"}}
    assert (await catalog.call("PATCH", f"/v1/merchants/{shop.id}", change))[0] == 200
    await rename(catalog, shop, "item_groups", "T-shirt", "Theirs")
    await rename(catalog, shop, "options", "Medium", "Middle")
    await synced(catalog, shop, sizes())
    assert list(groups(catalog, shop)) == ["Theirs"]
    assert groups(catalog, shop)["Theirs"][1]["SKU-m"] == ["Blue", "Middle"]
    assert (await catalog.product(shop, "m"))["variant"]["name"] == "Theirs"
    await synced(catalog, shop, [each | {"variant": each["variant"] | {"name": "Ours"}} for each in sizes()])
    assert list(groups(catalog, shop)) == ["Ours"]


async def test_a_parent_with_another_id_keeps_its_group(catalog: Catalog) -> None:
    """Once all variants have moved to the new id, the item group is that of the new one."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    await synced(catalog, shop, [each | {"variant": each["variant"] | {"group": "new"}} for each in sizes()])
    assert set((await states(catalog, shop)).values()) == {"synced"}
    assert groups(catalog, shop) == EXPECTED


async def test_an_empty_group_is_purged_with_its_last_variant(catalog: Catalog) -> None:
    """A hidden variant keeps the group; when the last one is purged, the group is deleted as well."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    for product_id, query in {"s": "?purge=true", "m": "", "l": "?purge=true"}.items():
        await catalog.call("DELETE", f"/v1/merchants/{shop.id}/products/{product_id}{query}")
    await catalog.run_until_idle()
    assert list(groups(catalog, shop)) == ["T-shirt"]
    await synced(catalog, shop, sizes()[1:2])
    await catalog.call("DELETE", f"/v1/merchants/{shop.id}/products/m?purge=true")
    await catalog.run_until_idle()
    assert groups(catalog, shop) == {}
    await synced(catalog, shop, sizes())
    assert groups(catalog, shop) == EXPECTED


async def test_an_undo_of_new_variants_deletes_their_group(catalog: Catalog) -> None:
    """Clover has neither items nor a group of them in the end."""
    shop = await catalog.connected()
    made = await send(catalog, shop, sizes())
    await catalog.run_until_idle()
    assert groups(catalog, shop) == EXPECTED
    await undo(catalog, shop, change_id(made))
    assert (await states(catalog, shop), groups(catalog, shop)) == ({}, {})
    assert all(item["deleted"] for item in catalog.items(shop))


@pytest.mark.parametrize("kind", ["apply_then_drop", "fail_before"])
async def test_the_deletion_of_a_group_is_repeated(catalog: Catalog, kind: str) -> None:
    """Whether it was applied or not, the group is gone in the end."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes()[:1])
    catalog.clover.faults.add({"kind": kind, "method": "DELETE", "path": "item_groups/", "times": 1})
    await catalog.call("DELETE", f"/v1/merchants/{shop.id}/products/s?purge=true")
    await catalog.run_until_idle()
    catalog.clock.advance(60)
    await catalog.run_until_idle()
    assert groups(catalog, shop) == {}


async def test_the_webhook_of_a_group_reads_its_items(catalog: Catalog) -> None:
    """Items that were deleted with their group are noticed."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    catalog.clover.switches.set({"group_deleted": "items_too"})
    merchant = catalog.clover.world.merchants[shop.id]
    [group] = merchant.objects["item_groups"]
    for item in catalog.items(shop):
        drop(merchant, ITEMS, item["id"])
    drop(merchant, ITEM_GROUPS, group["id"])
    await catalog.deliver(
        ObjectChanged(merchant_id=shop.id, kind="IG", object_id=group["id"], action="DELETE", sent_at=1)
    )
    catalog.clock.advance(5)
    await catalog.run_until_idle()
    assert set((await states(catalog, shop)).values()) == {"held"}
    assert (await catalog.product(shop, "s"))["deleted_item_id"]
    await synced(catalog, shop, sizes())
    assert groups(catalog, shop) == EXPECTED


async def test_a_group_that_was_deleted_in_clover_is_made_anew(catalog: Catalog) -> None:
    """A new variant whose group is gone without a webhook gets another one."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes()[:1])
    merchant = catalog.clover.world.merchants[shop.id]
    [item], [group] = catalog.items(shop), merchant.objects["item_groups"]
    drop(merchant, ITEMS, item["id"])
    drop(merchant, ITEM_GROUPS, group["id"])
    await synced(catalog, shop, sizes()[1:2])
    catalog.clock.advance(10)
    assert await catalog.synced(shop, "m"), await reason(catalog, shop, "m")
    assert groups(catalog, shop) == {
        "T-shirt": ({"Size": ["Medium"], "Colour": ["Blue"]}, {"SKU-m": ["Blue", "Medium"]})
    }
