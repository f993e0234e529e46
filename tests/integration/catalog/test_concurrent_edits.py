"""Both sides end equal when edits meet lost answers, delayed reads and a change of the master."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.integration.catalog.conftest import Catalog
from tests.integration.catalog.masters import MASTERS, choose, edit, events, synced_shop


@pytest.mark.parametrize("kind", ["apply_then_drop", "fail_before"])
@MASTERS
async def test_a_lost_answer_is_no_edit(catalog: Catalog, master: str, kind: str) -> None:
    """Our own write comes back by a webhook before its answer is known: nothing was edited in Clover."""
    shop, item_id = await synced_shop(catalog, master)
    catalog.clover.faults.add({"kind": kind, "method": "POST", "path": f"items/{item_id}$", "times": 1})
    await catalog.put(shop, price=1300)
    await catalog.run_until_idle()
    await catalog.put(shop, price=1400)
    await catalog.hear(shop, item_id)
    assert await catalog.synced_on_retry(shop)
    assert [each["price"] for each in catalog.items(shop)] == [1400]
    assert (await catalog.product(shop))["price"] == 1400
    assert await events(catalog) == []


@pytest.mark.parametrize("before", ["quicksync", "clover"])
async def test_an_edit_counts_by_the_master_at_the_time_it_is_noted(catalog: Catalog, before: str) -> None:
    """With edits waiting on both sides, the master at the time of the next read decides."""
    shop, item_id = await synced_shop(catalog, before)
    catalog.till(shop, "edit_item", item=item_id, price=999)
    await catalog.put(shop, price=1300)
    after = "clover" if before == "quicksync" else "quicksync"
    await choose(catalog, shop, after)
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    expected = 999 if after == "clover" else 1300
    assert (item["price"], (await catalog.product(shop))["price"]) == (expected, expected)


async def test_what_was_noted_before_a_change_of_the_master_stays(catalog: Catalog) -> None:
    """An edit that was to be put back is put back; one that the product took over is the product's."""
    shop, item_id = await synced_shop(catalog, "quicksync")
    fault = {"kind": "fail_before", "method": "POST", "path": f"items/{item_id}$"}
    catalog.clover.faults.add(fault)
    await edit(catalog, shop, item_id, price=999)
    await choose(catalog, shop, "clover")
    catalog.clover.faults.clear()
    assert await catalog.synced_on_retry(shop)
    assert [each["price"] for each in catalog.items(shop)] == [1250]

    await edit(catalog, shop, item_id, price=888)
    await choose(catalog, shop, "quicksync")
    await catalog.sweep()
    assert [each["price"] for each in catalog.items(shop)] == [888]
    await catalog.put(shop)  # with QuickSync as the master, each PUT counts
    await catalog.run_until_idle()
    assert [each["price"] for each in catalog.items(shop)] == [1250]


MOVES = st.lists(st.sampled_from(["put", "till", "hear", "lost", "failed", "work", "sweep"]), min_size=2, max_size=7)


@settings(max_examples=settings().max_examples // 2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("clover", ["put", "lost", "put", "hear", "till", "put", "lost", "sweep"])
@example("quicksync", ["put", "lost", "put", "hear", "till", "till", "failed", "sweep"])
@given(st.sampled_from(["quicksync", "clover"]), MOVES)
async def test_both_sides_end_equal(catalog: Catalog, master: str, moves: list[str]) -> None:
    """In any order of edits, reads and lost answers; each edit at the till is one event, and the master's stays."""
    await catalog.fetch("DELETE FROM outbox")
    shop, item_id = await synced_shop(catalog, master)
    await catalog.fetch("DELETE FROM outbox")
    edits: list[int] = []
    expected = 1250
    for number, move in enumerate(moves):
        price = 2000 + number
        match move:
            case "put":
                await catalog.put(shop, price=price)
                expected = price
            case "till":
                await edit(catalog, shop, item_id, price=price)
                edits.append(price)
                expected = price if master == "clover" else expected
            case "lost" | "failed":
                kind = "apply_then_drop" if move == "lost" else "fail_before"
                catalog.clover.faults.add({"kind": kind, "method": "POST", "path": f"items/{item_id}$", "times": 1})
                await catalog.run_until_idle()
            case "hear":
                await catalog.hear(shop, item_id)
            case "work":
                await catalog.run_until_idle()
            case _:
                await catalog.sweep()
    catalog.clover.faults.clear()
    await catalog.synced_on_retry(shop)
    await catalog.sweep()
    prices = {item["id"]: item["price"] for item in catalog.items(shop)}
    product = await catalog.product(shop)
    assert (prices[item_id], product["price"], product["sync"]["state"]) == (expected, expected, "synced")
    assert [each.after for event in await events(catalog) for each in event.changes] == edits
