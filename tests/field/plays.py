"""The plays of all problems: the cause of each, its remedy by its own words, and what comes of it.

A play does what the remedy says and nothing else. A new code needs a play here, or in `order_plays`. The plays run side
by side on one system: what one does in Clover or to the mail server concerns its own merchant.
"""

from datetime import timedelta

from tests.field.order_plays import ORDER_PLAYS, has_order_type, order_one, order_one_is_paid
from tests.field.stage import Act, Play, Stage
from tests.support.eventually import eventually
from tests.support.running import PATIENCE

from common.contracts.problems import Code
from quicksync_dev.demo.world import Json

CORRECTED = "owner@corrected.example.com"

REPORTED_AFTER = timedelta(seconds=30)
"""The time after which failures are reported."""

LONGEST_BACKOFF = timedelta(minutes=2)
"""More than the pause before any of the next attempts of these plays."""


async def lose_connection(stage: Stage) -> None:
    await has_order_type(stage)
    await stage.shop.till("uninstall_app", {})
    await order_one(stage)


async def reconnect(stage: Stage) -> None:
    stage.token = (await stage.shop.till("install_app", {}))["token"]
    await stage.connect()


async def clover_fails(stage: Stage) -> None:
    await has_order_type(stage)
    await stage.fault(kind="fail_before", status=500)
    await order_one(stage)

    async def order_waits() -> bool:  # before that, only the outage of the region is reported
        await stage.pass_time("orders", REPORTED_AFTER)
        problem = await stage.problem(Code.CLOVER_UNREACHABLE)
        return problem is not None and problem["waiting"] > 0

    await eventually(order_waits, within=PATIENCE)


async def clover_is_back(stage: Stage) -> None:
    await stage.end_fault()
    await stage.pass_time("orders", LONGEST_BACKOFF)


async def share_a_sku(stage: Stage) -> None:
    for name in ("Soup", "Other soup"):
        await stage.shop.till("create_item", {"name": name, "price": 500, "sku": "SOUP"})
    await put_soup(stage)


async def put_soup(stage: Stage) -> None:
    product = {"name": "Soup", "sku": "SOUP", "status": "active", "price": 500, "currency": "USD"}
    await stage.shop.call("PUT", "/products/soup", product)


async def correct_item(stage: Stage) -> None:
    items = (await stage.shop.truth())["items"]
    [other] = [item["id"] for item in items if item["name"] == "Other soup"]
    await stage.shop.till("edit_item", {"item": other, "sku": "OTHER"})


async def product_is_linked(stage: Stage) -> None:
    assert (await stage.shop.call("GET", "/products/soup"))["item_id"] == await stage.item("SOUP")


async def product_gets_linked(stage: Stage) -> None:
    async def is_linked() -> bool:
        return bool((await stage.shop.call("GET", "/products/soup"))["item_id"])

    await eventually(is_linked, within=PATIENCE)
    await product_is_linked(stage)


async def delete_counted_item(stage: Stage) -> None:
    await stage.shop.stock_soup(7)
    gone = await stage.item("SOUP")
    await stage.shop.till("delete_item", {"item": gone})
    await stage.shop.adjust("web-1", -1)
    await eventually(lambda: soup_is(stage, "held", item_id=None, deleted_item_id=gone), within=PATIENCE)


async def add_item_again(stage: Stage) -> None:
    await stage.shop.till("create_item", {"name": "Soup", "price": 450, "sku": "SOUP"})


async def item_takes_its_place(stage: Stage) -> None:
    """The stock closes its own problem; the product's is checked again, too."""
    for each in await stage.shop.open_problems():
        await stage.shop.call("POST", f"/problems/{each['id']}/recheck")
    new = await stage.item("SOUP")
    await eventually(lambda: soup_is(stage, "synced", item_id=new, deleted_item_id=None), within=PATIENCE)
    await stage.shop.stock_is(6)
    await eventually(lambda: no_problem(stage), within=PATIENCE)
    [item] = [each for each in (await stage.shop.truth())["items"] if each["id"] == new]
    assert item["price"] == 500


async def soup_is(stage: Stage, state: str, **fields: object) -> bool:
    shown = await stage.shop.call("GET", "/products/soup")
    return shown["sync"]["state"] == state and all(shown[name] == value for name, value in fields.items())


async def no_problem(stage: Stage) -> bool:
    return not await stage.shop.open_problems()


async def address_is_refused(stage: Stage) -> None:
    stage.postbox.unknown.add(stage.owner)
    await order_one(stage)


async def correct_address(stage: Stage) -> None:
    await stage.connect(CORRECTED)


async def alert_has_arrived(stage: Stage) -> None:
    assert stage.mails()


async def mail_server_is_busy(stage: Stage) -> None:
    stage.postbox.busy.add(stage.owner)
    await order_one(stage)

    async def is_delayed() -> Json | None:
        await stage.pass_time("notifier", REPORTED_AFTER)
        return await stage.problem(Code.EMAIL_DELAYED)

    await eventually(is_delayed, within=PATIENCE)


