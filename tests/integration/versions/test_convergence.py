"""Copies of catalog's merchants and links end as catalog has them, in every fate of the events."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.integration.versions.conftest import Owner, fetch, items_in, merchant_in, rows_in

from common.comparison import MerchantComparison
from common.contracts.envelope import Message
from common.ids import uuid7
from common.service import Service
from common.work.worker import Worker

PRODUCTS, ITEMS, SKUS = ("p-1", "p-2", "p-3"), tuple(f"ITEM{number:09}" for number in range(1, 5)), ("A", "B", "C")
REPLICAS = ("inventory", "orders", "notifier")
COMPARE = "compare_links"

links = st.tuples(st.just("link"), st.sampled_from(PRODUCTS), st.sampled_from(ITEMS), st.sampled_from(SKUS))
unlinks = st.tuples(st.just("unlink"), st.sampled_from(ITEMS))
connections = st.sampled_from([("connect",), ("disconnect",)])
histories = st.lists(st.one_of(links, links, unlinks, connections), min_size=1, max_size=10)
numbers = count(1)


MOST_EVENTS = 3 * 10 + 1
"""A link may unlink one item of its product and one of its SKU; the merchant is connected first."""

Fate = list[bool]
"""One entry for each delivery of an event: whether it comes after the comparison."""

LOST: Fate = []
ONCE, TWICE, LATE, ONCE_AND_LATE = [False], [False, False], [True], [False, True]
fates = st.sampled_from([LOST, ONCE, TWICE, LATE, ONCE_AND_LATE])
plans = st.lists(st.tuples(fates, st.integers(0, 99), st.integers(0, 99)), min_size=MOST_EVENTS, max_size=MOST_EVENTS)
"""For each event its deliveries, and their places among all of them."""

Plan = Sequence[tuple[Fate, int, int]]


def deliveries(messages: Sequence[Message], plan: Plan, *, late: bool) -> list[Message]:
    """The messages that arrive before the comparison, or after it, in the order of the plan."""
    placed = []
    for message, (fate, *places) in zip(messages, plan, strict=False):
        # a repeat has an id of its own, so that the inbox does not recognise it
        placed += [
            (place, replace(message, id=uuid7()))
            for is_late, place in zip(fate, places, strict=False)
            if is_late is late
        ]
    return [message for _, message in sorted(placed, key=lambda each: each[0])]


def test_every_copy_ends_like_catalog(
    owner: Owner, replicas: dict[str, Service], loop: asyncio.AbstractEventLoop
) -> None:
    """Any order, loss, doubling and late return: after one comparison all rows are catalog's, and stay so."""

    @settings(deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(history=histories, drawn=st.tuples(plans, plans, plans))
    def check(history: list[tuple[str, ...]], drawn: tuple[Plan, ...]) -> None:
        merchant_id = f"MRCHNT{next(numbers):07}"
        truth = loop.run_until_complete(happen(owner, merchant_id, history))
        messages = loop.run_until_complete(owner.take_events())
        assert len(messages) <= MOST_EVENTS
        for name, plan in zip(REPLICAS, drawn, strict=True):
            loop.run_until_complete(converge(owner, replicas[name], merchant_id, messages, plan, truth))

    check()


async def happen(owner: Owner, merchant_id: str, history: list[tuple[str, ...]]) -> dict[str, str]:
    """Let all this happen in catalog; return the item of each SKU by a model of our own."""
    await owner.connect(merchant_id)
    connected, linked = True, dict[str, tuple[str, str]]()
    for number, (what, *values) in enumerate(history):
        match what:
            case "link":
                product, item, sku = values
                linked = {i: (p, s) for i, (p, s) in linked.items() if p != product and s != sku}
                linked[item] = product, sku
                await owner.link(merchant_id, product, item, sku)
            case "unlink":
                linked.pop(values[0], None)
                await owner.unlink(merchant_id, values[0])
            case "connect":
                connected = True
                await owner.connect(merchant_id, f"Etc/GMT+{number}")
            case "disconnect" if connected:
                connected = False
                await owner.disconnect(merchant_id)
    return {sku: item for item, (_, sku) in linked.items()}


async def converge(
    owner: Owner,
    service: Service,
    merchant_id: str,
    messages: Sequence[Message],
    plan: Plan,
    truth: dict[str, str],
) -> None:
    """Deliver, compare, deliver what is late; the service agrees with catalog after either."""
    for late in (False, True):
        await deliver(service, deliveries(messages, plan, late=late))
        if not late:
            await compare(service)
        assert await merchant_in(service, merchant_id) == await merchant_in(owner.service, merchant_id)
        if service.name != "notifier":
            assert await rows_in(service, merchant_id) == await rows_in(owner.service, merchant_id)
            assert await items_in(service, merchant_id, SKUS) == truth


async def deliver(service: Service, messages: Sequence[Message]) -> None:
    """Deliver those that the service subscribes to, a few at a time; none becomes a dead letter."""
    own = [each for each in messages if each.type in service.inbox.types]
    for start in range(0, len(own), 3):
        await service.inbox.take(own[start : start + 3])
    assert [row["reason"] for row in await fetch(service, "SELECT reason FROM dead_letter")] == []


async def compare(service: Service) -> None:
    """Compare the merchants, then the links, as the loop and the worker of the service do."""
    kinds = [kind for kind in service.kinds if kind.name == COMPARE]
    comparison = MerchantComparison(
        service.database, service.deps.catalog, service.handlers, 300, COMPARE if kinds else None
    )
    await comparison.compare()
    await Worker(service.database, kinds, service.deps, service.metrics).run_until_idle()
