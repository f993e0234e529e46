"""How webhooks are delivered: verification, batches, faults, retries and their settings."""

from typing import Any

import pytest
from tests.contract.sandbox.receiver import Receiver, settled, subscribe
from tests.support.clover import Clover, Shop


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
