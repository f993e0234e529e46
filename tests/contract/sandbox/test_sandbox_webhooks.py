"""Webhooks: verification, X-Clover-Auth, batches, keys of stock events, and delivery faults."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from tests.support.clover import Clover, Shop
from tests.support.eventually import eventually


@dataclass
class Receiver:
    """A webhook receiver that records requests."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    posts: list[Any] = field(default_factory=list)
    auths: list[str | None] = field(default_factory=list)

    hanging: asyncio.Event = field(default_factory=asyncio.Event)

    async def hang(self, request: web.Request) -> web.Response:
        await self.hanging.wait()
        return await self.take(request)

    async def take(self, request: web.Request) -> web.Response:
        self.posts.append(await request.json())
        self.auths.append(request.headers.get("X-Clover-Auth"))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200, headers={"Location": self.url})

    def events(self) -> list[str]:
        """Return `type objectId` of every received event."""
        merchants = [rows for post in self.posts for rows in post.get("merchants", {}).values()]
        return [f"{event['type']} {event['objectId']}" for rows in merchants for event in rows]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    taken = Receiver()
    application = web.Application()
    application.router.add_post("/hook", taken.take)
    application.router.add_post("/hanging", taken.hang)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    taken.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield taken
    await runner.cleanup()


async def subscribe(clover: Clover, receiver: Receiver, **settings: Any) -> None:
    body = {"url": receiver.url, "secret": "the-secret", "batch_ms": 20, **settings}
    assert (await clover.control("PUT", "/webhooks", body)).status == 200


async def settled(clover: Clover) -> None:
    """Return whether every event is answered."""
    assert await eventually(lambda: clover.sandbox.webhooks.waiting() == 0)


async def test_the_url_is_verified_before_any_event(clover: Clover, shop: Shop, receiver: Receiver) -> None:
    """The code arrives without X-Clover-Auth; events follow after its confirmation."""
    await subscribe(clover, receiver, verify=True)
    await shop.post("/items", {"name": "early", "price": 1})
    code = receiver.posts[0]["verificationCode"]
    assert (receiver.posts, receiver.auths) == ([{"verificationCode": code}], [None])
    assert (await clover.control("POST", "/webhooks/confirm", {"code": "wrong"})).status == 400

    await clover.control("POST", "/webhooks/confirm", {"code": code})
    item = await shop.post("/items", {"name": "late", "price": 1})
    await settled(clover)
    assert (receiver.events(), receiver.auths[1:]) == ([f"CREATE I:{item['id']}"], ["the-secret"])


async def test_one_post_carries_events_of_several_merchants(clover: Clover, shop: Shop, receiver: Receiver) -> None:
    """The payload groups events by merchant, with the app's id and times in ms."""
    await subscribe(clover, receiver, batch_ms=100)
    other = clover.open_shop()
    for each in (shop, other, shop):
        await each.post("/items", {"name": "n", "price": 1})
    await settled(clover)

    (post,) = receiver.posts
    assert post["appId"] == clover.sandbox.world.app.id
    assert [len(post["merchants"][each.merchant.id]) for each in (shop, other)] == [2, 2]
    assert {event["objectId"][0] for event in post["merchants"][other.merchant.id]} == {"A", "I"}
    assert all(event["ts"] > 1e12 for rows in post["merchants"].values() for event in rows)


async def test_a_sale_sends_order_payment_and_item_events(clover: Clover, shop: Shop, receiver: Receiver) -> None:
    """Our own stock write also causes an event."""
    item = shop.till("create_item", name="Soup", price=1, quantity=5)["id"]
    await subscribe(clover, receiver)
    sale = shop.till("sell", item=item)
    await shop.post(f"/item_stocks/{item}", {"quantity": 9})
    await settled(clover)

    events = receiver.events()
    assert {f"CREATE O:{sale['order']}", f"UPDATE O:{sale['order']}", f"CREATE P:{sale['payment']}"} <= set(events)
    assert events.count(f"UPDATE I:{item}") == 2


