"""A variant and an item are linked where both have the same structure; where they differ a person decides."""

import pytest
from tests.integration.catalog.changes import change_id, send, undo
from tests.integration.catalog.conftest import Catalog
from tests.integration.catalog.variants import (
    SIZES,
    add_group,
    choose_option,
    groups,
    reason,
    row,
    sizes,
    states,
    synced,
    variant,
)


async def test_existing_variants_are_linked_with_their_group(catalog: Catalog) -> None:
    """Items are found by SKU; the group that they are in is that of the parent, and new variants join it."""
    shop = await catalog.connected()
    group = add_group(catalog, shop, "Shirts", "size", "SKU-s", "SKU-m")
    await catalog.sweep()
    rows = [row(each, variant(Size=size)) for each, size in SIZES.items()]
    outcomes = await send(catalog, shop, rows, dry_run=True)
    assert [each["change"]["item"]["action"] for each in outcomes] == ["link", "link", "create"]
    await synced(catalog, shop, rows)
    assert set((await states(catalog, shop)).values()) == {"synced"}
    options = {"size": ["Large", "Medium", "Old 0", "Old 1", "Small"]}
    assert groups(catalog, shop) == {
        "T-shirt": (options, {"SKU-s": ["Small"], "SKU-m": ["Medium"], "SKU-l": ["Large"]})
    }
    assert {item["itemGroup"]["id"] for item in catalog.items(shop)} == {group}


@pytest.mark.parametrize("ends", ["unlink", "undo"])
async def test_a_variant_linked_by_mistake_gets_its_options_back(catalog: Catalog, ends: str) -> None:
    """Clover builds the name of an item from its options, so it is called as before again; its group stays."""
    shop = await catalog.connected()
    add_group(catalog, shop, "Shirts", "Size", "SKU-s", "SKU-m")
    await catalog.sweep()
    made = await send(catalog, shop, [row("s", variant(Size="Small"))])
    await catalog.run_until_idle()
    assert groups(catalog, shop)["T-shirt"][1] == {"SKU-s": ["Small"], "SKU-m": ["Old 1"]}
    if ends == "unlink":
        await catalog.call("DELETE", f"/v1/merchants/{shop.id}/links/s")
    else:
        await undo(catalog, shop, change_id(made))
    await catalog.run_until_idle()
    [(_, items)] = groups(catalog, shop).values()
    assert items == {"SKU-s": ["Old 0"], "SKU-m": ["Old 1"]}
    assert sorted(each["name"].split(" ", 1)[1] for each in catalog.items(shop)) == ["Old 0", "Old 1"]


async def test_options_that_were_edited_since_the_link_stay(catalog: Catalog) -> None:
    """Only what QuickSync wrote is put back."""
    shop = await catalog.connected()
    add_group(catalog, shop, "Shirts", "Size", "SKU-s", "SKU-m")
    await catalog.sweep()
    await synced(catalog, shop, [row("s", variant(Size="Small"))])
    choose_option(catalog, shop, "SKU-s", "Old 1")
    await catalog.call("DELETE", f"/v1/merchants/{shop.id}/links/s")
    await catalog.run_until_idle()
    assert groups(catalog, shop)["T-shirt"][1] == {"SKU-s": ["Old 1"], "SKU-m": ["Old 1"]}


async def test_an_attribute_that_a_variant_of_nobody_would_lack_is_held(catalog: Catalog) -> None:
    """The reason names it, and what to do; once that variant is a product as well, all of them get it."""
    shop = await catalog.connected()
    add_group(catalog, shop, "Shirts", "Size", "SKU-s", "SKU-xl")
    await catalog.sweep()
    await synced(catalog, shop, sizes())
    assert "left without Colour" in await reason(catalog, shop, "s")
    assert "left without Colour" in await reason(catalog, shop, "m")
    assert len(catalog.items(shop)) == 2
    await synced(catalog, shop, [*sizes(), row("xl", variant(Size="Extra large", Colour="Blue"))])
    assert set((await states(catalog, shop)).values()) == {"synced"}
    [(_, items)] = groups(catalog, shop).values()
    assert items["SKU-xl"] == ["Blue", "Extra large"]
    assert items["SKU-s"] == ["Blue", "Small"]
    assert len(catalog.items(shop)) == 4


