"""Calls about labels fail, or lose their answers: no label is created twice, and other products go on."""

import pytest
from tests.integration.catalog.conftest import Catalog
from tests.integration.catalog.labels import LOST, NOT_APPLIED, create, labels, names, sync_of
from tests.integration.catalog.test_bulk import MANY, rows, send, states
from tests.support.eventually import eventually


@pytest.mark.parametrize("kind", LOST + NOT_APPLIED)
@pytest.mark.parametrize("changed", [{"create_settles_seconds": 60.0}])
async def test_a_category_is_created_once(catalog: Catalog, kind: str) -> None:
    """In every mode of a lost answer there is one category, with both items."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": kind, "method": "POST", "path": "categories$", "times": 1})
    await catalog.put(shop, "p-1", categories=["Cups"])
    await catalog.put(shop, "p-2", categories=["Cups"])
    for _ in range(4):
        await catalog.run_until_idle()
        catalog.clock.advance(30)
    assert await catalog.synced(shop, "p-1")
    assert await catalog.synced(shop, "p-2")
    assert names(catalog, shop, "categories") == ["Cups"]
    assert {labels(catalog, shop, f"SKU-p-{each}")["categories"][0] for each in (1, 2)} == {"Cups"}
    assert catalog.calls().count("POST categories") == (1 if kind in LOST else 2)


@pytest.mark.parametrize("changed", [{"create_settles_seconds": 60.0}])
async def test_a_category_created_late_is_waited_for(catalog: Catalog) -> None:
    """One that appears after its creation timed out is found, not created again; other products do not wait for it."""
    shop = await catalog.connected()
    catalog.apply_late("categories$", seconds=2.0)
    await catalog.put(shop, categories=["Cups"])
    await catalog.put(shop, "p-2")
    await catalog.run_until_idle()
    assert (await sync_of(catalog, shop, "p-2"))[0] == "synced"
    for _ in range(3):
        catalog.clock.advance(10)
        await catalog.run_until_idle()
    assert catalog.calls().count("POST categories") == 1
    await eventually(lambda: names(catalog, shop, "categories") == ["Cups"])
    catalog.clock.advance(10)
    assert await catalog.synced(shop)
    assert names(catalog, shop, "categories") == ["Cups"]


@pytest.mark.parametrize("kind", LOST + NOT_APPLIED)
@pytest.mark.parametrize("count", [2, MANY])
async def test_a_lost_answer_to_associations(catalog: Catalog, kind: str, count: int) -> None:
    """They are made again, which changes nothing, and no item is created twice."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": kind, "method": "POST", "path": "tag_items$", "times": 1})
    await send(catalog, shop, rows(count, categories=["Cups"], tags=["new"]))
    await catalog.run_until_idle()
    assert set((await states(catalog, shop)).values()) == {"pending"}
    catalog.clock.advance(60)
    await catalog.run_until_idle()
    assert set((await states(catalog, shop)).values()) == {"synced"}
    assert len(catalog.items(shop)) == count
    for number in range(count):
        assert labels(catalog, shop, f"SKU-{number}") == {"categories": ["Cups"], "tags": ["new"], "tax_rates": []}


@pytest.mark.parametrize("unknown", ["refuse", "skip"])
async def test_a_category_deleted_meanwhile_stops_no_other(catalog: Catalog, unknown: str) -> None:
    """Clover refuses the call for all items, or makes the other associations; the others get theirs in the end."""
    catalog.clover.switches.set({"association_unknown": unknown})
    shop = await catalog.connected()
    create(catalog, shop, "categories", "Gone")
    delete = {"action": "delete_label", "input": {"kind": "categories", "label": "Gone"}, "when": "before"}
    catalog.clover.faults.add({"kind": "till", "method": "POST", "path": "category_items$", "times": 1, **delete})
    await send(catalog, shop, [*rows(MANY, categories=["Cups"]), *rows(MANY + 1, categories=["Gone"])[MANY:]])
    for _ in range(3):
        await catalog.run_until_idle()
        catalog.clock.advance(5)
    await catalog.sweep()
    await catalog.sweep()
    found = await states(catalog, shop)
    assert {each for each, state in found.items() if state != "synced"} == {f"p-{MANY}"}
    assert "category Gone was deleted" in (await sync_of(catalog, shop, f"p-{MANY}"))[1]
    assert labels(catalog, shop, "SKU-3")["categories"] == ["Cups"]
    assert names(catalog, shop, "categories") == ["Cups"]


async def test_an_item_deleted_meanwhile_stops_no_other(catalog: Catalog) -> None:
    """Clover refuses the call for all items; its product is held, and the others get their categories."""
    shop = await catalog.connected()
    await send(catalog, shop, rows(MANY))
    await catalog.run_until_idle()
    gone = (await catalog.product(shop, "p-3"))["item_id"]
    delete = {"action": "delete_item", "input": {"item": gone}, "when": "before"}
    catalog.clover.faults.add({"kind": "till", "method": "POST", "path": "category_items$", "times": 1, **delete})
    await send(catalog, shop, rows(MANY, categories=["Cups"]))
    for _ in range(3):
        await catalog.run_until_idle()
        catalog.clock.advance(5)
    found = await states(catalog, shop)
    assert {each for each, state in found.items() if state != "synced"} == {"p-3"}
    assert labels(catalog, shop, "SKU-4")["categories"] == ["Cups"]


async def test_a_refused_category_holds_its_products_alone(catalog: Catalog) -> None:
    """The reason is Clover's."""
    shop = await catalog.connected()
    catalog.clover.faults.add(
        {"kind": "refuse", "method": "POST", "path": "categories$", "status": 400, "body": {"message": "Not today"}}
    )
    await catalog.put(shop, categories=["Cups"])
    await catalog.put(shop, "p-2", tags=["new"])
    await catalog.run_until_idle()
    assert await sync_of(catalog, shop) == ("held", "Not today")
    assert (await sync_of(catalog, shop, "p-2"))[0] == "synced"
