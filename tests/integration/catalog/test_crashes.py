"""Products are saved, deleted, unlinked and linked while answers are lost and the process dies: no item is doubled."""

import asyncio
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.catalog.conftest import Catalog, Shop
from tests.integration.catalog.deaths import Moments, die_at
from tests.integration.catalog.test_bulk import MANY, rows, send
from tests.support.eventually import eventually

from clover_sandbox.faults import Rule

LATE = {"seconds": 0.3, "answer": 504}
SETTLES = 60.0
PAUSE = 10.0
"""The time between two acts, after which calls without an answer are repeated: all of them are over before SETTLES."""

acts = st.tuples(
    st.sampled_from(["save", "hide", "purge", "unlink", "link", "save_all"]),
    st.integers(0, 1),
    st.integers(0, 25),
)


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> Moments:
    return Moments(monkeypatch)


def existing(catalog: Catalog, shop: Shop) -> dict[str, str]:
    """The SKUs of the items that Clover has, by item."""
    return {each["id"]: each["sku"] for each in catalog.items(shop) if not each.get("deleted")}


async def applied(rule: Rule | None) -> None:
    """Wait until a call that the sandbox applies late is applied, which takes real time, unlike the settling."""
    loop = asyncio.get_running_loop()
    end = loop.time() + (rule.seconds if rule and rule.played else 0)
    await eventually(lambda: loop.time() >= end)


async def act(catalog: Catalog, shop: Shop, what: str, number: int, count: int) -> None:
    """Ask for it; that the product or its item is gone already is no matter."""
    at, row = f"/v1/merchants/{shop.id}", rows(count)[number]
    product_id = row["product_id"]
    match what:
        case "save":
            await catalog.put(shop, product_id, sku=row["sku"], price=900)
        case "save_all":
            await send(catalog, shop, rows(count))
        case "hide" | "purge":
            query = "?purge=true" if what == "purge" else ""
            await catalog.call("DELETE", f"{at}/products/{product_id}{query}")
        case "unlink":
            await catalog.call("DELETE", f"{at}/links/{product_id}")
        case "link":
            there = [
                each["id"] for each in catalog.items(shop) if each["sku"] == row["sku"] and not each.get("deleted")
            ]
            for item_id in there[:1]:
                await catalog.call("POST", f"{at}/links", {"product_id": product_id, "item_id": item_id})


@pytest.mark.parametrize("changed", [{"create_settles_seconds": SETTLES}])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.sampled_from([2, MANY]),
    lost=st.sampled_from([None, "apply_then_drop", "drop_before_apply", "apply_late"]),
    done=st.lists(acts, min_size=1, max_size=5),
)
async def test_no_item_is_doubled_by_what_is_asked_meanwhile(
    catalog: Catalog, moments: Moments, count: int, lost: str | None, done: list[tuple[str, int, int]]
) -> None:
    """Clover has one item for each SKU in the end, and each product that is synced has its own."""
    catalog.clover.faults.clear()
    await catalog.fetch("DELETE FROM work")  # the sweeps of earlier examples
    shop = await catalog.connected()
    given = {"kind": lost, "method": "POST", "path": "items$", "times": 1}
    rule = catalog.clover.faults.add(given | (LATE if lost == "apply_late" else {})) if lost else None
    await send(catalog, shop, rows(count))
    for what, number, left in done:
        await die_at(catalog, moments, left)
        catalog.clock.advance(PAUSE)
        await act(catalog, shop, what, number, count)
    for _ in range(6):
        await catalog.run_until_idle()
        await applied(rule)
        catalog.clock.advance(SETTLES + 1)

    there = existing(catalog, shop)
    assert [sku for sku, number in Counter(there.values()).items() if number > 1] == []
    stored = await catalog.fetch(
        "SELECT product_id, sku, item_id, removal FROM product WHERE merchant_id = $1", shop.id
    )
    assert [row["product_id"] for row in stored if row["removal"]] == []
    assert {row["sku"]: there[row["item_id"]] for row in stored if row["item_id"]} == {
        row["sku"]: row["sku"] for row in stored if row["item_id"]
    }
    linked = await catalog.fetch("SELECT item_id, product_id FROM item_link WHERE merchant_id = $1 AND linked", shop.id)
    assert {row["item_id"]: row["product_id"] for row in linked} == {
        row["item_id"]: row["product_id"] for row in stored if row["item_id"]
    }
