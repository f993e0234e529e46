"""Variants are members of one item group in Clover, which is made once, also after crashes and lost answers."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.catalog.conftest import Catalog, Shop
from tests.integration.catalog.deaths import Moments, die_at
from tests.support.eventually import eventually

from catalog.sync.writes import FEW
from clover_sandbox.rest.inventory_kinds import ATTRIBUTES, ITEM_GROUPS, ITEMS, OPTIONS
from clover_sandbox.rest.objects import drop, make
from clover_sandbox.rest.variants import name_variants
from common.contracts.catalog import ProductLinked
from common.contracts.clover import ObjectChanged

SIZES = {"s": "Small", "m": "Medium", "l": "Large"}


def variant(group: str = "tee", name: str = "T-shirt", **options: str) -> dict[str, Any]:
    return {"group": group, "name": name, "options": options}


def row(product_id: str, place: dict[str, Any] | None, **other: Any) -> dict[str, Any]:
    usual = {"name": "Tee", "sku": f"SKU-{product_id}", "price": 1900, "currency": "USD", "status": "active"}
    return {"product_id": product_id, **usual, "variant": place, **other}


def sizes(**other: Any) -> list[dict[str, Any]]:
    return [row(each, variant(Size=size, Colour="Blue"), **other) for each, size in SIZES.items()]


async def send(catalog: Catalog, shop: Shop, rows: list[dict[str, Any]], query: str = "") -> list[Any]:
    status, outcomes = await catalog.call("POST", f"/v1/merchants/{shop.id}/products:batch{query}", rows)
    assert status == 200
    return list(outcomes)


async def synced(catalog: Catalog, shop: Shop, rows: list[dict[str, Any]]) -> None:
    """Send the rows, which are accepted, and bring them to Clover."""
    assert {each["outcome"] for each in await send(catalog, shop, rows)} == {"accepted"}
    await catalog.run_until_idle()


async def states(catalog: Catalog, shop: Shop) -> dict[str, str]:
    _, body = await catalog.call("GET", f"/v1/merchants/{shop.id}/products?limit=500")
    return {each["product_id"]: each["sync"]["state"] for each in body["products"]}


async def reason(catalog: Catalog, shop: Shop, product_id: str) -> str:
    sync = (await catalog.product(shop, product_id))["sync"]
    return f"{sync['state']}: {sync['reason']}"


def groups(catalog: Catalog, shop: Shop) -> dict[str, Any]:
    """Return the item groups in Clover: the options by attribute, and the item's name and options by SKU."""
    merchant = catalog.clover.world.merchants[shop.id]
    found = {}
    for group in merchant.objects["item_groups"]:
        attributes = [each for each in merchant.objects["attributes"] if each["itemGroup"]["id"] == group["id"]]
        options = {
            each["name"]: sorted(o["name"] for o in merchant.objects["options"] if o["attribute"]["id"] == each["id"])
            for each in attributes
        }
        items = {
            item["sku"]: sorted(
                option["name"]
                for option in merchant.found("options", merchant.ties["option_items"].lefts_of(item["id"]))
            )
            for item in merchant.objects["items"]
            if item.get("itemGroup") == {"id": group["id"]}
        }
        assert len(options) == len(attributes)
        assert group["name"] not in found
        found[group["name"]] = (options, items)
    return found


def add_group(catalog: Catalog, shop: Shop, name: str = "Shirts", attribute: str = "Size", *skus: str) -> str:
    """Add a group with an attribute and a member for each SKU, as if it existed before QuickSync; return its id."""
    merchant = catalog.clover.world.merchants[shop.id]
    group = make(merchant, ITEM_GROUPS, {"name": name})["id"]
    attribute_id = make(merchant, ATTRIBUTES, {"name": attribute, "itemGroup": {"id": group}})["id"]
    for number, sku in enumerate(skus):
        option = make(merchant, OPTIONS, {"name": f"Old {number}", "attribute": {"id": attribute_id}})["id"]
        item = catalog.add_item(shop, sku=sku, itemGroup={"id": group})
        merchant.ties["option_items"].tie(option, item)
        name_variants(merchant, [item])
    return str(group)


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


EXPECTED = {
    "T-shirt": (
        {"Size": ["Large", "Medium", "Small"], "Colour": ["Blue"]},
        {"SKU-s": ["Blue", "Small"], "SKU-m": ["Blue", "Medium"], "SKU-l": ["Blue", "Large"]},
    )
}


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


