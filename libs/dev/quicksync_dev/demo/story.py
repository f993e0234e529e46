"""The story: each step does one thing, waits for what must follow, checks it, and says what it saw."""

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from quicksync_dev.demo.world import Json, World, expect, until

CURRENCIES = {"us": "USD", "eu": "EUR"}
STATUSES = {"SOUP": "active", "STEW": "draft", "BROTH": "inactive", "GRUEL": "archived"}
OWNER = "owner@shop.localhost"
CUSTOMER = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "phone": "+1 555 0100"}
PRICE = 500


async def connect_merchants(world: World) -> None:
    """A US and an EU merchant are connected."""
    await world.clover("PUT", "/webhooks", {"url": world.env["webhook_url"], "secret": world.env["webhook_secret"]})
    for region, currency in CURRENCIES.items():
        made = await world.clover("POST", "/merchants", {"region": region})
        world.merchants[region] = made["id"]
        account = {"account_id": "demo", "account_email": OWNER}
        wanted = {"merchant_id": made["id"], "region": region, "api_token": made["token"], **account}
        shown = await world.done("POST", "/v1/merchants", wanted)
        expect(made["token"] not in json.dumps(shown), "the answer shows the token")
        expect(shown["currency"] == currency, f"the currency of {region} is {shown['currency']}")
        world.say(f"{region.upper()} merchant {made['id']}: {shown['name']}, {shown['currency']}, {shown['timezone']}")


async def sync_products(world: World) -> None:
    """Products in all four statuses reach Clover, and only the active one is visible there."""
    for region in CURRENCIES:
        for sku, status in STATUSES.items():
            product = {"name": sku.title(), "sku": sku, "status": status, "price": _money(region, PRICE)}
            await world.done("PUT", f"/v1/merchants/{world.merchants[region]}/products/{sku.lower()}", product)
    for region, merchant in world.merchants.items():

        async def arrived(merchant: str = merchant) -> dict[str, Json] | None:
            truth = await world.clover("GET", f"/merchants/{merchant}")
            found = {item.get("sku"): item for item in truth["items"]}
            return found if set(STATUSES) <= set(found) else None

        items, took = await until(arrived, f"the products did not reach Clover {region.upper()}")
        for sku, status in STATUSES.items():
            expect(items[sku]["hidden"] == (status != "active"), f"{status} is shown as hidden={items[sku]['hidden']}")
            world.items[f"{region}:{sku}"] = items[sku]["id"]
        seen = ", ".join(
            f"{status} → {'hidden' if items[sku]['hidden'] else 'visible'}" for sku, status in STATUSES.items()
        )
        world.say(f"{region.upper()}: {seen} ({took:.2f} s)")


async def count_stock(world: World) -> None:
    """Ten soups are counted at the till, and QuickSync knows."""
    await world.till("us", "recount", {"item": world.items["us:SOUP"], "quantity": 10})
    took = await _stock_becomes(world, 10)
    world.say(f"QuickSync shows 10 after {took:.2f} s")


async def sell_at_the_till(world: World) -> None:
    """A sale at the till reaches QuickSync."""
    await world.till("us", "sell", {"lines": [{"item": world.items["us:SOUP"], "quantity": 3}]})
    took = await _stock_becomes(world, 7)
    ledger = await world.done("GET", f"/v1/merchants/{world.merchants['us']}/stock/SOUP/ledger")
    last = ledger["movements"][0]
    world.say(f"QuickSync shows 7 after {took:.2f} s; the ledger says: {_explained(last)}")


async def adjust_in_quicksync(world: World) -> None:
    """An adjustment in QuickSync reaches Clover."""
    await _adjust(world, "web-order-1", -2, "sold in the web shop")
    took = await _clover_becomes(world, 5)
    world.say(f"Clover shows 5 after {took:.2f} s")


async def sell_below_zero(world: World) -> None:
    """A sale below zero is kept as it is, on both sides."""
    await world.till("us", "sell", {"lines": [{"item": world.items["us:SOUP"], "quantity": 8}]})
    took = await _stock_becomes(world, -3)
    world.say(f"the till sold 8 of 5; QuickSync shows -3 after {took:.2f} s")
    await _adjust(world, "web-order-2", -1.5, "sold by weight in the web shop")
    took = await _clover_becomes(world, -4.5)
    world.say(f"and Clover shows -4.5 after another 1.5 were sold in the web shop ({took:.2f} s)")


async def hold_an_order(world: World) -> None:
    """An order arrives while Clover has no order type “QuickSync”: it waits, and is not lost."""
    await world.done("PUT", f"{_orders(world, 'us')}/1001", _order("us", "1001", 2, customer=CUSTOMER))
    held, took = await until(lambda: _in_state(world, "us", "1001", "held"), "the order is not held")
    expect(held["problem"]["code"] == "order_type_missing", f"it waits for {held['problem']}")
    world.say(f"order 1001 is held after {took:.2f} s: {held['problem']['title']}")