async def mail_server_is_back(stage: Stage) -> None:
    stage.postbox.busy.remove(stage.owner)
    await stage.pass_time("notifier", LONGEST_BACKOFF)


async def sale_cannot_be_read(stage: Stage) -> None:
    await stage.shop.till("create_item", {"name": "Soup", "price": 500, "sku": "SOUP"})
    for path in ("/sales", "/stock"):  # every service that takes webhooks knows the merchant
        await stage.shop.call("GET", path)
    broken = {"message": "this order is broken"}
    await stage.fault(kind="refuse", status=400, method="GET", path="/orders/", body=broken)
    sold = await stage.shop.till("sell", {"sku": "SOUP"})
    stage.notes["sale"] = str(sold["order"])


async def sale_can_be_read(stage: Stage) -> None:
    await stage.end_fault()


async def sale_is_listed(stage: Stage) -> None:
    sales = (await stage.shop.call("GET", "/sales"))["sales"]
    assert [each["clover_order_id"] for each in sales] == [stage.notes["sale"]]


async def items_cannot_be_read(stage: Stage) -> None:
    await stage.world.quicksync("DELETE", f"/v1/merchants/{stage.shop.merchant}")
    await stage.fault(kind="refuse", status=400, method="GET", path=r"/items\?", body={"message": "Unknown expand"})
    await stage.connect()
    await put_soup(stage)


async def items_can_be_read(stage: Stage) -> None:
    await stage.end_fault()
    await stage.pass_time("catalog", LONGEST_BACKOFF)


async def grant_too_little(stage: Stage) -> None:
    stage.token = (await stage.shop.till("install_app", {"permissions": ["MERCHANT_R", "INVENTORY_R"]}))["token"]
    await stage.connect()


async def grant_everything(stage: Stage) -> None:
    areas = ("MERCHANT", "INVENTORY", "ORDERS", "PAYMENTS", "CUSTOMERS")
    every = [f"{area}_{letter}" for area in areas for letter in "RW"]
    stage.token = (await stage.shop.till("install_app", {"permissions": every}))["token"]
    await stage.connect()


def switch(name: str, *, value: object) -> Act:
    """Change a property of the store in Clover, which may not tell us."""

    async def change(stage: Stage) -> None:
        await stage.shop.till("edit_properties", {name: value})

    return change


async def reconnect_with_its_token(stage: Stage) -> None:
    await stage.connect()


async def lose_webhooks(stage: Stage) -> None:
    stage.at_end.push_async_callback(deliver_webhooks, stage)
    await stage.world.clover("PUT", "/webhooks", {"drop": 1.0})


async def deliver_webhooks(stage: Stage) -> None:
    await stage.world.clover("PUT", "/webhooks", {"drop": 0.0})


async def webhooks_come_again(stage: Stage) -> None:
    await deliver_webhooks(stage)
    await stage.shop.till("create_item", {"name": "Soup", "price": 500, "sku": "SOUP"})


WITHOUT_WEBHOOKS = {Code.WEBHOOKS_MISSING, Code.CLOVER_UNREACHABLE, Code.ITEMS_UNREADABLE, Code.EMAIL_DELAYED}
"""One of them lets the webhooks of all merchants be lost for a while, and the others need none."""

PLAYS: dict[str, Play] = ORDER_PLAYS | {
    Code.PERMISSION_MISSING: Play(grant_too_little, grant_everything, resumes=False),
    Code.TRACK_STOCK_OFF: Play(switch("trackStock", value=False), switch("trackStock", value=True), resumes=False),
    Code.UPDATE_STOCK_OFF: Play(switch("updateStock", value=False), switch("updateStock", value=True), resumes=False),
    Code.CURRENCY_CHANGED: Play(switch("defaultCurrency", value="CAD"), reconnect_with_its_token, resumes=False),
    Code.WEBHOOKS_MISSING: Play(lose_webhooks, webhooks_come_again, resumes=False),
    Code.CONNECTION_LOST: Play(lose_connection, reconnect, order_one_is_paid),
    Code.CLOVER_UNREACHABLE: Play(clover_fails, clover_is_back, order_one_is_paid),
    Code.SALE_UNREADABLE: Play(sale_cannot_be_read, sale_can_be_read, sale_is_listed),
    Code.ITEMS_UNREADABLE: Play(items_cannot_be_read, items_can_be_read, product_gets_linked),
    Code.PRODUCT_REJECTED: Play(share_a_sku, correct_item, product_is_linked),
    Code.STOCK_REJECTED: Play(delete_counted_item, add_item_again, item_takes_its_place, resumes=False),
    Code.EMAIL_REJECTED: Play(address_is_refused, correct_address, alert_has_arrived),
    Code.EMAIL_DELAYED: Play(mail_server_is_busy, mail_server_is_back, alert_has_arrived),
}
