"""The till: actions in the store that no REST call offers."""

from typing import Any

import pytest
from tests.support.clover import Clover, Shop

from clover_sandbox.answers import Refused


@pytest.fixture
def item(shop: Shop) -> str:
    """An item at 2.50 with a count of 10."""
    return str(shop.till("create_item", name="Soup", price=250, sku="SOUP", quantity=10)["id"])


async def test_a_sale_is_paid_locked_and_deducts_stock(shop: Shop, item: str) -> None:
    """The order has a line per unit, a cash payment and a computed total."""
    sale = shop.till("sell", sku="SOUP", quantity=3)
    order = await shop.get(f"/orders/{sale['order']}?expand=lineItems,payments")

    assert (order["total"], order["state"], order["paymentState"]) == (750, "locked", "PAID")
    assert len(order["lineItems"]["elements"]) == 3
    assert [each["amount"] for each in order["payments"]["elements"]] == [750]
    assert (shop.count(item), shop.moved(item)) == (7, -3)


async def test_a_sale_may_go_below_zero(shop: Shop, item: str) -> None:
    """Clover allows a negative count."""
    shop.till("sell", item=item, quantity=12)

    assert shop.count(item) == -2


async def test_goods_sold_by_weight_are_one_line(shop: Shop) -> None:
    """UnitQty is in thousandths; total and count match."""
    cheese = shop.till("create_item", name="Cheese", price=2000, priceType="PER_UNIT", unitName="kg", quantity=5)["id"]
    sale = shop.till("sell", item=cheese, quantity=0.25)
    (line,) = (await shop.get(f"/orders/{sale['order']}/line_items"))["elements"]

    assert (line["unitQty"], sale["total"], shop.count(cheese)) == (250, 500, 4.75)


async def test_a_price_check_moves_no_stock(shop: Shop, item: str) -> None:
    """Open and parked orders are listed as unpaid; printing locks them too."""
    checked, parked = shop.till("open_order", item=item), shop.till("park_order", item=item)
    shop.till("print_receipt", order=checked["order"])
    order = await shop.get(f"/orders/{checked['order']}")

    assert (order["state"], order["paymentState"], shop.count(item)) == ("locked", "OPEN", 10)
    shop.till("pay_order", order=parked["order"])
    assert (shop.count(item), shop.moved(item)) == (9, -1)


@pytest.mark.parametrize(("restock", "count", "moved"), [(True, 10, 0), (False, 8, -2)])
async def test_a_refund_is_a_separate_record(shop: Shop, item: str, restock: bool, count: float, moved: float) -> None:
    """The order is REFUNDED, its lines are marked, and the goods can return to the count."""
    sale = shop.till("sell", item=item, quantity=2)
    shop.till("refund", order=sale["order"], restock=restock)
    (refund,) = (await shop.get("/refunds"))["elements"]
    order = await shop.get(f"/orders/{sale['order']}?expand=lineItems,refunds")

    assert (refund["amount"], order["paymentState"]) == (500, "REFUNDED")
    assert all(line["refunded"] for line in order["lineItems"]["elements"])
    assert (shop.count(item), shop.moved(item)) == (count, moved)


async def test_part_of_a_sale_can_be_refunded(shop: Shop, item: str) -> None:
    """The order is PARTIALLY_REFUNDED with one marked line."""
    sale = shop.till("sell", item=item, quantity=2)
    shop.till("refund", order=sale["order"], lines=sale["lines"][:1])
    order = await shop.get(f"/orders/{sale['order']}?expand=lineItems")

    assert order["paymentState"] == "PARTIALLY_REFUNDED"
    assert [line["refunded"] for line in order["lineItems"]["elements"]] == [True, False]


async def test_refunds_add_up_to_the_payment(shop: Shop, item: str) -> None:
    """Each line is refunded with its tax and leaves the total; at the end the order is REFUNDED."""
    await shop.post("/tax_rates", {"name": "Tax", "rate": 825_000, "isDefault": True})
    sale = shop.till("sell", item=item, quantity=3)
    totals, states = [sale["total"]], []
    for line in sale["lines"]:
        totals.append(shop.till("refund", order=sale["order"], lines=[line])["total"])
        states.append((await shop.get(f"/orders/{sale['order']}"))["paymentState"])
    refunds = (await shop.get("/refunds"))["elements"]

    assert (totals, states) == ([812, 541, 271, 0], ["PARTIALLY_REFUNDED"] * 2 + ["REFUNDED"])
    assert (sum(each["amount"] for each in refunds), sum(each["taxAmount"] for each in refunds)) == (812, 62)


async def test_a_refunded_line_takes_its_share_of_an_order_discount_with_it(shop: Shop, item: str) -> None:
    """Of 750 less 300, a line of 250 refunds 150, and the device that opens the order recalculates the same total."""
    order = shop.till("open_order", item=item, quantity=3)["order"]
    await shop.post(f"/orders/{order}/discounts", {"name": "off", "amount": -300})
    sale = shop.till("recalculate", order=order)
    shop.till("pay_order", order=order)
    refunded = shop.till("refund", order=order, lines=sale["lines"][:1])
    (refund,) = (await shop.get("/refunds"))["elements"]

    assert (sale["total"], refund["amount"], refunded["total"]) == (450, 150, 300)
    assert shop.till("recalculate", order=order)["total"] == 300