async def tell_the_merchant(world: World) -> None:
    """The dashboard and one e-mail say why, what waits, and what to do."""
    page, took = await until(lambda: _page_saying(world, "us", "1 order waits"), "the dashboard does not say so")
    expect("add an order type named exactly" in page, "the dashboard does not name the remedy")
    world.say(f"the dashboard says so ({took:.2f} s): {world.env['dashboard_url']}{world.merchants['us']}/")
    [mail], took = await until(lambda: _mails_about(world, "us"), "no e-mail came")
    expect(mail["to"] == [OWNER], f"the e-mail went to {mail['to']}")
    expect("support@quicksync.pro" in mail["text"], "the e-mail does not name the support")
    world.say(f"one e-mail arrived after {took:.2f} s:\n\n  Subject: {mail['subject']}\n\n{_quoted(mail['text'])}")


async def create_the_order_type(world: World) -> None:
    """The order type is created in Clover, and the order flows by itself."""
    await world.till("us", "create_order_type", {"label": "QuickSync"})
    _, took = await until(lambda: _in_state(world, "us", "1001", "paid"), "the order was not sent")
    world.say(f"order 1001 is in Clover {took:.2f} s after the order type exists")
    order = await _clover_order(world, "us", "1001")
    _check_order(order, total=2 * PRICE, lines=2)
    customers = await _customers(world, "us")
    expect(len(order["customers"]) == 1, "the US order has no customer")
    expect("Ada" in json.dumps(customers), "the customer is not in Clover")
    world.say(f"Clover's order, with its customer:\n{json.dumps(_essence(order), indent=2)}")


async def tell_it_is_solved(world: World) -> None:
    """The dashboard clears itself, and one e-mail says how many orders were sent."""
    _, took = await until(lambda: _page_without(world, "us", "1 order waits"), "the dashboard still shows the problem")
    world.say(f"the dashboard is clear ({took:.2f} s)")
    mails, took = await until(lambda: _mails_about(world, "us", 2), "no second e-mail came")
    expect("1 order" in mails[1]["subject"], f"it says: {mails[1]['subject']}")
    world.say(f"the second and last e-mail, after {took:.2f} s: {mails[1]['subject']}")


async def the_same_in_europe(world: World) -> None:
    """The same for the EU merchant: the order flows without any customer detail."""
    await world.done("PUT", f"{_orders(world, 'eu')}/2001", _order("eu", "2001", 1, customer=CUSTOMER))
    await until(lambda: _in_state(world, "eu", "2001", "held"), "the EU order is not held")
    [problem], _ = await until(lambda: _open_problems(world, "eu"), "no problem is shown for the EU merchant")
    await world.till("eu", "create_order_type", {"label": "QuickSync"})
    await world.done("POST", f"/v1/merchants/{world.merchants['eu']}/problems/{problem['id']}/recheck")
    _, took = await until(lambda: _in_state(world, "eu", "2001", "paid"), "the EU order was not sent")
    order = await _clover_order(world, "eu", "2001")
    _check_order(order, total=PRICE, lines=1)
    expect(not order["customers"], "the EU order has a customer")
    truth = json.dumps(await world.clover("GET", f"/merchants/{world.merchants['eu']}"))
    expect(not any(detail in truth for detail in CUSTOMER.values()), "a customer detail reached Clover EU")
    world.say(f"“Check again” was pressed; the order is in Clover after {took:.2f} s, with no customer:")
    world.say(json.dumps(_essence(order), indent=2))


async def complete_an_order(world: World) -> None:
    """An order is completed."""
    await world.done("POST", f"{_orders(world, 'us')}/1001/complete")
    _, took = await until(lambda: _in_state(world, "us", "1001", "done"), "the order is not done")
    order = await _clover_order(world, "us", "1001")
    expect((order["paymentState"], order["state"]) == ("PAID", "locked"), f"Clover shows {_essence(order)}")
    world.say(f"order 1001 is done after {took:.2f} s; in Clover it is PAID and locked")


async def cancel_an_order(world: World) -> None:
    """Another order is cancelled, in Clover too."""
    await world.done("PUT", f"{_orders(world, 'us')}/1002", _order("us", "1002", 1))
    await until(lambda: _in_state(world, "us", "1002", "paid"), "the second order was not sent")
    await world.done("POST", f"{_orders(world, 'us')}/1002/cancel")
    _, took = await until(lambda: _in_state(world, "us", "1002", "cancelled"), "the order is not cancelled")
    order = await _clover_order(world, "us", "1002")
    expect(order["deleted"], "the order is still in Clover")
    world.say(f"order 1002 is cancelled after {took:.2f} s, and deleted in Clover")


async def refuse_a_shipping_update(world: World) -> None:
    """A shipping update is refused, with the reason."""
    status, answer = await world.quicksync("POST", f"{_orders(world, 'us')}/1001/fulfillments", {"tracking": "1Z"})
    expect(status == HTTPStatus.UNPROCESSABLE_ENTITY, f"it was answered with {status}")
    expect("clover_cannot_ship_updates" in answer["type"], f"the refusal is {answer['type']}")
    world.say(f"422 {answer['type']}: {answer['detail']}")