async def test_options_changed_in_clover_are_put_back(catalog: Catalog) -> None:
    """The new name of the item tells that its options are others."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    merchant = catalog.clover.world.merchants[shop.id]
    [item] = [each for each in catalog.items(shop) if each["sku"] == "SKU-m"]
    await catalog.hear(shop, item["id"])
    [large] = [each["id"] for each in merchant.objects["options"] if each["name"] == "Large"]
    [medium] = [each["id"] for each in merchant.objects["options"] if each["name"] == "Medium"]
    merchant.ties["option_items"].untie(medium, item["id"])
    merchant.ties["option_items"].tie(large, item["id"])
    name_variants(merchant, [item["id"]])
    await catalog.hear(shop, item["id"])
    assert groups(catalog, shop) == EXPECTED


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
    await rename(catalog, shop, "options", "Medium", "Middle")
    shown = (await catalog.product(shop, "m"))["variant"]
    assert (shown["name"], shown["options"]) == ("Theirs", {"Size": "Middle", "Colour": "Blue"})
    assert list(groups(catalog, shop)) == ["Theirs"]
    assert groups(catalog, shop)["Theirs"][1]["SKU-m"] == ["Blue", "Middle"]
    assert set((await states(catalog, shop)).values()) == {"synced"}


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
    for query in ("?dry_run=true", ""):
        outcomes = {each["product_id"] or each["row"]: each for each in await send(catalog, shop, rows, query)}
        assert [key for key, each in outcomes.items() if each["outcome"] == "accepted"] == ["s", "m", "l"]
        [error] = outcomes["again"]["errors"]
        assert (error["field"], error["problem"]) == ("variant.options", "are those of the product s as well")
        assert outcomes["other"]["errors"][0]["problem"].endswith("variants of tee: Size, Colour")
    status, body = await catalog.put(shop, "again", variant=variant(Size="small", Colour="Blue"))
    assert (status, body["errors"][0]["field"]) == (422, "variant.options")


async def test_existing_variants_are_linked_with_their_group(catalog: Catalog) -> None:
    """Items are found by SKU; the group that they are in is that of the parent, and new variants join it."""
    shop = await catalog.connected()
    group = add_group(catalog, shop, "Shirts", "size", "SKU-s", "SKU-m")
    await catalog.sweep()
    outcomes = await send(
        catalog, shop, [row(each, variant(Size=size)) for each, size in SIZES.items()], "?dry_run=true"
    )
    assert [each["change"]["item"]["action"] for each in outcomes] == ["link", "link", "create"]
    await synced(catalog, shop, [row(each, variant(Size=size)) for each, size in SIZES.items()])
    assert set((await states(catalog, shop)).values()) == {"synced"}
    options = {"size": ["Large", "Medium", "Old 0", "Old 1", "Small"]}
    assert groups(catalog, shop) == {
        "T-shirt": (options, {"SKU-s": ["Small"], "SKU-m": ["Medium"], "SKU-l": ["Large"]})
    }
    assert {item["itemGroup"]["id"] for item in catalog.items(shop)} == {group}


async def test_an_attribute_that_is_new_to_a_group_is_held(catalog: Catalog) -> None:
    """The items that are in the group would lack it; the reason names it, and what to do."""
    shop = await catalog.connected()
    add_group(catalog, shop, "Shirts", "Size", "SKU-s")
    await catalog.sweep()
    await synced(catalog, shop, sizes())
    assert "variants without Colour" in await reason(catalog, shop, "s")
    assert "variants without Colour" in await reason(catalog, shop, "m")
    assert len(catalog.items(shop)) == 1


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


async def test_a_parent_with_another_id_keeps_its_group(catalog: Catalog) -> None:
    """Once all variants have moved to the new id, the item group is that of the new one."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    await synced(catalog, shop, [each | {"variant": each["variant"] | {"group": "new"}} for each in sizes()])
    assert set((await states(catalog, shop)).values()) == {"synced"}
    assert groups(catalog, shop) == EXPECTED


async def test_an_undo_restores_the_variant(catalog: Catalog) -> None:
    """Values and the name of the group are as before, in Clover too."""
    shop = await catalog.connected()
    await synced(catalog, shop, sizes())
    changed = await send(catalog, shop, [row("m", variant(name="Tee", Size="Medium", Colour="Red"))])
    await catalog.run_until_idle()
    path = f"/v1/merchants/{shop.id}/changes/{changed[0]['change_id']}:undo"
    assert (await catalog.call("POST", path))[0] == 202
    await catalog.run_until_idle()
    assert (await catalog.product(shop, "m"))["variant"] == variant(Size="Medium", Colour="Blue")
    (options, items) = groups(catalog, shop)["T-shirt"]
    assert items == EXPECTED["T-shirt"][1]
    assert options["Colour"] == ["Blue", "Red"]


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
    [first, *_] = await send(catalog, shop, sizes())
    await catalog.run_until_idle()
    assert groups(catalog, shop) == EXPECTED
    await catalog.call("POST", f"/v1/merchants/{shop.id}/changes/{first['change_id']}:undo")
    await catalog.run_until_idle()
    assert (await states(catalog, shop), groups(catalog, shop)) == ({}, {})
    assert all(item["deleted"] for item in catalog.items(shop))


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


