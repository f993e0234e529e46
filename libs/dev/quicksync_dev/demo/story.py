"""The story. Each step does one thing, waits for its effect, checks it and reports it."""

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from quicksync_dev.demo.catalogue import (
    connect_a_store_with_items,
    follow_clover,
    import_a_file,
    put_an_edit_back,
    sync_variants,
    undo_the_import,
)
from quicksync_dev.demo.checks import (
    CURRENCIES,
    CUSTOMER,
    MAILS,
    OWNER,
    PRICE,
    STATUSES,
    adjust,
    check_order,
    clover_becomes,
    clover_customers,
    clover_order,
    clover_orders,
    dashboard_is_clear,
    dashboard_shows_problem,
    essence,
    explained,
    in_state,
    mails_about,
    new_order,
    open_problems,
    orders_at,
    problem_mail,
    quoted,
    resolved_mail,
    stock_becomes,
)
from quicksync_dev.demo.oauth import connect_on_clovers_page
from quicksync_dev.demo.world import Json, World, expect, until


async def connect_merchants(world: World) -> None:
    """Connect a US and an EU merchant."""
    await world.clover("PUT", "/webhooks", {"url": world.env["webhook_url"], "secret": world.env["webhook_secret"]})
    for region, currency in CURRENCIES.items():
        made = await world.clover("POST", "/merchants", {"region": region})
        world.merchants[region] = made["id"]
        account = {"account_id": "demo", "account_email": OWNER}
        wanted = {"merchant_id": made["id"], "region": region, "api_token": made["token"], **account}
        shown = await world.done("POST", "/v1/merchants", wanted)
        expect(made["token"] not in json.dumps(shown), "the answer shows the token")
        expect(shown["currency"] == currency, f"the currency of {region} is {shown['currency']}")
        world.progress(
            f"{region.upper()} merchant {made['id']}: {shown['name']}, {shown['currency']}, {shown['timezone']}"
        )


async def sync_products(world: World) -> None:
    """Products in all four statuses reach Clover, which shows only the active one."""
    for region in CURRENCIES:
        for sku, status in STATUSES.items():
            price = {"price": PRICE, "currency": CURRENCIES[region]}
            product = {"name": sku.title(), "sku": sku, "status": status, **price}
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
        world.progress(f"{region.upper()}: {seen} ({took:.2f} s)")


async def count_stock(world: World) -> None:
    """A recount of ten soups at the till reaches QuickSync."""
    await world.till("us", "recount", {"item": world.items["us:SOUP"], "quantity": 10})
    took = await stock_becomes(world, 10)
    world.progress(f"QuickSync shows 10 after {took:.2f} s")


async def sell_at_the_till(world: World) -> None:
    """A sale at the till reaches QuickSync."""
    await world.till("us", "sell", {"lines": [{"item": world.items["us:SOUP"], "quantity": 3}]})
    took = await stock_becomes(world, 7)
    ledger = await world.done("GET", f"/v1/merchants/{world.merchants['us']}/stock/SOUP/ledger")
    last = ledger["movements"][0]
    expect((last["before"], last["after"]) == (10, 7), f"the ledger says: {explained(last)}")
    world.progress(f"QuickSync shows 7 after {took:.2f} s; the ledger says: {explained(last)}")


async def adjust_in_quicksync(world: World) -> None:
    """An adjustment in QuickSync reaches Clover."""
    await adjust(world, "web-order-1", -2, "sold in the web shop")
    took = await clover_becomes(world, 5)
    world.progress(f"Clover shows 5 after {took:.2f} s")


async def sell_below_zero(world: World) -> None:
    """Both sides keep a stock below zero."""
    await world.till("us", "sell", {"lines": [{"item": world.items["us:SOUP"], "quantity": 8}]})
    took = await stock_becomes(world, -3)
    world.progress(f"the till sold 8 of 5; QuickSync shows -3 after {took:.2f} s")
    await adjust(world, "web-order-2", -1.5, "sold by weight in the web shop")
    took = await clover_becomes(world, -4.5)
    world.progress(f"and Clover shows -4.5 after another 1.5 were sold in the web shop ({took:.2f} s)")


async def hold_an_order(world: World) -> None:
    """An order arrives while Clover has no order type “QuickSync”. QuickSync holds it."""
    await world.done("PUT", f"{orders_at(world, 'us')}/1001", new_order("us", "1001", 2, customer=CUSTOMER))
    held, took = await until(lambda: in_state(world, "us", "1001", "held"), "the order is not held")
    expect(held["problem"]["code"] == "order_type_missing", f"it waits for {held['problem']}")
    world.progress(f"order 1001 is held after {took:.2f} s: {held['problem']['title']}")


async def report_the_problem(world: World) -> None:
    """The dashboard and one e-mail explain the reason, the waiting order and the remedy."""
    took = await dashboard_shows_problem(world, "us")
    world.progress(f"the dashboard shows it ({took:.2f} s): {world.env['dashboard_url']}{world.merchants['us']}/")
    mail, took = await problem_mail(world, "us")
    world.progress(f"one e-mail arrived after {took:.2f} s:\n\n  Subject: {mail['subject']}\n\n{quoted(mail['text'])}")


async def create_the_order_type(world: World) -> None:
    """The merchant creates the order type, and QuickSync sends the order without further action."""
    await world.till("us", "create_order_type", {"label": "QuickSync"})
    _, took = await until(lambda: in_state(world, "us", "1001", "paid"), "the order was not sent")
    world.progress(f"order 1001 is in Clover {took:.2f} s after the order type exists")
    order = await clover_order(world, "us", "1001")
    check_order(world, "us", order, quantity=2)
    customers = await clover_customers(world, "us")
    expect(len(order["customers"]) == 1, "the US order has no customer")
    expect("Ada" in json.dumps(customers), "the customer is not in Clover")
    world.progress(f"Clover's order, with its customer:\n{json.dumps(essence(order), indent=2)}")


