"""A product was linked to the wrong item, and a person puts it right: no count is lost, and no item is doubled."""

import asyncio
from asyncio import Task
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from tests.support.eventually import eventually
from tests.support.running import PATIENCE, Shop, shop_on

from quicksync_dev.system import System

MUG = {"name": "Mug", "sku": "MUG", "status": "active", "price": 900, "currency": "USD"}


async def item(shop: Shop, **fields: Any) -> str:
    """Create an item at the till, which QuickSync learns of."""
    made = await shop.till("create_item", {"price": 700, **fields})

    async def is_known() -> bool:
        return any(each["item_id"] == made["id"] for each in (await shop.call("GET", "/stock"))["stock"])

    if "quantity" in fields:
        await eventually(is_known, within=PATIENCE)
    return str(made["id"])


async def linked(shop: Shop, item_id: str | None) -> None:
    """Wait until the product is linked to this item."""

    async def is_linked() -> bool:
        found = (await shop.call("GET", "/links"))["links"][0]
        return bool(found["state"] != "pending" and (found["item"] and found["item"]["item_id"]) == item_id)

    await eventually(is_linked, within=PATIENCE)


async def wrongly_linked(shop: Shop) -> tuple[str, str]:
    """A product linked to a cup by a SKU that the cup should not have; return the cup and the mug."""
    cup = await item(shop, name="Cup", sku="MUG", quantity=10)
    mug = await item(shop, name="Big mug", quantity=5)
    await shop.call("PUT", "/products/mug", MUG)
    await linked(shop, cup)
    return cup, mug


async def link(shop: Shop, item_id: str, how: str) -> None:
    """Link the product to this item, from the wrong one or after that was unlinked."""
    if how == "unlinked first":
        await shop.call("DELETE", "/links/mug")
        await linked(shop, None)
    await shop.call("POST", "/links", {"product_id": "mug", "item_id": item_id})
    await linked(shop, item_id)


async def counts_are(shop: Shop, expected: dict[str, float | None], mug: float | None) -> None:
    """Wait until Clover and QuickSync have these counts of the items, and no others, and this one of the product."""

    async def agreed() -> None:
        theirs = {each["id"]: each.get("quantity") for each in (await shop.truth())["items"]}
        shown = (await shop.call("GET", "/stock"))["stock"]
        ours = {each["item_id"]: each["on_hand"] for each in shown if each["item_id"] in expected}
        product = [each["on_hand"] for each in shown if each["sku"] == "MUG"]
        assert (theirs, ours, product) == (expected, expected, [mug]), f"{theirs} {ours} {product}"

    async def check() -> bool:
        await agreed()
        return True

    await eventually(check, within=PATIENCE)


async def sold_online(shop: Shop, quantity: int) -> None:
    change = {"key": "web-1", "sku": "MUG", "delta": -quantity, "cause": "web sale"}
    await shop.call("POST", "/stock/adjustments", {"adjustments": [change]})


async def what_was_sold_online(shop: Shop, how: str) -> None:
    """Three mugs were sold online, and taken from the cups: the cups get them back, and the mugs lose them."""
    cup, mug = await wrongly_linked(shop)
    await sold_online(shop, 3)
    await counts_are(shop, {cup: 7, mug: 5}, 7)
    await link(shop, mug, how)
    await counts_are(shop, {cup: 10, mug: 2}, 2)


async def what_the_till_sold(shop: Shop, how: str) -> None:
    """A cup and a mug were sold at the till since: each is a cup and a mug less."""
    cup, mug = await wrongly_linked(shop)
    await sold_online(shop, 3)
    await counts_are(shop, {cup: 7, mug: 5}, 7)
    for each in (cup, mug):
        await shop.till("sell", {"lines": [{"item": each}]})
    await counts_are(shop, {cup: 6, mug: 4}, 6)
    await link(shop, mug, how)
    await counts_are(shop, {cup: 9, mug: 1}, 1)


async def what_a_person_counted(shop: Shop, how: str) -> None:
    """A person saw that the cups were wrong, and counted them at the till before the link was corrected."""
    cup, mug = await wrongly_linked(shop)
    await sold_online(shop, 3)
    await counts_are(shop, {cup: 7, mug: 5}, 7)
    await shop.till("recount", {"item": cup, "quantity": 10})
    await counts_are(shop, {cup: 10, mug: 5}, 10)
    await link(shop, mug, how)
    await counts_are(shop, {cup: 10, mug: 2}, 2)


async def what_was_counted_here(shop: Shop, how: str) -> None:
    """Twenty mugs were counted in QuickSync, which wrote them over the count of the cups."""
    cup, mug = await wrongly_linked(shop)
    await shop.call("PUT", "/stock/MUG", {"quantity": 20})
    await counts_are(shop, {cup: 20, mug: 5}, 20)
    await link(shop, mug, how)
    await counts_are(shop, {cup: 10, mug: 20}, 20)


async def merged(shop: Shop, kept: int) -> None:
    """Of two items with the SKU one is kept, the other hidden: both have the counts of the till."""
    items = [await item(shop, name=name, sku="MUG", quantity=count) for name, count in (("Mug", 4), ("Cup", 6))]
    await shop.call("PUT", "/products/mug", MUG)
    duplicates = [each for each in items if each != items[kept]]
    merge = {"product_id": "mug", "item_id": items[kept], "duplicates": duplicates}
    await shop.call("POST", "/links:merge", merge)
    await linked(shop, items[kept])
    await counts_are(shop, dict(zip(items, (4, 6), strict=True)), (4, 6)[kept])

    async def is_hidden() -> bool:
        return {each["id"] for each in (await shop.truth())["items"] if each.get("hidden")} == set(duplicates)

    await eventually(is_hidden, within=PATIENCE)


AT_ONCE, UNLINKED_FIRST = "at once", "unlinked first"
PLAYS: dict[str, Callable[[Shop], Awaitable[None]]] = {
    "sold online": partial(what_was_sold_online, how=AT_ONCE),
    "sold online, unlinked first": partial(what_was_sold_online, how=UNLINKED_FIRST),
    "sold at the till": partial(what_the_till_sold, how=AT_ONCE),
    "sold at the till, unlinked first": partial(what_the_till_sold, how=UNLINKED_FIRST),
    "counted at the till": partial(what_a_person_counted, how=AT_ONCE),
    "counted here": partial(what_was_counted_here, how=AT_ONCE),
    "counted here, unlinked first": partial(what_was_counted_here, how=UNLINKED_FIRST),
    "merged, first kept": partial(merged, kept=0),
    "merged, second kept": partial(merged, kept=1),
}


@pytest.fixture(scope="module")
async def plays(system: System) -> AsyncIterator[dict[str, Task[None]]]:
    """All plays at once, each with a shop of its own: they wait more than they work."""

    async def played(play: Callable[[Shop], Awaitable[None]]) -> None:
        async with shop_on(system) as shop:
            await play(shop)

    running = {name: asyncio.create_task(played(play)) for name, play in PLAYS.items()}
    yield running
    for task in running.values():
        task.cancel()
    await asyncio.wait(running.values())


@pytest.mark.parametrize("name", PLAYS)
async def test_the_counts_go_with_the_product(plays: dict[str, Task[None]], name: str) -> None:
    """After the link was put right, each item has the count that it had if the link had been right from the start."""
    await plays[name]
