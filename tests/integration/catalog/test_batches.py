"""Many products in one request: each as if it had been sent alone, and a bad one costs no other."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.catalog.conftest import Catalog, Shop

from catalog.kinds import PUSH_PRODUCT


def row(product_id: str, **other: Any) -> dict[str, Any]:
    given = {"product_id": product_id, "name": "Mug", "sku": f"SKU-{product_id}", "price": 1250, "currency": "USD"}
    return given | {"status": "active"} | other


async def send(catalog: Catalog, shop: Shop, rows: list[Any]) -> list[dict[str, Any]]:
    """Send the rows; return their outcomes."""
    status, outcomes = await catalog.call("POST", f"/v1/merchants/{shop.id}/products:batch", rows)
    assert status == 200, outcomes
    assert [each["row"] for each in outcomes] == list(range(1, len(rows) + 1))
    return list(outcomes)


def accepted(outcomes: list[dict[str, Any]]) -> list[bool]:
    return [each["outcome"] == "accepted" for each in outcomes]


async def stored(catalog: Catalog, shop: Shop) -> dict[str, Any]:
    """The SKU of each stored product."""
    rows = await catalog.fetch("SELECT product_id, sku FROM product WHERE merchant_id = $1", shop.id)
    return {each["product_id"]: each["sku"] for each in rows}


async def test_a_batch_reaches_clover(catalog: Catalog) -> None:
    """Every good product is stored, and becomes an item like one that was sent alone."""
    shop = await catalog.connected()
    outcomes = await send(catalog, shop, [row(f"p-{number}") for number in range(3)])
    await catalog.run_until_idle()

    assert all(accepted(outcomes))
    assert sorted(item["sku"] for item in catalog.items(shop)) == [f"SKU-p-{number}" for number in range(3)]
    assert (await catalog.product(shop, "p-2"))["sync"]["state"] == "synced"


async def test_a_batch_waits_behind_single_changes(catalog: Catalog) -> None:
    """An import of thousands delays no product that is changed alone."""
    shop = await catalog.connected()
    await send(catalog, shop, [row("many")])
    await catalog.put(shop, "one")
    rows = await catalog.fetch("SELECT key, priority FROM work WHERE kind = $1", PUSH_PRODUCT)
    priorities = {each["key"]: each["priority"] for each in rows}

    assert priorities["one"] < priorities["many"]


BAD: list[tuple[Any, str]] = [
    (row("bad", name=""), "name"),
    (row("bad", price="12.50"), "price"),
    (row("bad", price={"amount": 1250, "currency": "USD"}), "price"),
    (row("bad", currency="EUR"), "currency"),
    (row("bad", sku="a/../b"), "sku"),
    (row("bad", sku="SKU-good"), "sku"),
    (row("bad", colour="red"), "colour"),
    (row(""), "product_id"),
    (row("x" * 121), "product_id"),
    (row("a/../b"), "product_id"),
    (row("a\u2028b"), "product_id"),
    ({}, "name"),
    ([], "body"),
    ("bad", "body"),
    (None, "body"),
]


@pytest.mark.parametrize(("bad", "field"), BAD, ids=lambda value: json.dumps(value)[:50])
async def test_a_bad_product_is_refused_alone(catalog: Catalog, bad: Any, field: str) -> None:
    """Its outcome names the field and the remedy; the others are stored."""
    shop = await catalog.connected()
    outcomes = await send(catalog, shop, [row("good"), bad, row("after")])

    assert accepted(outcomes) == [True, False, True]
    assert field in [each["field"] for each in outcomes[1]["errors"]]
    assert all(each["problem"] and each["remedy"] for each in outcomes[1]["errors"])
    assert set(await stored(catalog, shop)) == {"good", "after"}


async def test_new_products_of_two_requests_wait_for_one_another_in_one_order(catalog: Catalog) -> None:
    """Both have the same SKUs, in the opposite order of their ids: one of the two gets each, and none deadlock."""
    shop = await catalog.connected()
    for turn in range(10):
        forth = [row(f"{turn}-a-{number:03}", sku=f"{turn}-{number:03}") for number in range(90)]
        back = [row(f"{turn}-b-{number:03}", sku=f"{turn}-{89 - number:03}") for number in range(90)]
        first, second = await asyncio.gather(send(catalog, shop, forth), send(catalog, shop, back))

        assert sorted([sum(accepted(first)), sum(accepted(second))]) == [0, 90]


async def test_the_last_row_of_a_product_counts(catalog: Catalog) -> None:
    """Rows are stored in their order, also within a portion."""
    shop = await catalog.connected()
    outcomes = await send(catalog, shop, [row("p-1", name="First"), row("p-2"), row("p-1", name="Last")])

    assert all(accepted(outcomes))
    assert (await catalog.product(shop, "p-1"))["name"] == "Last"


async def test_a_freed_sku_can_be_taken_in_the_same_batch(catalog: Catalog) -> None:
    """As with single requests, a product may take the SKU that another one gave up before."""
    shop = await catalog.connected()
    await catalog.put(shop, "p-1", sku="A")
    outcomes = await send(catalog, shop, [row("p-1", sku="B"), row("p-2", sku="A"), row("p-3", sku="A")])

    assert accepted(outcomes) == [True, True, False]
    assert await stored(catalog, shop) == {"p-1": "B", "p-2": "A"}


async def test_the_same_batch_again_changes_nothing(catalog: Catalog) -> None:
    """Sending a request again is safe."""
    shop = await catalog.connected()
    rows = [row("p-1"), row("p-2")]
    first = await send(catalog, shop, rows)
    await catalog.run_until_idle()
    again = await send(catalog, shop, rows)
    await catalog.run_until_idle()

    assert accepted(again) == accepted(first)
    assert [each["change"]["effect"] for each in again] == ["unchanged", "unchanged"]
    assert len(catalog.items(shop)) == 2


async def test_a_held_product_is_tried_again(catalog: Catalog) -> None:
    """A correction in a batch lifts the hold, as a single one does."""
    shop = await catalog.connected()
    await catalog.put(shop, "p-1")
    await catalog.fetch("UPDATE product SET held_problem = 'product_rejected', held_reason = 'no'")
    await send(catalog, shop, [row("p-1"), row("p-2")])

    assert (await catalog.product(shop, "p-1"))["sync"]["state"] == "pending"


@pytest.mark.parametrize(("merchant", "claims", "status"), [("NOSUCHSHOP000", {}, 404), (None, {"scope": "x"}, 403)])
async def test_a_batch_of_no_merchant_is_refused(
    catalog: Catalog, merchant: str | None, claims: dict[str, Any], status: int
) -> None:
    """The whole request is refused, with a problem."""
    shop = await catalog.connected()
    path = f"/v1/merchants/{merchant or shop.id}/products:batch"
    answered, problem = await catalog.call("POST", path, [row("p-1")], **claims)

    assert (answered, problem["status"]) == (status, status)


@pytest.fixture
async def shops(catalog: Catalog) -> list[Shop]:
    return [await catalog.connected() for _ in range(2)]


few = st.sampled_from("abc")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.dictionaries(few, few, max_size=3), rows=st.lists(st.tuples(few, few), max_size=6))
async def test_a_batch_ends_like_single_requests(
    catalog: Catalog, shops: list[Shop], before: dict[str, str], rows: list[tuple[str, str]]
) -> None:
    """For any products and SKUs, the outcomes and what is stored are those of one request after another."""
    await catalog.fetch("DELETE FROM product")
    singly, batched = shops
    for shop in shops:
        for product_id, sku in before.items():
            await catalog.put(shop, product_id, sku=sku)
    one_by_one = [(await catalog.put(singly, product_id, sku=sku))[0] < 300 for product_id, sku in rows]
    outcomes = await send(catalog, batched, [row(product_id, sku=sku) for product_id, sku in rows])

    assert accepted(outcomes) == one_by_one
    assert await stored(catalog, batched) == await stored(catalog, singly)