async def report_the_resolution(world: World) -> None:
    """The dashboard clears the problem, and one e-mail counts the sent orders."""
    took = await dashboard_is_clear(world, "us")
    world.progress(f"the dashboard is clear ({took:.2f} s)")
    mail, took = await resolved_mail(world, "us")
    world.progress(f"the second e-mail, after {took:.2f} s: {mail['subject']}")


async def the_same_in_europe(world: World) -> None:
    """The EU merchant's order takes the same way, but Clover receives no customer detail."""
    await world.done("PUT", f"{orders_at(world, 'eu')}/2001", new_order("eu", "2001", 1, customer=CUSTOMER))
    await until(lambda: in_state(world, "eu", "2001", "held"), "the EU order is not held")
    await dashboard_shows_problem(world, "eu")
    await problem_mail(world, "eu")
    problems = await open_problems(world, "eu")
    expect(len(problems) == 1, f"{len(problems)} problems are open for the EU merchant")
    await world.till("eu", "create_order_type", {"label": "QuickSync"})
    await world.done("POST", f"/v1/merchants/{world.merchants['eu']}/problems/{problems[0]['id']}/recheck")
    _, took = await until(lambda: in_state(world, "eu", "2001", "paid"), "the EU order was not sent")
    order = await clover_order(world, "eu", "2001")
    check_order(world, "eu", order, quantity=1)
    expect(not order["customers"], "the EU order has a customer")
    truth = json.dumps(await world.clover("GET", f"/merchants/{world.merchants['eu']}"))
    expect(not any(detail in truth for detail in CUSTOMER.values()), "a customer detail reached Clover EU")
    world.progress(f"“Check again” was pressed; the order is in Clover after {took:.2f} s, with no customer:")
    world.progress(json.dumps(essence(order), indent=2))
    await dashboard_is_clear(world, "eu")
    mail, _ = await resolved_mail(world, "eu")
    world.progress(f"the dashboard is clear, and the e-mail's subject is: {mail['subject']}")


async def complete_an_order(world: World) -> None:
    """QuickSync completes an order."""
    await world.done("POST", f"{orders_at(world, 'us')}/1001/complete")
    _, took = await until(lambda: in_state(world, "us", "1001", "done"), "the order is not done")
    order = await clover_order(world, "us", "1001")
    expect((order["paymentState"], order["state"]) == ("PAID", "locked"), f"Clover shows {essence(order)}")
    world.progress(f"order 1001 is done after {took:.2f} s; in Clover it is PAID and locked")


async def cancel_an_order(world: World) -> None:
    """QuickSync cancels another order, also in Clover."""
    await world.done("PUT", f"{orders_at(world, 'us')}/1002", new_order("us", "1002", 1))
    await until(lambda: in_state(world, "us", "1002", "paid"), "the second order was not sent")
    await world.done("POST", f"{orders_at(world, 'us')}/1002/cancel")
    _, took = await until(lambda: in_state(world, "us", "1002", "cancelled"), "the order is not cancelled")
    order = await clover_order(world, "us", "1002")
    expect(order["deleted"], "the order is still in Clover")
    world.progress(f"order 1002 is cancelled after {took:.2f} s, and deleted in Clover")


async def refuse_a_shipping_update(world: World) -> None:
    """QuickSync refuses a shipping update and gives the reason."""
    status, answer = await world.quicksync("POST", f"{orders_at(world, 'us')}/1001/fulfillments", {"tracking": "1Z"})
    expect(status == HTTPStatus.UNPROCESSABLE_ENTITY, f"it was answered with {status}")
    expect("clover_cannot_ship_updates" in answer["type"], f"the refusal is {answer['type']}")
    world.progress(f"422 {answer['type']}: {answer['detail']}")


async def look_back(world: World) -> None:
    """No order and no e-mail is duplicated, and Clover never answers 429."""
    for region, expected in (("us", 2), ("eu", 1)):
        orders = await clover_orders(world, region)
        expect(len(orders) == expected, f"Clover {region.upper()} has {len(orders)} orders of ours")
        expect(len({order["externalReferenceId"] for order in orders}) == expected, "a reference is there twice")
        subjects = [mail["subject"] for mail in await mails_about(world, region)]
        expect(len(subjects) == MAILS, f"the {region.upper()} merchant got {len(subjects)} e-mails: {subjects}")
    record = await world.clover("GET", "/requests?limit=1")
    statuses = record["counters"]["by_status"]
    expect("429" not in statuses, f"Clover throttled us: {statuses}")
    world.progress("three orders of ours in all, and two e-mails to each merchant")
    world.progress(f"Clover's answers by status: {json.dumps(statuses)}")


STORY: list[Callable[[World], Awaitable[None]]] = [
    connect_merchants,
    sync_products,
    count_stock,
    sell_at_the_till,
    adjust_in_quicksync,
    sell_below_zero,
    hold_an_order,
    report_the_problem,
    create_the_order_type,
    report_the_resolution,
    the_same_in_europe,
    complete_an_order,
    cancel_an_order,
    refuse_a_shipping_update,
    connect_on_clovers_page,
    connect_a_store_with_items,
    import_a_file,
    undo_the_import,
    sync_variants,
    put_an_edit_back,
    follow_clover,
    look_back,
]
