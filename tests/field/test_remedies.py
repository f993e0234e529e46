"""Users met: remedies that closed nothing. Each problem is played from its cause to "resolved" by its own words.

A play does what the remedy says and nothing else; Check again is pressed exactly when the remedy asks for it. A new
code needs a play here.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import asyncpg
import pytest
from tests.field.conftest import MailedSystem
from tests.support.eventually import eventually
from tests.support.postbox import Postbox
from tests.support.running import Shop

from common import messages
from common.contracts.problems import Code, Severity
from quicksync_dev.demo.world import Json, World

pytestmark = pytest.mark.timeout(300)

OWNER, CORRECTED = "owner@shop.localhost", "owner@corrected.example.com"
TEXTS = messages.for_locale()
EXTERNAL_PAYMENT = "com.clover.tender.external_payment"


@dataclass
class Stage:
    """A merchant on the running system, its Clover, its mailbox and its dashboard."""

    world: World
    shop: Shop
    postbox: Postbox
    token: str = ""
    notes: dict[str, str] = field(default_factory=dict)

    async def connect(self, email: str = OWNER, merchant_id: str = "") -> None:
        """Connect the merchant, or connect it again as the store's page Reconnect does."""
        body = {"merchant_id": merchant_id or self.shop.merchant, "region": "us", "api_token": self.token}
        await self.shop.call("POST", "", body | {"account_id": "remedies", "account_email": email})

    async def rest(self, method: str, path: str, body: object = None) -> Any:
        """Do in Clover's pages what has no action at the till, through Clover's own API."""
        url = f"{self.world.env['clover_url']}/v3/merchants/{self.shop.merchant}{path}"
        headers = {"Authorization": f"Bearer {self.token}", "User-Agent": "a person"}
        async with self.world.session.request(method, url, json=body, headers=headers) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def fault(self, **rule: object) -> None:
        made = await self.world.clover("POST", "/faults", {"merchant": self.shop.merchant, **rule})
        self.notes["fault"] = str(made["id"])

    async def end_fault(self) -> None:
        await self.world.clover("DELETE", f"/faults/{self.notes['fault']}")

    async def problem(self, code: Code, state: str = "open") -> Json | None:
        shown = await self.shop.call("GET", f"/problems?state={state}")
        return next((each for each in shown["problems"] if each["code"] == code), None)

    async def page(self) -> str:
        return await self.world.dashboard("us")

    async def check_again(self, problem: Json) -> None:
        """Press the button of this problem on the dashboard."""
        page = await self.page()
        path = f"/dashboard/{self.shop.merchant}/problems/{problem['id']}/recheck"
        assert f'action="{path}"' in page
        csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
        async with self.world.session.post(self.world.env["gateway_url"] + path, data={"csrf": csrf}) as answer:
            assert answer.status == 200

    async def item(self, sku: str) -> str:
        [found] = [item["id"] for item in (await self.shop.truth())["items"] if item.get("sku") == sku]
        return str(found)

    def mails(self) -> list[str]:
        link = f"/dashboard/{self.shop.merchant}/"
        return [str(mail["Subject"]) for mail in self.postbox.messages if link in str(mail.get_body())]

    async def paid(self, *orders: int) -> None:
        for number in orders:
            await eventually(lambda number=number: self._is_paid(number), within=60)  # type: ignore[misc]

    async def _is_paid(self, number: int) -> bool:
        return str((await self.shop.call("GET", f"/orders/{number}"))["state"]) == "paid"


Act = Callable[[Stage], Awaitable[None]]


async def nothing(_: Stage) -> None:
    """Do nothing: the remedy says so, or that is all there is to see."""


@dataclass(frozen=True)
class Play:
    """`cause` brings the problem about, `remedy` does what its text says, `outcome` checks what it promises."""

    cause: Act
    remedy: Act
    outcome: Act = nothing
    within: float = 60
    """Seconds until the problem shows."""

    resumes: bool = True
    """Whether what waited goes through itself, rather than something in its place."""


def quoted(code: Code) -> str:
    """The text that the remedy says to type exactly."""
    found: list[str] = re.findall("“([^”]*)”", TEXTS.remedy(code))
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
        problem = await stage.problem(Code.CLOVER_UNREACHABLE)
        return problem is not None and problem["waiting"] > 0

    await eventually(order_waits, within=60)


async def clover_is_back(stage: Stage) -> None:
    await stage.end_fault()


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


async def share_a_sku(stage: Stage) -> None:
    for name in ("Soup", "Other soup"):
        await stage.shop.till("create_item", {"name": name, "price": 500, "sku": "SOUP"})
    product = {"name": "Soup", "sku": "SOUP", "status": "active", "price": 500, "currency": "USD"}
    await stage.shop.call("PUT", "/products/soup", product)


async def correct_item(stage: Stage) -> None:
    items = (await stage.shop.truth())["items"]
    [other] = [item["id"] for item in items if item["name"] == "Other soup"]
    await stage.shop.till("edit_item", {"item": other, "sku": "OTHER"})


async def product_is_linked(stage: Stage) -> None:
    assert (await stage.shop.call("GET", "/products/soup"))["item_id"] == await stage.item("SOUP")


async def delete_counted_item(stage: Stage) -> None:
    await stage.shop.stock_soup(7)
    await stage.shop.till("delete_item", {"item": await stage.item("SOUP")})
    await stage.shop.adjust("web-1", -1)


