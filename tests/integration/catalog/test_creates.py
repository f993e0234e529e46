"""An item is created once, despite lost answers, late effects and crashes."""

import pytest
from tests.integration.catalog.conftest import Catalog
from tests.support.eventually import eventually


@pytest.mark.parametrize("kind", ["apply_then_drop", "fail_after", "truncate", "malformed"])
async def test_a_create_in_doubt_is_looked_up_first(catalog: Catalog, kind: str) -> None:
    """After a lost answer to a create, the item is found and linked instead of creating a second one."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": kind, "method": "POST", "path": "items$", "times": 1})
    await catalog.put(shop)
    assert await catalog.synced_on_retry(shop)
    assert len(catalog.items(shop)) == 1
    assert catalog.calls().count("POST items") == 1


@pytest.mark.parametrize("kind", ["apply_then_drop", "drop_before_apply"])
async def test_a_sku_changed_while_a_create_is_in_doubt(catalog: Catalog, kind: str) -> None:
    """The item is looked up under the SKU it was created with, and gets the new SKU."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": kind, "method": "POST", "path": "items$", "times": 1})
    await catalog.put(shop, sku="OLD")
    await catalog.run_until_idle()
    await catalog.put(shop, sku="NEW")
    assert await catalog.synced_on_retry(shop)
    assert [item["sku"] for item in catalog.items(shop)] == ["NEW"]


@pytest.mark.parametrize("kind", ["drop_before_apply", "fail_before", "throttle"])
async def test_a_create_that_was_not_applied_is_repeated(catalog: Catalog, kind: str) -> None:
    """A create without an effect is sent again, and there is one item."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": kind, "method": "POST", "path": "items$", "times": 1})
    await catalog.put(shop)
    assert await catalog.synced_on_retry(shop)
    assert len(catalog.items(shop)) == 1


@pytest.mark.parametrize("changed", [{"create_settles_seconds": 60.0}])
async def test_a_create_applied_late_is_waited_for(catalog: Catalog) -> None:
    """An item that appears after its create timed out is linked, not created again."""
    shop = await catalog.connected()
    catalog.apply_late("items$")
    await catalog.put(shop)
    await catalog.synced_on_retry(shop)
    await eventually(lambda: len(catalog.items(shop)) == 1)
    assert await catalog.synced_on_retry(shop)
    assert len(catalog.items(shop)) == 1
    assert catalog.calls().count("POST items") == 1


@pytest.mark.parametrize("changed", [{"create_settles_seconds": 60.0}])
async def test_a_create_that_never_applies_is_repeated_once_settled(catalog: Catalog) -> None:
    """The item is created again only after the settling time."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": "drop_before_apply", "method": "POST", "path": "items$", "times": 1})
    await catalog.put(shop)
    assert not await catalog.synced_on_retry(shop)
    assert catalog.calls().count("POST items") == 1
    catalog.clock.advance(60)
    assert await catalog.synced(shop)
    assert len(catalog.items(shop)) == 1


@pytest.mark.parametrize("changed", [{"create_settles_seconds": 60.0}])
async def test_killed_during_a_create_makes_no_second_item(catalog: Catalog) -> None:
    """A worker that dies between a create and its answer leaves one item, which the next worker links."""
    shop = await catalog.connected()
    catalog.clover.faults.add(
        {"kind": "delay", "ms": 800, "when": "after", "method": "POST", "path": "items$", "times": 1}
    )
    await catalog.put(shop)
    await catalog.service.worker.poll()
    await eventually(lambda: len(catalog.items(shop)) == 1)
    await catalog.kill_worker(shop)
    assert await catalog.fetch("SELECT 1 FROM product WHERE item_id IS NULL AND creating_since IS NOT NULL")
    assert await catalog.synced_on_retry(shop)
    assert len(catalog.items(shop)) == 1
    assert catalog.calls().count("POST items") == 1
