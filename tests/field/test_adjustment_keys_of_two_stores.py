"""Users met: two shops with the same ids, and adjustment keys that came back with a prefix that was never sent."""

import asyncio
from typing import Any

from tests.integration.inventory.conftest import Inventory, inventory
from tests.support.clover import Shop

__all__ = ["inventory"]

MUGS = {"channel": "shopify", "store": "mugs.example"}
CUPS = {"channel": "shopify", "store": "cups.example"}


async def adjust(inventory: Inventory, shop: Shop, **other: Any) -> tuple[int, Any]:
    adjustment = {"key": "1001", "sku": "SKU-1", "delta": -1, "cause": "sale"} | other
    return await inventory.ask("POST", shop, "/stock/adjustments", {"adjustments": [adjustment]})


async def test_two_stores_may_use_one_key(inventory: Inventory) -> None:
    """Each adjusts once, however often it sends its adjustment; so does a caller that names no store."""
    shop = await inventory.connect()
    await inventory.item(shop, 10, sku="SKU-1")

    for _ in range(2):
        for channel in (MUGS, CUPS, None):
            status, _ = await adjust(inventory, shop, channel=channel)
            assert status == 200

    assert await inventory.stock(shop, "SKU-1") == (7, 10)


async def test_the_answer_and_the_ledger_show_the_key_as_it_was_sent(inventory: Inventory) -> None:
    """The key has no prefix, and the store is named with it."""
    shop = await inventory.connect()
    await inventory.item(shop, 10, sku="SKU-1")

    _, answer = await adjust(inventory, shop, key="adjustment:a/ä 1", channel=MUGS)
    _, ledger = await inventory.ask("GET", shop, "/stock/SKU-1/ledger?limit=1")

    for [movement] in (answer["movements"], ledger["movements"]):
        assert (movement["key"], movement["channel"]) == ("adjustment:a/ä 1", MUGS)


async def test_a_used_key_with_another_content_is_refused_with_the_difference(inventory: Inventory) -> None:
    """The refusal names what the first adjustment had instead."""
    shop = await inventory.connect()
    await inventory.item(shop, 10, sku="SKU-1")
    await adjust(inventory, shop, channel=MUGS)

    status, problem = await adjust(inventory, shop, channel=MUGS, delta=-2, cause="return")

    assert status == 422
    [error] = problem["errors"]
    assert (error["field"], error["problem"]) == (
        "adjustments.0.key",
        'was already used for an adjustment by -1, with the cause "sale"',
    )


async def test_one_key_for_two_items_at_once_is_owned_by_the_first(inventory: Inventory) -> None:
    """Of requests of the same moment one is applied, and the others are refused with the difference."""
    shop = await inventory.connect()
    for number in range(4):
        await inventory.item(shop, 10, sku=f"SKU-{number}")

    for key in ("a", "b", "c"):
        requests = [adjust(inventory, shop, key=key, sku=f"SKU-{number}") for number in range(4)]
        answers = await asyncio.gather(*requests)
        assert sorted(status for status, _ in answers) == [200, 422, 422, 422]