@pytest.mark.parametrize("is_variant", [True, False])
async def test_a_differing_structure_is_for_a_person_to_decide(catalog: Catalog, is_variant: bool) -> None:
    """A variant whose match is a plain item, or the other way round, is a conflict; what is decided is carried out."""
    shop = await catalog.connected()
    if is_variant:
        item = catalog.add_item(shop, sku="SKU-s", name="Mine")
    else:
        add_group(catalog, shop, "Shirts", "Size", "SKU-s")
        [item] = [each["id"] for each in catalog.items(shop)]
    await catalog.sweep()
    await synced(catalog, shop, [row("s", variant(Size="Small") if is_variant else None)])
    _, body = await catalog.call("GET", f"/v1/merchants/{shop.id}/links?state=conflict")
    [conflict] = [each["conflict"] for each in body["links"]]
    assert (conflict["kind"], conflict["proposal"]["item_id"]) == ("other_structure", item)
    assert conflict["items"][0]["is_variant"] is not is_variant
    status, _ = await catalog.call("POST", f"/v1/merchants/{shop.id}/links", {"product_id": "s", "item_id": item})
    assert status == 202
    assert await catalog.synced(shop, "s"), await reason(catalog, shop, "s")
    [shown] = catalog.items(shop)
    assert (shown["name"], shown["price"]) == ("Tee" if is_variant else "Shirts Old 0", 1900)
    assert len(groups(catalog, shop)) == (0 if is_variant else 1)


async def test_an_item_never_moves_to_another_group(catalog: Catalog) -> None:
    """The product is held with what to do: it gets a new item in the other group, or its former group."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    await synced(catalog, shop, [row("m", variant("polo", "Polo", Size="Medium"))])
    assert "variant of another group" in await reason(catalog, shop, "m")
    await synced(catalog, shop, [row("m", variant(Size="Medium", Colour="Blue"))])
    assert await catalog.synced(shop, "m")
    await synced(catalog, shop, [row("m", variant("polo", "Polo", Size="Medium"))])
    await catalog.call("POST", f"/v1/merchants/{shop.id}/links", {"product_id": "m", "item_id": None})
    assert await catalog.synced(shop, "m"), await reason(catalog, shop, "m")
    assert groups(catalog, shop)["Polo"] == ({"Size": ["Medium"]}, {"SKU-m": ["Medium"]})


async def test_a_plain_item_never_becomes_a_variant(catalog: Catalog) -> None:
    """A product that was synced as a plain one is held; a person may leave its item outside the group."""
    shop = await catalog.connected()
    await synced(catalog, shop, [row("m", None)])
    [item] = catalog.items(shop)
    await synced(catalog, shop, [row("m", variant(Size="Medium"), price=2000)])
    assert "belongs to no group" in await reason(catalog, shop, "m")
    await catalog.call("POST", f"/v1/merchants/{shop.id}/links", {"product_id": "m", "item_id": item["id"]})
    assert await catalog.synced(shop, "m"), await reason(catalog, shop, "m")
    assert catalog.items(shop)[0]["price"] == 2000


async def test_an_item_of_another_group_is_a_conflict(catalog: Catalog) -> None:
    """Clover has a variant with the SKU in another group than the one of the parent; a person decides."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes()[:2])
    add_group(catalog, shop, "Shirts", "Size", "SKU-l")
    await catalog.sweep()
    await synced(catalog, shop, sizes())
    assert await states(catalog, shop) == {"s": "synced", "m": "synced", "l": "held"}
    _, body = await catalog.call("GET", f"/v1/merchants/{shop.id}/links?state=conflict")
    [found] = body["links"]
    assert (found["product_id"], found["conflict"]["kind"]) == ("l", "other_structure")
    item_id = found["conflict"]["proposal"]["item_id"]
    await catalog.call("POST", f"/v1/merchants/{shop.id}/links", {"product_id": "l", "item_id": item_id})
    assert await catalog.synced(shop, "l"), await reason(catalog, shop, "l")
    assert groups(catalog, shop)["Shirts"] == ({"Size": ["Old 0"]}, {"SKU-l": ["Old 0"]})
