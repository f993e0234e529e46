"""From a sale at the till to the ledger and `stock_changed`, where the sale's event is all that tells of it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.integration.inventory.conftest import WRITE, Inventory
from tests.support.clover import Shop

from common.contracts.orders import PosRefundRecorded, PosSaleRecorded, ReturnCause, ReturnedLine, SoldLine

AT = datetime(2026, 11, 30, tzinfo=UTC)


def _lines(shop: Shop, order_id: str, chosen: list[str] | None = None) -> list[dict[str, Any]]:
    """The lines of an order as orders publishes them."""
    rows = shop.merchant.sheets[order_id].lines.values()
    return [
        {
            "line_item_id": line.record["id"],
            "item_id": line.record.get("item", {}).get("id"),
            "sku": None,
            "quantity": line.record.get("unitQty", 1000),
            "amount": line.record["price"],
        }
        for line in rows
        if chosen is None or line.record["id"] in chosen
    ]


def sale(shop: Shop, sold: Any) -> PosSaleRecorded:
    lines = [SoldLine(**each) for each in _lines(shop, sold["order"])]
    known = {"merchant_id": shop.merchant.id, "clover_order_id": sold["order"], "currency": "USD"}
    return PosSaleRecorded(**known, amount=sum(each.amount for each in lines), sold_at=AT, lines=lines)


def returned(shop: Shop, sold: Any, lines: list[str], cause: ReturnCause) -> PosRefundRecorded:
    back = [ReturnedLine(**each, cause=cause) for each in _lines(shop, sold["order"], lines)]
    known = {"merchant_id": shop.merchant.id, "clover_order_id": sold["order"], "currency": "USD"}
    return PosRefundRecorded(**known, amount=sum(each.amount for each in back), returned_at=AT, lines=back)


async def _changes(inventory: Inventory) -> list[tuple[str, int, int]]:
    return [(each.source, each.before, each.after) for each in await inventory.stock_changes()]


@pytest.mark.parametrize("webhook", ["none", "before", "after"])
async def test_a_sale_moves_stock_once(inventory: Inventory, webhook: str) -> None:
    """With its event twice, and a webhook of the item before or after it: one line of the ledger and one event."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    sold = shop.till("sell", lines=[{"item": item, "quantity": 3}])

    if webhook == "before":
        await inventory.changed(shop, item)
    await inventory.deliver(sale(shop, sold))
    await inventory.run_until_idle()
    if webhook == "after":
        await inventory.changed(shop, item)
    await inventory.deliver(sale(shop, sold))
    await inventory.run_until_idle()

    assert await _changes(inventory) == [("clover", 10_000, 7000)]
    assert await inventory.stock(shop, "SKU-1") == (7, 7)
    assert inventory.calls(WRITE) == []


@pytest.mark.parametrize(("restock", "left"), [(True, 9), (False, 7)])
async def test_a_refund_moves_stock_if_its_goods_return(inventory: Inventory, restock: bool, left: int) -> None:
    """Refunded goods that go back to the shelf are counted by Clover; others are lost, and nothing moves."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    sold = shop.till("sell", lines=[{"item": item, "quantity": 3}])
    await inventory.deliver(sale(shop, sold))
    await inventory.run_until_idle()
    await inventory.forget()

    back = sold["lines"][:2]
    shop.till("refund", order=sold["order"], lines=back, restock=restock)
    await inventory.deliver(returned(shop, sold, back, ReturnCause.REFUNDED))
    await inventory.run_until_idle()

    assert await _changes(inventory) == ([("clover", 7000, 9000)] if restock else [])
    assert await inventory.stock(shop, "SKU-1") == (left, left)
    assert inventory.calls(WRITE) == []


async def test_an_exchange_moves_both_items(inventory: Inventory) -> None:
    """The old goods return and the new ones leave."""
    shop = await inventory.connect()
    old, new = await inventory.item(shop, 10, sku="OLD"), await inventory.item(shop, 5, sku="NEW")
    sold = shop.till("sell", lines=[{"item": old}])
    await inventory.deliver(sale(shop, sold))
    await inventory.run_until_idle()
    await inventory.forget()

    shop.till("exchange", order=sold["order"], line=sold["lines"][0], **{"with": {"item": new}})
    await inventory.deliver(
        returned(shop, sold, sold["lines"][:1], ReturnCause.EXCHANGED),
        sale(shop, sold),
    )
    await inventory.run_until_idle()

    assert sorted(await _changes(inventory)) == [("clover", 5000, 4000), ("clover", 9000, 10_000)]
    assert (await inventory.stock(shop, "OLD"), await inventory.stock(shop, "NEW")) == ((10, 10), (4, 4))


async def test_a_sale_of_goods_that_clover_does_not_count_moves_nothing(inventory: Inventory) -> None:
    """Where the merchant has Clover keep no counts, its count decides, and a custom line has none."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    shop.till("edit_properties", updateStock=False)
    sold = shop.till("sell", lines=[{"item": item}, {"name": "Gift", "price": 500}])
    await inventory.deliver(sale(shop, sold))
    await inventory.run_until_idle()

    assert await _changes(inventory) == []
    assert await inventory.stock(shop, "SKU-1") == (10, 10)


async def test_a_change_of_price_alone_moves_nothing(inventory: Inventory) -> None:
    """A line without quantity was discounted afterwards."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    sold = shop.till("sell", lines=[{"item": item}])
    await inventory.deliver(sale(shop, sold))
    await inventory.run_until_idle()
    await inventory.forget()

    event = returned(shop, sold, sold["lines"], ReturnCause.VOIDED)
    cheaper = [each.model_copy(update={"quantity": 0, "amount": 10}) for each in event.lines]
    await inventory.deliver(event.model_copy(update={"lines": cheaper, "amount": 0, "other": -10}))
    await inventory.run_until_idle()

    assert await _changes(inventory) == []
    assert await inventory.stock(shop, "SKU-1") == (9, 9)