@pytest.mark.parametrize("kind", ["apply_then_drop", "drop_before_apply", "fail_after", "truncate"])
@pytest.mark.parametrize("path", ["item_groups$", "attributes$", "options$", "items$", "option_items"])
async def test_a_lost_answer_doubles_nothing(catalog: Catalog, kind: str, path: str) -> None:
    """What was created is found by its name, and what was not is created."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": kind, "method": "POST", "path": path, "times": 1})
    assert {each["outcome"] for each in await send(catalog, shop, sizes())} == {"accepted"}
    for _ in range(3):
        await catalog.run_until_idle()
        catalog.clock.advance(60)
    await catalog.run_until_idle()
    assert groups(catalog, shop) == EXPECTED
    assert set((await states(catalog, shop)).values()) == {"synced"}


@pytest.mark.parametrize("changed", [{"create_settles_seconds": 60.0}])
async def test_a_group_applied_late_is_waited_for(catalog: Catalog) -> None:
    """A create that timed out may still take effect; until then nothing of the group is created again."""
    shop = await catalog.connected()
    late = {"kind": "apply_late", "seconds": 0.5, "method": "POST", "path": "item_groups$", "times": 1}
    catalog.clover.faults.add(late)
    await synced(catalog, shop, sizes())
    catalog.clock.advance(5)
    await catalog.run_until_idle()
    assert catalog.calls().count("POST item_groups") == 1
    await eventually(lambda: len(groups(catalog, shop)) == 1)
    catalog.clock.advance(10)
    await catalog.run_until_idle()
    assert groups(catalog, shop) == EXPECTED
    assert catalog.calls().count("POST item_groups") == 1


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> Moments:
    return Moments(monkeypatch)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    answer=st.sampled_from(["array", "elements"]),
    same_label=st.sampled_from(["accept", "refuse"]),
    count=st.sampled_from([2, FEW + 2]),
    existing=st.booleans(),
    deaths=st.lists(st.integers(0, 60), max_size=3),
    lost=st.sampled_from([None, "apply_then_drop", "drop_before_apply"]),
    path=st.sampled_from(["item_groups$", "attributes$", "options$", "items$", "option_items"]),
    after=st.integers(0, 3),
)
async def test_killed_at_any_moment_nothing_is_doubled(
    catalog: Catalog,
    moments: Moments,
    answer: str,
    same_label: str,
    count: int,
    deaths: list[int],
    lost: str | None,
    path: str,
    after: int,
    *,
    existing: bool,
) -> None:
    """However often the process dies, there is one group, one attribute, one option each and one item a product."""
    catalog.clover.switches.set({"bulk_answer": answer, "same_label": same_label})
    catalog.clover.faults.clear()
    await catalog.fetch("DELETE FROM work")  # the sweeps of earlier examples
    shop = await catalog.connected()
    if existing:
        add_group(catalog, shop, "Shirts", "Size", "SKU-0")
        await catalog.fetch("UPDATE work SET due_at = now() WHERE kind = 'sweep_items'")
        await catalog.sweep()
    if lost:
        catalog.clover.faults.add({"kind": lost, "method": "POST", "path": path, "after": after, "times": 1})
    rows = [row(str(number), _place(number, existing=existing)) for number in range(count)]
    rows += [row("cap", variant("cap", "Cap", Size="One"))]
    await send(catalog, shop, rows)
    for left in deaths:
        await die_at(catalog, moments, left)
    for _ in range(5):
        catalog.clock.advance(60)
        await catalog.run_until_idle()
    found = groups(catalog, shop)  # which asserts that no group and no attribute occurs twice
    assert {name: len(items) for name, (_, items) in found.items()} == {"T-shirt": count, "Cap": 1}
    assert all(len(set(each)) == len(each) for options, _ in found.values() for each in options.values())
    assert len(catalog.items(shop)) == count + 1
    assert set((await states(catalog, shop)).values()) == {"synced"}
    wanted = {each["sku"]: sorted(each["variant"]["options"].values()) for each in rows}
    assert {sku: options for _, items in found.values() for sku, options in items.items()} == wanted


def _place(number: int, *, existing: bool) -> dict[str, Any]:
    """Return the place of a variant; a group that exists already has one attribute, and gets no other."""
    if existing:
        return variant(Size=f"Size {number}")
    return variant(Size=f"Size {number % 4}", Colour=f"Colour {number // 4}")


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
