"""Variants are members of one item group in Clover, with an option for each of their values."""

import asyncio

import pytest
from tests.integration.catalog.changes import change_id, send, undo
from tests.integration.catalog.conftest import Catalog
from tests.integration.catalog.variants import (
    EXPECTED,
    SIZES,
    add_group,
    choose_option,
    groups,
    row,
    sizes,
    states,
    synced,
    variant,
)
from tests.support.eventually import eventually

from common.contracts.catalog import ProductLinked


async def test_variants_become_members_of_one_group(catalog: Catalog) -> None:
    """The group, its attributes and options are made once, then the items, and their options in one call."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    assert groups(catalog, shop) == EXPECTED
    assert set((await states(catalog, shop)).values()) == {"synced"}
    assert {item["name"] for item in catalog.items(shop)} == {f"T-shirt {each} Blue" for each in SIZES.values()}
    calls = [call for call in catalog.calls() if not call.startswith("GET")]
    assert calls.count("POST option_items") == 1
    assert len(calls) == 1 + 2 + 4 + 3 + 1
    assert len(await catalog.emitted(ProductLinked)) == 3


async def test_many_variants_are_created_in_one_call(catalog: Catalog) -> None:
    """Items of several groups go in one call, and so do all their options."""
    shop = await catalog.connected()
    rows = [
        row(f"{group}-{size}", variant(group, group.title(), Size=str(size)))
        for group in ("tee", "cap", "sock")
        for size in range(5)
    ]
    await synced(catalog, shop, rows)
    calls = [call for call in catalog.calls() if not call.startswith("GET")]
    assert (calls.count("POST bulk_items"), calls.count("POST option_items")) == (1, 1)
    assert {name: len(items) for name, (_, items) in groups(catalog, shop).items()} == {"Tee": 5, "Cap": 5, "Sock": 5}
    assert set((await states(catalog, shop)).values()) == {"synced"}


async def test_unchanged_variants_cost_no_call(catalog: Catalog) -> None:
    """After Clover has reported the names it made, the same products again write nothing and read nothing."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    for item in catalog.items(shop):
        await catalog.hear(shop, item["id"])
    catalog.clover.journal.forget()
    await synced(catalog, shop, sizes())
    assert catalog.calls() == []
    assert set((await states(catalog, shop)).values()) == {"synced"}


async def test_a_new_variant_joins_its_group(catalog: Catalog) -> None:
    """Its value becomes an option of the attribute that is there."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    catalog.clover.journal.forget()
    await synced(catalog, shop, [row("xl", variant(Size="Extra large", colour="blue"))])
    calls = [call for call in catalog.calls() if not call.startswith("GET")]
    assert [call.partition("/")[0] for call in calls] == ["POST attributes", "POST items", "POST option_items"]
    [(options, items)] = groups(catalog, shop).values()
    assert options == {"Size": ["Extra large", "Large", "Medium", "Small"], "Colour": ["Blue"]}
    assert items["SKU-xl"] == ["Blue", "Extra large"]


async def test_other_values_change_the_options_of_the_item(catalog: Catalog) -> None:
    """The former option is taken from the item; nothing else of it is written."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    await synced(catalog, shop, [row("m", variant(Size="Medium", Colour="Red"))])
    assert groups(catalog, shop)["T-shirt"][1]["SKU-m"] == ["Medium", "Red"]
    assert await catalog.synced(shop, "m")
    [item] = [each for each in catalog.items(shop) if each["sku"] == "SKU-m"]
    assert sorted(item["name"].split()) == ["Medium", "Red", "T-shirt"]


async def test_variants_exchange_their_values_in_one_request(catalog: Catalog) -> None:
    """All of them are sent, so none keeps what another one gets. The items stay the ones they were."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    before = {each["id"]: each["sku"] for each in catalog.items(shop)}
    rows = [row(each, variant(Size=size, Colour="Blue")) for each, size in zip("mls", SIZES.values(), strict=True)]
    assert {each["outcome"] for each in await send(catalog, shop, rows, dry_run=True)} == {"accepted"}
    await synced(catalog, shop, rows)
    assert groups(catalog, shop)["T-shirt"][1] == {
        "SKU-m": ["Blue", "Small"],
        "SKU-l": ["Blue", "Medium"],
        "SKU-s": ["Blue", "Large"],
    }
    assert {each["id"]: each["sku"] for each in catalog.items(shop)} == before
    assert set((await states(catalog, shop)).values()) == {"synced"}


async def test_variants_exchange_their_values_by_a_file(catalog: Catalog) -> None:
    """A row that stays as it is counts as well. The preview tells the same."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    table = (
        "product_id,sku,variant_options\n"
        's,SKU-s,"{""Size"": ""Medium"", ""Colour"": ""Blue""}"\n'
        'm,SKU-m,"{""Size"": ""Small"", ""Colour"": ""Blue""}"\n'
        'l,SKU-l,"{""Size"": ""Large"", ""Colour"": ""Blue""}"\n'
    )
    for query in ("?dry_run=true", ""):
        path = f"/v1/merchants/{shop.id}/products:import{query}"
        _, answer = await catalog.call_table("POST", path, table)
        assert [each["outcome"] for each in answer["rows"]] == ["changed", "changed", "unchanged"]
    await catalog.run_until_idle()
    assert groups(catalog, shop)["T-shirt"][1]["SKU-s"] == ["Blue", "Medium"]


