"""The live stream: its events, resuming after a break, and slow clients."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from tests.integration.notifier.conftest import MERCHANT, OTHER, Notifier
from tests.support.eventually import eventually
from tests.support.versions import next_version

from common.contracts.catalog import FieldEdit, ProductChanged, ProductLinked
from notifier.feed.hub import MAX_CATCH_UP, MAX_QUEUED, MAX_SUBSCRIPTIONS, FeedEvent, Subscription

STREAM = f"/v1/merchants/{MERCHANT}/stream"


@dataclass
class StreamEvent:
    """One message of a stream."""

    kind: str
    seq: str
    body: dict[str, Any]


class Listener:
    """Reads a stream message by message."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> StreamEvent:
        """The next message, comments aside. Raises EOFError when the stream has ended."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(10):
            while line := (await self.response.content.readline()).decode():
                name, _, value = line.rstrip("\r\n").partition(": ")
                if line.strip():
                    fields[name] = value
                elif "event" in fields:
                    return StreamEvent(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
        raise EOFError


@asynccontextmanager
async def listening(
    notifier: Notifier, place: str | None = None, path: str = STREAM, **claims: Any
) -> AsyncIterator[Listener]:
    headers = notifier.issuer.headers(**claims) | ({"Last-Event-ID": place} if place else {})
    async with notifier.session.get(notifier.url + path, headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        assert response.headers["X-Accel-Buffering"] == "no"
        yield Listener(response)


async def link(notifier: Notifier, sku: str, merchant_id: str = MERCHANT) -> None:
    """Let something small happen."""
    event = ProductLinked(
        merchant_id=merchant_id, product_id=sku, sku=sku, item_id="ITEM000000001", version=next_version()
    )
    await notifier.deliver(event)


async def test_events_are_streamed_as_they_happen(notifier: Notifier) -> None:
    """Activity and problems arrive in the order of their numbers."""
    async with listening(notifier) as stream:
        assert (await stream.next()).kind == "ready"
        await link(notifier, "A")
        first = await stream.next()
        assert (first.kind, first.body["message"]) == ("activity", "A is linked to its item in Clover.")
        await notifier.open(waiting=2)
        received = [await stream.next(), await stream.next()]
        assert [each.kind for each in received] == ["problem", "activity"]
        assert received[0].body["waiting_message"] == "2 orders are waiting"
        assert int(first.seq) < int(received[0].seq) < int(received[1].seq)


async def test_a_stream_resumes_where_it_broke(notifier: Notifier) -> None:
    """Missed events come first, and none comes twice."""
    async with listening(notifier) as stream:
        await stream.next()
        await link(notifier, "A")
        seen = await stream.next()
    await link(notifier, "B")
    await link(notifier, "C")
    async with listening(notifier, seen.seq) as stream:
        received = [await stream.next() for _ in range(3)]
        assert [each.body.get("message", "")[:1] for each in received] == ["B", "C", ""]
        assert received[2].kind == "ready"
        await link(notifier, "D")
        assert (await stream.next()).body["message"].startswith("D")


async def test_a_client_that_missed_too_much_is_reset(notifier: Notifier) -> None:
    """Too many missed events, or an unknown number, are answered with `reset`."""
    for n in range(MAX_CATCH_UP // 100):
        await notifier.deliver(
            *[
                ProductLinked(
                    merchant_id=MERCHANT, product_id=str(i), sku=f"S{n}-{i}", item_id="ITEM000000001", version=1 + i
                )
                for i in range(100)
            ]
        )
    for place in ("0", "999999999"):
        async with listening(notifier, place) as stream:
            assert (await stream.next()).kind == "reset"


async def test_entries_of_another_replica_are_streamed(notifier: Notifier) -> None:
    """Without a notification in this process the hub still polls."""
    async with listening(notifier) as stream:
        await stream.next()
        last = await notifier.fetch(
            "UPDATE feed SET last_seq = last_seq + 1 WHERE merchant_id = $1 RETURNING last_seq", MERCHANT
        )
        await notifier.fetch(
            "INSERT INTO activity VALUES ($1, $2, now(), 'unknown.event.v9', '{}')", MERCHANT, last[0]["last_seq"]
        )
        async with notifier.clock.running():
            received = await stream.next()
        assert received.body["message"] == "Something happened that this version can't describe yet."


async def test_a_stream_has_one_merchant_only(notifier: Notifier) -> None:
    """A stream contains its merchant alone, and a merchant of another account is unknown."""
    await notifier.connect(OTHER)
    async with listening(notifier, merchants=(MERCHANT,)) as stream:
        await stream.next()
        await link(notifier, "THEIRS", OTHER)
        await link(notifier, "OURS")
        assert (await stream.next()).body["message"].startswith("OURS")
    headers = notifier.issuer.headers(merchants=(MERCHANT,))
    async with notifier.session.get(f"{notifier.url}/v1/merchants/{OTHER}/stream", headers=headers) as response:
        assert response.status == 404


async def test_problems_are_streamed_only_with_their_scope(notifier: Notifier) -> None:
    """With activity:read alone a stream contains no problem, neither missed nor new."""
    await notifier.open(waiting=1)
    async with listening(notifier, "0", scope="activity:read") as stream:
        await notifier.open(waiting=2)
        await link(notifier, "A")
        received = [await stream.next() for _ in range(4)]
    assert [each.kind for each in received] == ["activity", "activity", "ready", "activity"]


async def test_streams_end_when_the_service_stops(notifier: Notifier) -> None:
    """Open streams do not keep the process from stopping."""
    async with listening(notifier) as stream:
        await stream.next()
        await notifier.service.deps.hub.close()
        try:
            await stream.next()
        except EOFError:
            return
        raise AssertionError("the stream went on")


async def test_streams_of_one_merchant_are_limited(notifier: Notifier) -> None:
    """One more than the limit gets a 429; after one leaves there is room."""
    hub = notifier.service.deps.hub
    watchers = [Subscription(0) for _ in range(MAX_SUBSCRIPTIONS)]
    for watcher in watchers:
        hub._join(MERCHANT, watcher, 0)  # noqa: SLF001 - fifty real streams would only take longer
    headers = notifier.issuer.headers()
    async with notifier.session.get(notifier.url + STREAM, headers=headers) as response:
        assert response.status == 429
        assert response.headers["Retry-After"] == "30"
    hub._leave(MERCHANT, watchers[0])  # noqa: SLF001 - as above
    async with listening(notifier) as stream:
        assert (await stream.next()).kind == "ready"
    for watcher in watchers[1:]:
        hub._leave(MERCHANT, watcher)  # noqa: SLF001 - as above


async def test_a_client_that_left_is_unsubscribed(notifier: Notifier) -> None:
    """A client that left is noticed with its next event at the latest."""
    hub = notifier.service.deps.hub
    async with listening(notifier) as stream:
        await stream.next()

    async def forgotten() -> bool:
        await link(notifier, "ANY")
        return not hub._subscriptions  # noqa: SLF001 - what is left over is not to be seen from outside

    await eventually(forgotten)


async def test_a_slow_client_is_dropped() -> None:
    """A full queue ends its subscription and is emptied, so that memory stays bounded."""
    watcher = Subscription(0)
    for n in range(1, MAX_QUEUED + 2):
        watcher.push(FeedEvent(n, "activity", "{}"))
    assert watcher.has_ended
    assert await watcher.next(0.01) == []


async def test_a_repeated_event_is_streamed_once() -> None:
    """Events that the catch-up already sent are not sent again."""
    watcher = Subscription(5)
    for place in (4, 5, 6, 7):
        watcher.push(FeedEvent(place, "activity", "{}"))
    assert [news.seq for news in await watcher.next(1)] == [6, 7]


async def test_a_bulk_edit_in_clover_is_one_entry(notifier: Notifier) -> None:
    """Edits that arrive in several batches become one entry, as long as nothing else happens between them."""

    def edits(count: int) -> list[ProductChanged]:
        price = FieldEdit(field="price", before=1250, after=999)
        return [
            ProductChanged(
                merchant_id=MERCHANT,
                product_id=f"p-{number}",
                item_id="ITEM000000001",
                sku=f"S-{number}",
                name="Mug",
                currency="USD",
                changes=(price,),
                cause="edited_in_clover",
            )
            for number in range(count)
        ]

    for count in (100, 50):
        await notifier.deliver(*edits(count))
    _, body = await notifier.call("GET", f"/v1/merchants/{MERCHANT}/activity")
    assert ["149 more items" in each["message"] for each in body["activity"]] == [True, False]
    await link(notifier, "MUG")
    await notifier.deliver(*edits(2))
    _, body = await notifier.call("GET", f"/v1/merchants/{MERCHANT}/activity")
    assert len(body["activity"]) == 5
