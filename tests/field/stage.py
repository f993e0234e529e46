"""The stage of the plays: a merchant on the running system, its Clover, mailbox and dashboard. The form of a play."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import asyncpg
from tests.field.conftest import MailedSystem
from tests.support.eventually import eventually
from tests.support.postbox import Postbox
from tests.support.running import PATIENCE, Shop

from common.contracts.problems import Code
from quicksync_dev.demo.world import Json, World

PASS_TIME = """
WITH passed AS (
    UPDATE {service}.work SET due_at = due_at - $2::interval, failing_since = failing_since - $2::interval
    WHERE merchant_id = $1
)
UPDATE {service}.due_merchant SET due_at = due_at - $2::interval, urgent_due_at = urgent_due_at - $2::interval,
    cools_until = cools_until - $2::interval
WHERE merchant_id = $1
"""


@dataclass
class Stage:
    """A merchant on the running system, its Clover, its mailbox and its dashboard."""

    world: World
    shop: Shop
    postbox: Postbox
    token: str = ""
    notes: dict[str, str] = field(default_factory=dict)
    at_end: AsyncExitStack = field(default_factory=AsyncExitStack)
    """Undoes what concerns other merchants, also when the play fails: then no other play fails with it."""

    @property
    def owner(self) -> str:
        """The merchant's own address."""
        return f"owner@{self.shop.merchant.lower()}.example.com"

    async def connect(self, email: str = "") -> None:
        """Connect the merchant, or connect it again as the store's page Reconnect does."""
        body = {"merchant_id": self.shop.merchant, "region": "us", "api_token": self.token}
        await self.shop.call("POST", "", body | {"account_id": "remedies", "account_email": email or self.owner})

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

    async def pass_time(self, service: str, by: timedelta) -> None:
        """Let this time pass for the merchant's work in the service."""
        connection = await asyncpg.connect(self.world.env["postgres_dsn"])
        try:
            await connection.execute(PASS_TIME.format(service=service), self.shop.merchant, by)
        finally:
            await connection.close()

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
            await eventually(lambda number=number: self._is_paid(number), within=PATIENCE)  # type: ignore[misc]

    async def _is_paid(self, number: int) -> bool:
        return str((await self.shop.call("GET", f"/orders/{number}"))["state"]) == "paid"


@asynccontextmanager
async def staged(mailed: MailedSystem) -> AsyncIterator[Stage]:
    """Connect a new merchant."""
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an IP address
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        world = World(mailed.system.env(), session, lambda _: None)
        made = await world.clover("POST", "/merchants", {"region": "us"})
        world.merchants["us"] = made["id"]
        stage = Stage(world, Shop(world, "us"), mailed.postbox, made["token"])
        async with stage.at_end:
            await stage.connect()
            yield stage


Act = Callable[[Stage], Awaitable[None]]


async def nothing(_: Stage) -> None:
    """Do nothing: the remedy says so, or that is all there is to see."""


@dataclass(frozen=True)
class Play:
    """`cause` brings the problem about, `remedy` does what its text says, `outcome` checks what it promises."""

    cause: Act
    remedy: Act
    outcome: Act = nothing
    resumes: bool = True
    """Whether what waited goes through itself, rather than something in its place."""