async def test_all_variants_get_another_option_in_one_request(catalog: Catalog) -> None:
    """It becomes an attribute of the item group that they are in."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    rows = [row(each, variant(Size=size, Colour="Blue", Fit="Slim")) for each, size in SIZES.items()]
    catalog.clover.journal.forget()
    await synced(catalog, shop, rows)
    [(options, items)] = groups(catalog, shop).values()
    assert options["Fit"] == ["Slim"]
    assert items["SKU-s"] == ["Blue", "Slim", "Small"]
    calls = [call.partition("/")[0] for call in catalog.calls() if not call.startswith("GET")]
    assert calls == ["POST attributes", "POST attributes", "POST option_items"]
    assert set((await states(catalog, shop)).values()) == {"synced"}


async def test_options_changed_in_clover_are_put_back(catalog: Catalog) -> None:
    """The new name of the item tells that its options are others."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    [item] = [each for each in catalog.items(shop) if each["sku"] == "SKU-m"]
    await catalog.hear(shop, item["id"])
    choose_option(catalog, shop, "SKU-m", "Large")
    await catalog.hear(shop, item["id"])
    assert groups(catalog, shop) == EXPECTED


async def test_rows_that_do_not_fit_are_refused_alone(catalog: Catalog) -> None:
    """Each with field and remedy, in a preview as well; the others are accepted."""
    shop = await catalog.connected()
    rows = [
        *sizes(),
        row("again", variant(Size="small", Colour="Blue")),
        row("other", variant(Size="Small")),
        row("twice", variant(Size="Small", size="Large")),
        row("empty", variant()),
        row("long", variant(Size="x" * 256)),
    ]
    for dry_run in (True, False):
        found = await send(catalog, shop, rows, dry_run=dry_run)
        outcomes = {each["product_id"] or each["row"]: each for each in found}
        assert [key for key, each in outcomes.items() if each["outcome"] == "accepted"] == ["s", "m", "l"]
        [error] = outcomes["again"]["errors"]
        assert (error["field"], error["problem"]) == ("variant.options", "are those of the product s as well")
        assert outcomes["other"]["errors"][0]["problem"].endswith("variants of tee: Size, Colour")
    status, body = await catalog.put(shop, "again", variant=variant(Size="small", Colour="Blue"))
    assert (status, body["errors"][0]["field"]) == (422, "variant.options")


async def test_an_undo_restores_the_variant(catalog: Catalog) -> None:
    """Values and the name of the group are as before, in Clover too."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    changed = await send(catalog, shop, [row("m", variant(name="Tee", Size="Medium", Colour="Red"))])
    await catalog.run_until_idle()
    await undo(catalog, shop, change_id(changed))
    assert (await catalog.product(shop, "m"))["variant"] == variant(Size="Medium", Colour="Blue")
    (options, items) = groups(catalog, shop)["T-shirt"]
    assert items == EXPECTED["T-shirt"][1]
    assert options["Colour"] == ["Blue"]


WAITING_FOR_LOCKS = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.mark.parametrize("way", ["undo", "import", "batch"])
async def test_parents_are_locked_before_their_products(catalog: Catalog, way: str) -> None:
    """A batch of the same variants has the parent, and waits for no product of a request that waits for the parent."""
    shop = await catalog.connected()
    await synced(catalog, shop, [*sizes(), row("plain", None)])
    changed = await send(catalog, shop, [row("m", variant(Size="Medium", Colour="Red"))])
    await catalog.run_until_idle()

    async def request() -> None:
        if way == "undo":
            await undo(catalog, shop, change_id(changed))
        elif way == "batch":  # the plain product is repeated, so the variant comes in the second group of rows
            plain = row("plain", None)
            await send(catalog, shop, [plain, plain, row("m", variant(Size="Medium", Colour="Red"), price=2000)])
        else:
            path, table = f"/v1/merchants/{shop.id}/products:import", "sku,name,price\nSKU-m,Other tee,20.00\n"
            assert (await catalog.call_table("POST", path, table))[0] == 200

    async with catalog.service.database.unit() as batch:
        await batch.conn.execute("SELECT FROM product_group FOR UPDATE")
        running = asyncio.create_task(request())
        await eventually(lambda: catalog.fetch(WAITING_FOR_LOCKS))
        held = ["m", "plain"] if way == "batch" else ["m"]
        await batch.conn.execute("SELECT FROM product WHERE product_id = ANY($1) FOR UPDATE NOWAIT", held)
    await running
    await catalog.run_until_idle()
    product = await catalog.product(shop, "m")
    found = product["variant"]["options"]["Colour"], product["price"]
    assert found == (("Blue", 1900) if way == "undo" else ("Red", 2000))


async def test_options_that_clover_does_not_show_hold_variants_alone(catalog: Catalog) -> None:
    """Other products of the batch go on, and a retry brings the variants to Clover."""
    shop = await catalog.connected()
    add_group(catalog, shop, "Shirts", "Size", "SKU-s")
    await catalog.sweep()
    refusal = {"kind": "refuse", "status": 400, "method": "GET", "path": "expand=options", "times": 1}
    catalog.clover.faults.add(refusal)
    await synced(catalog, shop, [row("s", variant(Size="Small")), row("plain", None)])
    assert await states(catalog, shop) == {"s": "held", "plain": "synced"}
    await synced(catalog, shop, [row("s", variant(Size="Small"))])
    assert await states(catalog, shop) == {"s": "synced", "plain": "synced"}