async def look_back(world: World) -> None:
    """Nothing was doubled, and Clover never had to say 429."""
    for region, expected in (("us", 2), ("eu", 1)):
        orders = await _clover_orders(world, region)
        expect(len(orders) == expected, f"Clover {region.upper()} has {len(orders)} orders of ours")
        expect(len({order["externalReferenceId"] for order in orders}) == expected, "a reference is there twice")
    record = await world.clover("GET", "/requests?limit=1")
    statuses = record["counters"]["by_status"]
    expect("429" not in statuses, f"Clover throttled us: {statuses}")
    world.say(f"three orders of ours in all; Clover's answers by status: {json.dumps(statuses)}")


STORY: list[Callable[[World], Awaitable[None]]] = [
    connect_merchants,
    sync_products,
    count_stock,
    sell_at_the_till,
    adjust_in_quicksync,
    sell_below_zero,
    hold_an_order,
    tell_the_merchant,
    create_the_order_type,
    tell_it_is_solved,
    the_same_in_europe,
    complete_an_order,
    cancel_an_order,
    refuse_a_shipping_update,
    look_back,
]


def _money(region: str, amount: int) -> Json:
    return {"amount": amount, "currency": CURRENCIES[region]}


def _orders(world: World, region: str) -> str:
    return f"/v1/merchants/{world.merchants[region]}/orders"


def _order(region: str, number: str, quantity: int, customer: Json | None = None) -> Json:
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


def _quoted(text: str) -> str:
    return "\n".join(f"  | {line}".rstrip() for line in text.splitlines())


def _explained(movement: Json) -> str:
    return f"{movement['before']:g} → {movement['after']:g}, {movement['cause']}"


async def _adjust(world: World, key: str, delta: float, cause: str) -> None:
    change = {"key": key, "sku": "SOUP", "delta": delta, "cause": cause}
    await world.done("POST", f"/v1/merchants/{world.merchants['us']}/stock/adjustments", {"adjustments": [change]})


async def _stock_becomes(world: World, quantity: float) -> float:
    """Wait until QuickSync shows this stock of soup; after how many seconds it did."""

    async def shown() -> bool:
        status, level = await world.quicksync("GET", f"/v1/merchants/{world.merchants['us']}/stock/SOUP")
        return bool(status == HTTPStatus.OK and level["on_hand"] == quantity)

    _, took = await until(shown, f"QuickSync does not show a stock of {quantity:g}")
    return took


async def _clover_becomes(world: World, quantity: float) -> float:
    """Wait until Clover itself has this stock of soup; after how many seconds it had."""
    place = f"/merchants/{world.merchants['us']}/items/{world.items['us:SOUP']}"

    async def there() -> bool:
        return bool((await world.clover("GET", place))["quantity"] == quantity)

    _, took = await until(there, f"Clover does not have a stock of {quantity:g}")
    return took


async def _in_state(world: World, region: str, number: str, state: str) -> Json | None:
    order: Json = await world.done("GET", f"{_orders(world, region)}/{number}")
    return order if order["state"] == state else None


async def _page_saying(world: World, region: str, words: str) -> str | None:
    page = await world.dashboard(region)
    return page if words in page else None


async def _page_without(world: World, region: str, words: str) -> str | None:
    page = await world.dashboard(region)
    return page if words not in page else None


async def _mails_about(world: World, region: str, at_least: int = 1) -> list[Json] | None:
    mails = [mail for mail in await world.mails() if world.merchants[region] in mail["text"]]
    return mails if len(mails) >= at_least else None


async def _open_problems(world: World, region: str) -> list[Json]:
    shown = await world.done("GET", f"/v1/merchants/{world.merchants[region]}/problems")
    return [problem for problem in shown["problems"] if problem["state"] == "open"]


async def _clover_orders(world: World, region: str) -> list[Json]:
    """The orders in Clover that did not come from its till."""
    shown: Any = await world.clover("GET", f"/merchants/{world.merchants[region]}/orders")
    return [order for order in shown["orders"] if not order["from_till"]]


async def _clover_order(world: World, region: str, number: str) -> Json:
    reference = (await world.done("GET", f"{_orders(world, region)}/{number}"))["reference"]
    found = [order for order in await _clover_orders(world, region) if order.get("externalReferenceId") == reference]
    expect(len(found) == 1, f"order {number} is in Clover {len(found)} times")
    return found[0]


async def _customers(world: World, region: str) -> list[Json]:
    truth = await world.clover("GET", f"/merchants/{world.merchants[region]}")
    return list(truth["customers"])


def _check_order(order: Json, total: int, lines: int) -> None:
    expect(order["order_type_label"] == "QuickSync", f"its order type is {order['order_type_label']}")
    expect(order["total"] == total, f"its total is {order['total']}, not {total}")
    expect(len(order["lines"]) == lines, f"it has {len(order['lines'])} lines, not {lines}")
    expect(order["paymentState"] == "PAID", f"it is {order['paymentState']}")
    tenders = [payment["tender"]["label"] for payment in order["payments"]]
    expect(tenders == ["External Payment"], f"it is paid with {tenders}")


def _essence(order: Json) -> Json:
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