@pytest.mark.parametrize(
    ("switches", "keys"),
    [
        ({}, ["I", "I", "I"]),
        ({"sale_tells_item": "no"}, ["I", "I"]),
        ({"webhook_stock_keys": "split"}, ["IS", "IA"]),
        ({"webhook_stock_keys": "split", "sale_tells_stock": "yes"}, ["IS", "IA", "IS"]),
    ],
)
async def test_stock_events_have_the_keys_of_the_mode(
    clover: Clover, shop: Shop, receiver: Receiver, switches: dict[str, str], keys: list[str]
) -> None:
    """A write makes the item available, then a sale follows; a switch per mode decides about events of sales."""
    item = shop.till("create_item", name="Soup", price=1, autoManage=True, quantity=0)["id"]
    clover.sandbox.switches.set(switches)
    await subscribe(clover, receiver)
    await shop.post(f"/item_stocks/{item}", {"quantity": 9})
    shop.till("sell", item=item)
    await settled(clover)

    stock_events = [event for event in receiver.events() if event.endswith(item)]
    assert stock_events == [f"UPDATE {key}:{item}" for key in keys]


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        ({"price": 5}, ["I"]),
        ({"available": False}, ["IA"]),
        ({"available": True}, []),
        ({"available": False, "price": 5}, ["I", "IA"]),
        ({"autoManage": True}, ["I", "IA"]),
    ],
)
async def test_split_keys_separate_attributes_and_availability(
    clover: Clover, shop: Shop, receiver: Receiver, body: dict[str, Any], keys: list[str]
) -> None:
    """Split keys send I for attributes and IA for availability; otherwise both send I."""
    item = shop.till("create_item", name="Soup", price=1, quantity=0)["id"]
    await subscribe(clover, receiver, mode="split")
    await shop.post(f"/items/{item}", body)
    await settled(clover)

    assert receiver.events() == [f"UPDATE {key}:{item}" for key in keys]


async def test_a_sale_below_the_threshold_sends_the_count(clover: Clover, shop: Shop, receiver: Receiver) -> None:
    """The event comes once, when the count falls below; lowStock finds the item."""
    item = (await shop.post("/items", {"name": "Soup", "price": 1, "sku": "S"}))["id"]
    await shop.post(f"/item_stocks/{item}", {"quantity": 5, "stockAlertThreshold": 4})
    await subscribe(clover, receiver, mode="split")
    low = []
    for _ in range(3):
        shop.till("sell", sku="S")
        low.append(len((await shop.get("/items?filter=lowStock=true"))["elements"]))
    await settled(clover)

    assert (await shop.get(f"/item_stocks/{item}"))["stockAlertThreshold"] == 4
    assert low == [0, 1, 1]
    assert [event for event in receiver.events() if event.endswith(item)] == [f"UPDATE IS:{item}"]


async def test_deletion_and_uninstallation_send_events(clover: Clover, shop: Shop, receiver: Receiver) -> None:
    """Both send a DELETE event."""
    order = await shop.post("/orders", {"state": "open"})
    await subscribe(clover, receiver)
    await shop.call("DELETE", f"/orders/{order['id']}")
    await clover.control("POST", f"/merchants/{shop.merchant.id}/till/uninstall_app")
    await settled(clover)

    assert receiver.events() == [f"DELETE O:{order['id']}", f"DELETE A:{clover.sandbox.world.app.id}"]


@pytest.mark.parametrize(
    ("permission", "key"), [("INVENTORY_R", "I"), ("ORDERS_R", "O"), ("CUSTOMERS_R", "C"), ("MERCHANT_R", "M")]
)
async def test_the_app_receives_events_it_may_read(
    clover: Clover, receiver: Receiver, permission: str, key: str
) -> None:
    """Each key needs its read permission; the app's own removal always sends an event."""
    shop = clover.open_shop(permissions={permission, "CUSTOMERS_W"})
    await subscribe(clover, receiver)
    shop.till("create_item", name="Soup", price=1, sku="S")
    shop.till("open_order", sku="S")
    shop.till("edit_properties", timezone="UTC")
    await shop.post("/customers", {"firstName": "Ada"})
    await clover.control("POST", f"/merchants/{shop.merchant.id}/till/uninstall_app")
    await settled(clover)

    assert {event.split()[1].split(":")[0] for event in receiver.events()} == {key, "A"}


async def test_no_events_without_the_app(clover: Clover, shop: Shop, receiver: Receiver) -> None:
    """Events resume with the next installation and its permissions."""
    path = f"/merchants/{shop.merchant.id}/till"
    await clover.control("POST", f"{path}/uninstall_app")
    await subscribe(clover, receiver)
    shop.till("create_item", name="Soup", price=1, sku="S")
    wrong = await clover.control("POST", f"{path}/install_app", {"permissions": "ORDERS_R"})
    made = await clover.control("POST", f"{path}/install_app", {"permissions": ["ORDERS_R", "MERCHANT_R"]})
    sale = shop.till("open_order", sku="S")
    await settled(clover)

    opened = Shop(shop.merchant, made.body["token"], shop.url, shop.http)
    assert wrong.status == 400
    assert receiver.events()[:2] == [f"CREATE A:{clover.sandbox.world.app.id}", f"CREATE O:{sale['order']}"]
    assert {event.split()[1][0] for event in receiver.events()} == {"A", "O"}
    assert [(await opened.call("GET", path)).status for path in ("/orders", "/items")] == [200, 401]


async def test_order_types_send_no_events(clover: Clover, shop: Shop, receiver: Receiver) -> None:
    """Creating one sends no event."""
    await subscribe(clover, receiver)
    shop.till("create_order_type", label="QuickSync")

    assert clover.sandbox.webhooks.waiting() == 0
    assert receiver.posts == []