async def test_a_flat_tax_counts_lines(shop: Shop, item: str) -> None:
    """Three lines of 250 with a flat tax of 25 each come to 825."""
    await shop.post("/tax_rates", {"name": "Bag", "rate": 0, "taxAmount": 25, "isDefault": True})

    assert shop.till("sell", item=item, quantity=3)["total"] == 825


async def test_goods_leave_when_a_tab_is_paid_through_rest(shop: Shop, item: str) -> None:
    """Count and ground truth change together and once, for payments by the till and by REST."""
    tab = shop.till("park_order", item=item, quantity=2)
    tender = next(iter((await shop.get("/tenders?filter=labelKey=com.clover.tender.cash"))["elements"]))["id"]
    for amount in (200, 300):
        await shop.post(f"/orders/{tab['order']}/payments", {"tender": {"id": tender}, "amount": amount})

    assert (shop.count(item), shop.moved(item)) == (8, -2)


@pytest.mark.parametrize(
    ("paid", "action", "given"),
    [
        (True, "pay_order", {}),
        (False, "refund", {}),
        (False, "exchange", {"line": 0, "with": {"sku": "SOUP"}}),
        (True, "refund", {"lines": [0]}),
        (True, "exchange", {"line": 0, "with": {"sku": "SOUP"}}),
        (True, "refund", {"lines": [], "amount": 251}),
    ],
)
async def test_goods_leave_once_and_return_at_most_once(
    shop: Shop, item: str, paid: bool, action: str, given: dict[str, Any]
) -> None:
    """A paid order cannot be paid again, an unpaid one not returned, and a line returned only once."""
    order = shop.till("sell" if paid else "open_order", item=item, quantity=2)
    if paid:
        shop.till("refund", order=order["order"], lines=order["lines"][:1], restock=True)
    before = (shop.count(item), shop.moved(item), len(shop.merchant.objects["refunds"]))
    for name in {"line", "lines"} & given.keys():
        given = {**given, name: order["lines"][0] if name == "line" else order["lines"][: len(given[name])]}

    with pytest.raises(Refused):
        shop.till(action, order=order["order"], **given)
    assert (shop.count(item), shop.moved(item), len(shop.merchant.objects["refunds"])) == before


async def test_an_exchange_replaces_a_line(shop: Shop, item: str) -> None:
    """The old line is marked and leaves the total."""
    bread = shop.till("create_item", name="Bread", price=300, quantity=4)["id"]
    sale = shop.till("sell", item=item)
    shop.till("exchange", order=sale["order"], line=sale["lines"][0], **{"with": {"item": bread}})
    order = await shop.get(f"/orders/{sale['order']}?expand=lineItems")

    assert [line["exchanged"] for line in order["lineItems"]["elements"]] == [True, False]
    assert (order["total"], shop.count(item), shop.count(bread)) == (300, 10, 3)


async def test_the_back_office_changes_items_counts_and_order_types(shop: Shop, item: str) -> None:
    """REST shows the changes."""
    shop.till("recount", item=item, quantity=42.5)
    shop.till("edit_item", item=item, price=300, hidden=True)
    kind = shop.till("create_order_type", label="QuickSync")
    shop.till("edit_order_type", order_type="QuickSync", label="Web")

    assert (await shop.get(f"/item_stocks/{item}"))["quantity"] == 42.5
    assert (await shop.get(f"/items/{item}"))["price"] == 300
    assert [each["label"] for each in (await shop.get("/order_types"))["elements"]] == ["Web"]
    shop.till("delete_order_type", order_type=kind["id"])
    shop.till("delete_item", item=item)
    assert (await shop.get("/order_types"))["elements"] == (await shop.get("/items"))["elements"] == []


@pytest.mark.parametrize(("setting", "mode"), [("till_deducts", "on_line_item"), ("till_deducts", "on_payment")])
async def test_when_the_till_deducts_stock_is_a_switch(
    clover: Clover, shop: Shop, item: str, setting: str, mode: str
) -> None:
    """The modes are on the line and on payment."""
    clover.sandbox.switches.set({setting: mode})
    order = shop.till("open_order", item=item)

    assert shop.count(item) == (9 if mode == "on_line_item" else 10)
    shop.till("pay_order", order=order["order"])
    assert shop.count(item) == 9


@pytest.mark.parametrize(
    ("action", "given"),
    [
        ("dance", {}),
        ("sell", {"sku": "NONE"}),
        ("sell", {"sku": "SOUP", "quantity": "many"}),
        ("sell", {"sku": "SOUP", "tender": "shells"}),
        ("refund", {"order": "NONE"}),
        ("delete_order_type", {}),
    ],
)
async def test_the_till_refuses_with_a_reason(shop: Shop, item: str, action: str, given: dict[str, Any]) -> None:
    """The answer is a 400 with a reason, and the count does not change."""
    with pytest.raises(Refused) as refused:
        shop.till(action, **given)

    assert refused.value.status == 400
    assert shop.count(item) == 10
