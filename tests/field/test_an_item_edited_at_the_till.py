"""Users met: price or visibility changed at the till, and the same PUT still answered 200 "Clover has it like this".

The fields that were sent last are never taken for the fields that Clover has.
"""

from typing import Any

import pytest
from tests.integration.catalog.conftest import Catalog, Shop, catalog, changed, limits

from common.contracts.problems import Code

__all__ = ["catalog", "changed", "limits"]

EDITS: list[dict[str, Any]] = [
    {"price": 900},
    {"hidden": True},
    {"name": "Cup"},
    {"sku": "OTHER"},
    {"code": "1234567890128"},
    {"price": 1, "hidden": True},
]


async def linked(catalog: Catalog) -> tuple[Shop, str]:
    shop = await catalog.connected()
    await catalog.put(shop, barcode="4006381333931")
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    return shop, item["id"]


def fields(catalog: Catalog, shop: Shop) -> dict[str, Any]:
    [item] = catalog.items(shop)
    return {name: item[name] for name in ("name", "sku", "price", "hidden", "code")}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("notice", ["put", "webhook", "sweep"])
async def test_clover_gets_back_what_quicksync_wants(catalog: Catalog, edit: dict[str, Any], notice: str) -> None:
    """The same PUT, Clover's webhook or the next sweep brings the item back; the PUT does not answer `synced`."""
    shop, item_id = await linked(catalog)
    before = fields(catalog, shop)
    catalog.till(shop, "edit_item", item=item_id, **edit)
    assert fields(catalog, shop) != before
    if notice == "put":
        status, body = await catalog.put(shop, barcode="4006381333931")
        assert (status, body["sync"]["state"]) == (202, "pending")
        await catalog.run_until_idle()
    else:
        await (catalog.hear(shop, item_id) if notice == "webhook" else catalog.sweep())
    assert fields(catalog, shop) == before
    assert (await catalog.product(shop))["sync"]["state"] == "synced"


async def test_the_same_edit_is_undone_each_time(catalog: Catalog) -> None:
    """An edit is not mistaken for a value that Clover does not keep."""
    shop, item_id = await linked(catalog)
    for _ in range(3):
        catalog.till(shop, "edit_item", item=item_id, price=900)
        await catalog.hear(shop, item_id)
        await catalog.hear(shop, item_id)  # the webhook about our own write
        assert fields(catalog, shop)["price"] == 1250


async def test_our_own_write_causes_no_other(catalog: Catalog) -> None:
    """The webhook about a write of ours costs one read."""
    shop, item_id = await linked(catalog)
    catalog.clover.journal.forget()
    for _ in range(2):
        await catalog.hear(shop, item_id)
    assert catalog.calls() == ["GET items"] * 2


async def test_an_edit_is_pending_until_it_is_undone(catalog: Catalog) -> None:
    """While Clover takes no writes, a product whose item differs does not show as synced."""
    shop, item_id = await linked(catalog)
    catalog.clover.faults.add({"kind": "fail_before", "method": "POST", "path": f"items/{item_id}$"})
    catalog.till(shop, "edit_item", item=item_id, price=900)
    await catalog.hear(shop, item_id)
    assert (await catalog.product(shop))["sync"]["state"] == "pending"


async def test_a_value_that_clover_does_not_keep_is_reported(catalog: Catalog) -> None:
    """QuickSync does not write the same value for ever: the product is held, and a new PUT tries again."""
    shop, item_id = await linked(catalog)
    for _ in range(4):
        catalog.till(shop, "edit_item", item=item_id, price=900)
        await catalog.hear(shop, item_id)
    assert "does not keep the price" in (await catalog.product(shop))["sync"]["reason"]
    await catalog.put(shop, barcode="4006381333931")
    await catalog.run_until_idle()
    assert (await catalog.product(shop))["sync"]["state"] == "synced"
    assert fields(catalog, shop)["price"] == 1250


async def test_a_barcode_of_the_till_stays_where_quicksync_has_none(catalog: Catalog) -> None:
    """It is no field of ours, so it is no difference either."""
    shop = await catalog.connected()
    await catalog.put(shop)
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    catalog.till(shop, "edit_item", item=item["id"], code="1234567890128")
    catalog.clover.journal.forget()
    await catalog.hear(shop, item["id"])
    assert catalog.calls() == ["GET items"]
    assert fields(catalog, shop)["code"] == "1234567890128"


async def test_an_item_without_a_product_is_left_alone(catalog: Catalog) -> None:
    """A webhook about it costs one read, for the mirror."""
    shop, _ = await linked(catalog)
    other = catalog.till(shop, "create_item", name="Tea", sku="TEA", price=300)
    catalog.clover.journal.forget()
    await catalog.hear(shop, other["id"], "CREATE")
    await catalog.hear(shop, other["id"])
    assert catalog.calls() == ["GET items"] * 2


async def test_while_disconnected_nothing_is_claimed(catalog: Catalog) -> None:
    """A product that cannot be compared after a PUT is held for the connection, not synced."""
    shop, _ = await linked(catalog)
    catalog.clover.world.uninstall(catalog.clover.world.merchants[shop.id])
    await catalog.put(shop, barcode="4006381333931")
    await catalog.run_until_idle()
    sync = (await catalog.product(shop))["sync"]
    assert (sync["state"], sync["problem"]) == ("held", Code.CONNECTION_LOST)
