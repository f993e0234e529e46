"""The plays of problems of orders: the cause of each, its remedy by its own words, and what comes of it."""

import re

import asyncpg
from tests.field.stage import Play, Stage
from tests.support.eventually import eventually
from tests.support.running import PATIENCE

from common import messages
from common.contracts.problems import Code

EXTERNAL_PAYMENT = "com.clover.tender.external_payment"


def quoted(code: Code) -> str:
    """The text that the remedy says to type exactly."""
    found: list[str] = re.findall("“([^”]*)”", messages.for_locale().remedy(code))
    return found[0]


async def order_one(stage: Stage) -> None:
    await stage.shop.order(1)


async def order_one_is_paid(stage: Stage) -> None:
    await stage.paid(1)


async def has_order_type(stage: Stage) -> None:
    await stage.shop.till("create_order_type", {"label": "QuickSync"})


async def add_order_type(stage: Stage) -> None:
    await stage.shop.till("create_order_type", {"label": quoted(Code.ORDER_TYPE_MISSING)})


async def _set_tender(stage: Stage, *, enabled: bool) -> None:
    tenders = (await stage.rest("GET", "/tenders"))["elements"]
    [tender] = [each for each in tenders if each["label"] == quoted(Code.TENDER_MISSING)]
    assert tender["labelKey"] == EXTERNAL_PAYMENT
    await stage.rest("POST", f"/tenders/{tender['id']}", {"enabled": enabled})


async def lose_tender(stage: Stage) -> None:
    await has_order_type(stage)
    await _set_tender(stage, enabled=False)
    await order_one(stage)


async def switch_tender_on(stage: Stage) -> None:
    await _set_tender(stage, enabled=True)


async def clover_refuses_order(stage: Stage) -> None:
    await has_order_type(stage)
    await stage.fault(kind="refuse", status=400, method="POST", path="/orders", body={"message": "total is wrong"})
    await order_one(stage)


async def correct_order(stage: Stage) -> None:
    await stage.end_fault()  # Clover has nothing against the corrected one
    await stage.shop.order(1, quantity=2)


async def corrected_order_is_paid(stage: Stage) -> None:
    await stage.paid(1)
    assert [order["total"] for order in await stage.shop.clover_orders()] == [1000]


async def clover_keeps_order(stage: Stage) -> None:
    await has_order_type(stage)
    await order_one(stage)
    await stage.paid(1)
    await stage.world.clover("PATCH", "/switches", {"delete_paid_order": "refuse"})
    await stage.shop.call("POST", "/orders/1/cancel")


async def refund_order(stage: Stage) -> None:
    [order] = await stage.shop.clover_orders()
    await stage.shop.till("refund", {"order": order["id"]})


async def order_is_cancelled(stage: Stage) -> None:
    assert (await stage.shop.call("GET", "/orders/1"))["state"] == "cancelled"


async def hold_an_order_for_weeks(stage: Stage) -> None:
    await order_one(stage)
    await eventually(lambda: stage.problem(Code.ORDER_TYPE_MISSING), within=PATIENCE)
    connection = await asyncpg.connect(stage.world.env["postgres_dsn"])
    try:  # time passes
        weeks = "UPDATE orders.source_order SET received_at = now() - interval '28 days' WHERE merchant_id = $1"
        await connection.execute(weeks, stage.shop.merchant)
        due = "UPDATE orders.work SET due_at = now() WHERE merchant_id = $1 AND kind = 'expire_orders'"
        await connection.execute(due, stage.shop.merchant)
    finally:
        await connection.close()
    await stage.shop.call("POST", "/orders/1/retry")


async def add_order_type_in_time(stage: Stage) -> None:
    await add_order_type(stage)
    await stage.paid(1)


async def change_currency(stage: Stage) -> None:
    await has_order_type(stage)
    await stage.shop.till("edit_properties", {"defaultCurrency": "EUR"})
    await order_one(stage)


async def reconnect_and_send_in_euros(stage: Stage) -> None:
    await stage.connect()
    line = {"sku": "SOUP", "name": "Soup", "unit_price": 500}
    channel = {"channel": "shopify", "store": "soup.myshopify.com"}
    body = {"channel": channel, "number": "#1", "currency": "EUR", "lines": [line], "total": 500}
    path = f"/v1/merchants/{stage.shop.merchant}/orders/1"

    async def is_taken() -> bool:  # once orders has heard of the connection
        return (await stage.world.quicksync("PUT", path, body))[0] == 202

    await eventually(is_taken, within=PATIENCE)


async def send_too_many_lines(stage: Stage) -> None:
    await has_order_type(stage)
    pins = [{"name": f"Pin {number}", "unit_price": 1} for number in range(2600)]
    await stage.shop.order(1, lines=pins, total=2600)


async def send_fewer_lines(stage: Stage) -> None:
    await order_one(stage)


async def hold_an_unlinked_sku(stage: Stage) -> None:
    await has_order_type(stage)
    await stage.shop.call("PUT", "/order-settings", {"unlinked_skus": "hold"})
    await order_one(stage)


async def send_its_product(stage: Stage) -> None:
    product = {"name": "Soup", "sku": "SOUP", "status": "active", "price": 500, "currency": "USD"}
    await stage.shop.call("PUT", "/products/soup", product)


ORDER_PLAYS: dict[str, Play] = {
    Code.ORDER_TYPE_MISSING: Play(order_one, add_order_type, order_one_is_paid),
    Code.TENDER_MISSING: Play(lose_tender, switch_tender_on, order_one_is_paid),
    Code.ORDER_REJECTED: Play(clover_refuses_order, correct_order, corrected_order_is_paid),
    Code.ORDERS_EXPIRING: Play(hold_an_order_for_weeks, add_order_type_in_time, order_one_is_paid),
    Code.ORDER_CURRENCY: Play(change_currency, reconnect_and_send_in_euros, order_one_is_paid),
    Code.ORDER_TOO_LARGE: Play(send_too_many_lines, send_fewer_lines, order_one_is_paid),
    Code.SKU_UNLINKED: Play(hold_an_unlinked_sku, send_its_product, order_one_is_paid),
    "cancellation_refused": Play(clover_keeps_order, refund_order, order_is_cancelled),
}