async def add_item_again(stage: Stage) -> None:
    await stage.shop.till("create_item", {"name": "Soup", "price": 500, "sku": "SOUP"})


async def stock_is_six(stage: Stage) -> None:
    await stage.shop.stock_is(6)


async def address_is_refused(stage: Stage) -> None:
    stage.postbox.unknown.add(OWNER)
    await order_one(stage)


async def correct_address(stage: Stage) -> None:
    await stage.connect(CORRECTED)


async def alert_has_arrived(stage: Stage) -> None:
    stage.postbox.unknown.clear()
    assert stage.mails()


async def mail_server_is_busy(stage: Stage) -> None:
    stage.postbox.refuses["MAIL"] = "421 too busy"
    await order_one(stage)


async def mail_server_is_back(stage: Stage) -> None:
    stage.postbox.refuses.clear()


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
    await eventually(lambda: stage.problem(Code.ORDER_TYPE_MISSING), within=60)
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

    await eventually(is_taken, within=30)


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
    await stage.world.clover("PUT", "/webhooks", {"drop": 1.0})


async def webhooks_come_again(stage: Stage) -> None:
    await stage.world.clover("PUT", "/webhooks", {"drop": 0.0})
    await stage.shop.till("create_item", {"name": "Soup", "price": 500, "sku": "SOUP"})


PLAYS: dict[str, Play] = {
    Code.PERMISSION_MISSING: Play(grant_too_little, grant_everything, resumes=False),
    Code.TRACK_STOCK_OFF: Play(switch("trackStock", value=False), switch("trackStock", value=True), resumes=False),
    Code.UPDATE_STOCK_OFF: Play(switch("updateStock", value=False), switch("updateStock", value=True), resumes=False),
    Code.CURRENCY_CHANGED: Play(switch("defaultCurrency", value="CAD"), reconnect_with_its_token, resumes=False),
    Code.WEBHOOKS_MISSING: Play(lose_webhooks, webhooks_come_again, resumes=False),
    Code.ORDER_TYPE_MISSING: Play(order_one, add_order_type, order_one_is_paid),
    Code.TENDER_MISSING: Play(lose_tender, switch_tender_on, order_one_is_paid),
    Code.CONNECTION_LOST: Play(lose_connection, reconnect, order_one_is_paid),
    Code.CLOVER_UNREACHABLE: Play(clover_fails, clover_is_back, order_one_is_paid),
    Code.ORDER_REJECTED: Play(clover_refuses_order, correct_order, corrected_order_is_paid),
    Code.ORDERS_EXPIRING: Play(hold_an_order_for_weeks, add_order_type_in_time, order_one_is_paid),
    Code.ORDER_CURRENCY: Play(change_currency, reconnect_and_send_in_euros, order_one_is_paid),
    Code.ORDER_TOO_LARGE: Play(send_too_many_lines, send_fewer_lines, order_one_is_paid),
    Code.SKU_UNLINKED: Play(hold_an_unlinked_sku, send_its_product, order_one_is_paid),
    Code.SALE_UNREADABLE: Play(sale_cannot_be_read, sale_can_be_read, sale_is_listed),
    Code.PRODUCT_REJECTED: Play(share_a_sku, correct_item, product_is_linked),
    Code.STOCK_REJECTED: Play(delete_counted_item, add_item_again, stock_is_six, resumes=False),
    Code.EMAIL_REJECTED: Play(address_is_refused, correct_address, alert_has_arrived),
    "cancellation_refused": Play(clover_keeps_order, refund_order, order_is_cancelled),
    Code.EMAIL_DELAYED: Play(mail_server_is_busy, mail_server_is_back, alert_has_arrived, within=90),
}


@asynccontextmanager
async def staged(mailed: MailedSystem) -> AsyncIterator[Stage]:
    """Connect a new merchant; afterwards end what its play left behind."""
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an IP address
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        world = World(mailed.system.env(), session, lambda _: None)
        made = await world.clover("POST", "/merchants", {"region": "us"})
        world.merchants["us"] = made["id"]
        stage = Stage(world, Shop(world, "us"), mailed.postbox, made["token"])
        await stage.connect()
        try:
            yield stage
        finally:
            mailed.postbox.unknown.clear()
            mailed.postbox.refuses.clear()
            await world.clover("DELETE", "/faults")
            await world.clover("DELETE", "/switches")


@pytest.mark.parametrize("code", list(Code))
async def test_a_remedy_works_by_its_words(mailed_system: MailedSystem, code: Code) -> None:
    """The cause shows the problem with its remedy; the remedy, followed, resolves it and does what it promises."""
    play = PLAYS[code]
    async with staged(mailed_system) as stage:
        await play.cause(stage)
        problem: Json = await eventually(lambda: stage.problem(code), within=play.within)
        if code.severity is Severity.DECISION:
            assert [each for each in problem["affected"] if each["subject"] and each["reason"]], problem
        page = await stage.page()
        assert TEXTS.title(code).partition(":")[0].replace("'", "&#39;") in page
        assert ("All is well" in page, "Check again" in page) == (False, True)

        await play.remedy(stage)
        if "Check again" in problem["remedy"]:
            await stage.check_again(problem)
        resolved: Json = await eventually(lambda: stage.problem(code, "resolved"), within=120)
        assert (resolved["resumed_count"] > 0) == play.resumes
        assert resolved["resolved_message"] == TEXTS.resolved(code, resolved["resumed_count"])
        await play.outcome(stage)
        assert await stage.problem(code) is None
