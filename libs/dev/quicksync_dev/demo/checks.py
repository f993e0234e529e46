"""The inputs of the story and the checks of their effects."""

from http import HTTPStatus
from typing import Any

from quicksync_dev.demo.world import Json, World, expect, until

CURRENCIES = {"us": "USD", "eu": "EUR"}
STATUSES = {"SOUP": "active", "STEW": "draft", "BROTH": "inactive", "GRUEL": "archived"}
OWNER = "owner@shop.localhost"
CUSTOMER = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "phone": "+1 555 0100"}
PRICE = 500
WAITS = "1 order is waiting"
MAILS = 2
"""To each merchant: that an order waits, and that it was sent."""


def orders_at(world: World, region: str) -> str:
    """Return the path of the merchant's orders in QuickSync."""
    return f"/v1/merchants/{world.merchants[region]}/orders"


def new_order(region: str, number: str, quantity: int, customer: Json | None = None) -> Json:
    """Return an order of `quantity` soups."""
    line = {"sku": "SOUP", "name": "Soup", "quantity": quantity, "unit_price": PRICE}
    return {
        "channel": {"channel": "shopify", "store": "soup.myshopify.com"},
        "number": f"#{number}",
        "currency": CURRENCIES[region],
        "lines": [line],
        "total": quantity * PRICE,
        "placed_at": "2026-11-23T09:30:00Z",
        **({"customer": customer} if customer else {}),
    }


def quoted(text: str) -> str:
    """Return the text indented for the story."""
    return "\n".join(f"  | {line}".rstrip() for line in text.splitlines())


def explained(movement: Json) -> str:
    """Return the ledger's description of a movement."""
    return f"{movement['before']:g} → {movement['after']:g}, {movement['cause']}"


async def adjust(world: World, key: str, delta: float, cause: str) -> None:
    """Change QuickSync's stock of soup."""
    change = {"key": key, "sku": "SOUP", "delta": delta, "cause": cause}
    await world.done("POST", f"/v1/merchants/{world.merchants['us']}/stock/adjustments", {"adjustments": [change]})


async def stock_becomes(world: World, quantity: float) -> float:
    """Wait until QuickSync shows this stock of soup. Return the seconds it took."""

    async def shown() -> bool:
        status, level = await world.quicksync("GET", f"/v1/merchants/{world.merchants['us']}/stock/SOUP")
        return bool(status == HTTPStatus.OK and level["on_hand"] == quantity)

    _, took = await until(shown, f"QuickSync does not show a stock of {quantity:g}")
    return took


async def clover_becomes(world: World, quantity: float) -> float:
    """Wait until Clover has this stock of soup. Return the seconds it took."""
    place = f"/merchants/{world.merchants['us']}/items/{world.items['us:SOUP']}"

    async def there() -> bool:
        return bool((await world.clover("GET", place))["quantity"] == quantity)

    _, took = await until(there, f"Clover does not have a stock of {quantity:g}")
    return took


async def in_state(world: World, region: str, number: str, state: str) -> Json | None:
    """Return the order once it is in this state, else None."""
    order: Json = await world.done("GET", f"{orders_at(world, region)}/{number}")
    return order if order["state"] == state else None


async def dashboard_shows_problem(world: World, region: str) -> float:
    """Wait until the page shows the waiting order and the remedy. Return the seconds it took."""

    async def page_with_problem() -> str | None:
        page = await world.dashboard(region)
        return page if WAITS in page else None

    page, took = await until(page_with_problem, "the dashboard does not show the problem")
    expect("add an order type named exactly" in page, "the dashboard does not name the remedy")
    return took


async def dashboard_is_clear(world: World, region: str) -> float:
    """Wait until the page no longer shows the problem. Return the seconds it took."""

    async def clear() -> bool:
        return WAITS not in await world.dashboard(region)

    _, took = await until(clear, "the dashboard still shows the problem")
    return took