@pytest.mark.parametrize(("fault", "arrived", "count"), [("drop", 0, "dropped"), ("duplicate", 8, "duplicated")])
async def test_events_can_be_dropped_or_duplicated(
    clover: Clover, shop: Shop, receiver: Receiver, fault: str, arrived: int, count: str
) -> None:
    """Probability 1 affects all events, and they are counted."""
    await subscribe(clover, receiver, **{fault: 1.0})
    for _ in range(4):
        await shop.post("/items", {"name": "n", "price": 1})
    await settled(clover)

    assert len(receiver.events()) == arrived
    assert clover.sandbox.webhooks.counts[count] == 4


async def test_events_can_arrive_out_of_order(clover: Clover, shop: Shop, receiver: Receiver) -> None:
    """No event is lost."""
    await subscribe(clover, receiver, reorder=1.0, batch_ms=200)
    sent = [f"CREATE I:{(await shop.post('/items', {'name': 'n', 'price': 1}))['id']}" for _ in range(12)]
    await settled(clover)

    assert receiver.events() != sent
    assert sorted(receiver.events()) == sorted(sent)


async def test_an_event_can_arrive_in_a_later_post(clover: Clover, shop: Shop, receiver: Receiver) -> None:
    """Reordering crosses posts and loses no event."""
    await subscribe(clover, receiver, reorder=1.0, batch_ms=150)
    sent = [f"CREATE I:{(await shop.post('/items', {'name': 'n', 'price': 1}))['id']}" for _ in range(30)]
    await settled(clover)

    posts = [[event["objectId"] for event in post["merchants"][shop.merchant.id]] for post in receiver.posts]
    assert len(posts) > 1
    assert min(sent.index(f"CREATE {each}") for each in posts[1]) < max(
        sent.index(f"CREATE {each}") for each in posts[0]
    )
    assert sorted(receiver.events()) == sorted(sent)


async def test_a_hanging_receiver_loses_events_above_the_limit(clover: Clover, shop: Shop, receiver: Receiver) -> None:
    """`most_waiting` events wait; the rest are counted as lost."""
    await subscribe(clover, receiver, url=receiver.url.replace("/hook", "/hanging"), most_waiting=3)
    for _ in range(5):
        await shop.post("/items", {"name": "n", "price": 1})
    assert (clover.sandbox.webhooks.waiting(), clover.sandbox.webhooks.counts["lost_events"]) == (3, 2)

    receiver.hanging.set()
    await settled(clover)
    assert len(receiver.events()) == 3


async def test_events_can_arrive_late(clover: Clover, shop: Shop, receiver: Receiver) -> None:
    """A delayed event arrives after a later one."""
    await subscribe(clover, receiver, late=1.0, late_ms=300)
    first = await shop.post("/items", {"name": "n", "price": 1})
    await subscribe(clover, receiver, late=0.0)
    second = await shop.post("/items", {"name": "n", "price": 1})

    assert clover.sandbox.webhooks.waiting() == 2
    await settled(clover)
    assert receiver.events() == [f"CREATE I:{second['id']}", f"CREATE I:{first['id']}"]


@pytest.mark.parametrize("refusals", [[500, 503], [204, 202], [307, 302]])
@pytest.mark.parametrize(("retries", "posts", "lost"), [([], 1, 1), ([10, 10], 3, 0)])
async def test_a_failed_post_is_retried_only_by_setting(
    clover: Clover, shop: Shop, receiver: Receiver, retries: list[int], posts: int, lost: int, refusals: list[int]
) -> None:
    """Clover's policy is unknown, so the default is no retry; redirects are not followed."""
    receiver.statuses = list(refusals)
    await subscribe(clover, receiver, retries=retries)
    await shop.post("/items", {"name": "n", "price": 1})
    await settled(clover)

    assert len(receiver.posts) == posts
    assert clover.sandbox.webhooks.counts["lost_events"] == lost
    recent = (await clover.control("GET", "/webhooks")).body["recent"]
    assert [each["status"] for each in recent] == [*refusals, 200][:posts]


async def test_an_absent_receiver_does_not_stop_the_sandbox(clover: Clover, shop: Shop, receiver: Receiver) -> None:
    """The post fails and the sandbox continues."""
    await subscribe(clover, receiver, url="http://127.0.0.1:9/hook")
    await shop.post("/items", {"name": "n", "price": 1})
    await settled(clover)

    (post,) = clover.sandbox.webhooks.recent
    assert (post.status, post.error) == (0, "ClientConnectorError")


@pytest.mark.parametrize(
    "body",
    [{"url": "http://x"}, {"colour": 1}, {"drop": "half"}, {"retries": 5}, {"url": 7}, {"mode": "III"}, {"late": -1}],
)
async def test_invalid_settings_are_refused(clover: Clover, body: dict[str, Any]) -> None:
    """The error names the setting; the secret is never shown."""
    reply = await clover.control("PUT", "/webhooks", body)

    assert reply.status == 400
    assert "secret" not in (await clover.control("GET", "/webhooks")).body["settings"]