async def problem_mail(world: World, region: str) -> tuple[Json, float]:
    """Wait for the first e-mail, which reports the waiting order. Return it and the seconds it took."""
    mail, took = await until(lambda: mail_number(world, region, 1), "no e-mail arrived")
    expect(mail["to"] == [OWNER], f"the e-mail went to {mail['to']}")
    expect(WAITS in mail["subject"], f"its subject is: {mail['subject']}")
    expect("support@quicksync.pro" in mail["text"], "the e-mail does not name the support address")
    return mail, took


async def resolved_mail(world: World, region: str) -> tuple[Json, float]:
    """Wait for the second e-mail, which counts the sent orders. Return it and the seconds it took."""
    mail, took = await until(lambda: mail_number(world, region, 2), "no second e-mail arrived")
    expect("1 order sent" in mail["subject"], f"its subject is: {mail['subject']}")
    return mail, took


async def mail_number(world: World, region: str, number: int) -> Json | None:
    """Return the newest e-mail about the merchant once there are `number`. Raise StepFailed if there are more."""
    mails = await mails_about(world, region)
    expect(len(mails) <= number, f"{len(mails)} e-mails arrived, not {number}")
    return mails[-1] if len(mails) == number else None


async def mails_about(world: World, region: str) -> list[Json]:
    """Return every e-mail about the merchant, oldest first."""
    return [mail for mail in await world.mails() if world.merchants[region] in mail["text"]]


async def open_problems(world: World, region: str) -> list[Json]:
    """Return the merchant's open problems."""
    shown = await world.done("GET", f"/v1/merchants/{world.merchants[region]}/problems")
    return [problem for problem in shown["problems"] if problem["state"] == "open"]


async def clover_orders(world: World, region: str) -> list[Json]:
    """Return the orders in Clover that do not come from its till."""
    shown: Any = await world.clover("GET", f"/merchants/{world.merchants[region]}/orders")
    return [order for order in shown["orders"] if not order["from_till"]]


async def clover_order(world: World, region: str, number: str) -> Json:
    """Return the only order in Clover with this order's reference."""
    reference = (await world.done("GET", f"{orders_at(world, region)}/{number}"))["reference"]
    found = [order for order in await clover_orders(world, region) if order.get("externalReferenceId") == reference]
    expect(len(found) == 1, f"order {number} is in Clover {len(found)} times")
    return found[0]


async def clover_customers(world: World, region: str) -> list[Json]:
    """Return the merchant's customers in Clover."""
    truth = await world.clover("GET", f"/merchants/{world.merchants[region]}")
    return list(truth["customers"])


def check_order(world: World, region: str, order: Json, quantity: int) -> None:
    """Check for one line per soup, each linked to the item, and for payment to the cent."""
    total = quantity * PRICE
    expect(order["order_type_label"] == "QuickSync", f"its order type is {order['order_type_label']}")
    expect(order["total"] == total, f"its total is {order['total']}, not {total}")
    items = [line.get("item", {}).get("id") for line in order["lines"]]
    expect(items == quantity * [world.items[f"{region}:SOUP"]], f"its lines are linked to {items}")
    expect(order["paymentState"] == "PAID", f"it is {order['paymentState']}")
    paid = [(payment["tender"]["label"], payment["amount"]) for payment in order["payments"]]
    expect(paid == [("External Payment", total)], f"it is paid with {paid}, not {total}")


def essence(order: Json) -> Json:
    """Return the fields of a Clover order that the story prints."""
    payments = [{"tender": each["tender"]["label"], "amount": each["amount"]} for each in order["payments"]]
    return {
        "id": order["id"],
        "orderType": order["order_type_label"],
        "title": order.get("title"),
        "externalReferenceId": order.get("externalReferenceId"),
        "total": order["total"],
        "lines": [{"name": line["name"], "price": line["price"]} for line in order["lines"]],
        "payments": payments,
        "paymentState": order["paymentState"],
        "state": order["state"],
        "customers": order["customers"],
    }
