"""Many products are written in one call, a bad one is reported alone, and no crash makes a second item."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.catalog.conftest import Catalog, Shop
from tests.integration.catalog.deaths import Moments, die_at
from tests.integration.catalog.labels import labels, names
from tests.support.eventually import eventually

from catalog.clover import items as clover
from catalog.domain.items import Item, NewItem
from catalog.sync.writes import FEW
from clover_sandbox.till.labels import TIES
from common.clover.transport import MerchantApi
from common.contracts.catalog import ProductLinked

MANY = FEW + 5


def rows(count: int = MANY, **other: Any) -> list[dict[str, Any]]:
    row = {"name": "Mug", "price": 1250, "currency": "USD", "status": "active"} | other
    return [{"product_id": f"p-{number}", "sku": f"SKU-{number}", **row} for number in range(count)]


async def send(catalog: Catalog, shop: Shop, products: list[dict[str, Any]]) -> None:
    path = f"/v1/merchants/{shop.id}/products:batch"
    status, outcomes = await catalog.call("POST", path, products)
    assert status == 200
    assert {each["outcome"] for each in outcomes} == {"accepted"}


async def states(catalog: Catalog, shop: Shop) -> dict[str, Any]:
    _, body = await catalog.call("GET", f"/v1/merchants/{shop.id}/products?limit=500")
    return {each["product_id"]: each["sync"]["state"] for each in body["products"]}


def writes(catalog: Catalog) -> list[str]:
    return [call for call in catalog.calls() if not call.startswith("GET")]


def skus(catalog: Catalog, shop: Shop) -> list[str]:
    return sorted(item["sku"] for item in catalog.items(shop))


@pytest.mark.parametrize("answer", ["array", "elements"])
async def test_many_products_are_created_and_changed_in_one_call(catalog: Catalog, answer: str) -> None:
    """One call creates all of them, each with its link; another one writes the fields that changed."""
    catalog.clover.switches.set({"bulk_answer": answer})
    shop = await catalog.connected()
    await send(catalog, shop, rows())
    await catalog.run_until_idle()
    assert writes(catalog) == ["POST bulk_items"]
    assert set((await states(catalog, shop)).values()) == {"synced"}
    linked = {each.item_id: each.sku for each in await catalog.emitted(ProductLinked)}
    assert linked == {item["id"]: item["sku"] for item in catalog.items(shop)}
    catalog.clover.journal.forget()
    await send(catalog, shop, rows(price=1300))
    await catalog.run_until_idle()
    assert writes(catalog) == ["PUT bulk_items"]
    assert {item["price"] for item in catalog.items(shop)} == {1300}
    assert len(await catalog.emitted(ProductLinked)) == MANY


@pytest.mark.parametrize("changed", [{"batch_gathers_seconds": 30.0}])
async def test_products_of_a_batch_gather_for_one_call(catalog: Catalog) -> None:
    """Portions that arrive one after another go in one call, once no more arrive; a single change does not wait."""
    shop = await catalog.connected()
    for number in range(2):
        await send(catalog, shop, [row for row in rows(2 * MANY) if int(row["product_id"][2:]) % 2 == number])
        await catalog.run_until_idle()
    assert writes(catalog) == []
    await catalog.put(shop, "p-0", sku="SKU-0")
    await catalog.run_until_idle()
    assert writes(catalog) == ["POST items"]
    catalog.clock.advance(30)
    await catalog.run_until_idle()
    assert writes(catalog) == ["POST items", "POST bulk_items"]
    assert len(skus(catalog, shop)) == 2 * MANY


async def test_many_unchanged_products_cost_no_call(catalog: Catalog) -> None:
    """They are compared with the mirror of their items."""
    shop = await catalog.connected()
    await send(catalog, shop, rows())
    await catalog.run_until_idle()
    catalog.clover.journal.forget()
    await send(catalog, shop, rows())
    await catalog.run_until_idle()
    assert set((await states(catalog, shop)).values()) == {"synced"}
    assert catalog.calls() == []


@pytest.mark.parametrize("invalid", ["refuse_all", "skip_row"])
async def test_a_bad_row_is_reported_alone(catalog: Catalog, invalid: str) -> None:
    """Clover refuses one of many; its product is held with Clover's reason, and the others go on."""
    catalog.clover.switches.set({"bulk_invalid_row": invalid})
    shop = await catalog.connected()
    await send(catalog, shop, rows())
    await catalog.fetch("UPDATE product SET name = repeat('x', 128) WHERE product_id = 'p-7'")
    await catalog.run_until_idle()
    found = await states(catalog, shop)
    assert {product_id for product_id, state in found.items() if state != "synced"} == {"p-7"}
    sync = (await catalog.product(shop, "p-7"))["sync"]
    assert (sync["state"], sync["reason"]) == ("held", "name cannot exceed 127 characters")
    assert skus(catalog, shop) == sorted(f"SKU-{number}" for number in range(MANY) if number != 7)


@pytest.mark.parametrize("invalid", ["refuse_all", "skip_row"])
@pytest.mark.parametrize("by_id", ["404", "shown"])
async def test_an_item_deleted_meanwhile_stops_no_other(catalog: Catalog, invalid: str, by_id: str) -> None:
    """A change of many includes an item that the till just deleted; it is not created again, and the others change."""
    catalog.clover.switches.set({"bulk_invalid_row": invalid, "deleted_by_id": by_id})
    shop = await catalog.connected()
    await send(catalog, shop, rows())
    await catalog.run_until_idle()
    gone = (await catalog.product(shop, "p-3"))["item_id"]
    await send(catalog, shop, rows(price=1300))
    delete = {"action": "delete_item", "input": {"item": gone}, "when": "before"}
    catalog.clover.faults.add({"kind": "till", "method": "PUT", "path": "bulk_items$", "times": 1, **delete})
    await catalog.run_until_idle()
    found = await states(catalog, shop)
    assert {product_id for product_id, state in found.items() if state != "synced"} == {"p-3"}
    assert (await catalog.product(shop, "p-3"))["deleted_item_id"] == gone
    assert [item["price"] for item in catalog.items(shop) if not item.get("deleted")].count(1300) == MANY - 1


@pytest.mark.parametrize(("as_sent", "lists_refused"), [(0, 0), (1, 0), (1, 1)])
async def test_an_answer_with_other_skus_makes_no_second_item(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, as_sent: int, lists_refused: int
) -> None:
    """Clover stores SKUs, all but one or all, in small letters: its answer then names others than were sent.

    The list that tells which items are there may be refused.
    """
    create_items = clover.create_items

    async def create_small(api: MerchantApi, wanted: Sequence[NewItem]) -> list[Item]:
        small = [replace(each.fields, sku=str(each.fields.sku).lower()) for each in wanted]
        created = await create_items(api, [*wanted[:as_sent], *map(NewItem, small[as_sent:])])
        if lists_refused:
            refusal = {"kind": "refuse", "status": 400, "method": "GET", "path": r"items\?", "times": lists_refused}
            catalog.clover.faults.add(refusal)
        return created

    monkeypatch.setattr(clover, "create_items", create_small)
    shop = await catalog.connected()
    await send(catalog, shop, rows())
    await catalog.run_until_idle()
    catalog.clock.advance(10)
    await catalog.run_until_idle()
    assert len(catalog.items(shop)) == MANY
    assert set((await states(catalog, shop)).values()) == {"synced"}


async def test_a_lost_answer_to_many_makes_no_second_item(catalog: Catalog) -> None:
    """The call of many was applied and its answer lost; the items are found by their SKUs and linked."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": "apply_then_drop", "method": "POST", "path": "bulk_items$", "times": 1})
    await send(catalog, shop, rows())
    await catalog.run_until_idle()
    catalog.clock.advance(10)
    await catalog.run_until_idle()
    assert writes(catalog) == ["POST bulk_items"]
    assert skus(catalog, shop) == sorted(row["sku"] for row in rows())
    assert set((await states(catalog, shop)).values()) == {"synced"}


@pytest.mark.parametrize("changed", [{"create_settles_seconds": 60.0}])
async def test_a_call_of_many_applied_late_is_waited_for(catalog: Catalog) -> None:
    """Items that appear after their call timed out are linked, not created again."""
    shop = await catalog.connected()
    catalog.apply_late("bulk_items$")
    await send(catalog, shop, rows())
    await catalog.run_until_idle()
    catalog.clock.advance(10)
    await catalog.run_until_idle()
    await eventually(lambda: len(catalog.items(shop)) == MANY)
    catalog.clock.advance(10)
    await catalog.run_until_idle()
    assert writes(catalog) == ["POST bulk_items"]
    assert set((await states(catalog, shop)).values()) == {"synced"}


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> Moments:
    return Moments(monkeypatch)


modes = st.fixed_dictionaries(
    {
        "bulk_answer": st.sampled_from(["array", "elements"]),
        "bulk_invalid_row": st.sampled_from(["refuse_all", "skip_row"]),
        "offset_cap": st.sampled_from(["none", "1000", "1000_ends", "1000_refused"]),
        "deleted_by_id": st.sampled_from(["404", "shown"]),
    }
)
answers = st.sampled_from([None, "apply_then_drop", "drop_before_apply", "fail_after"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    modes=modes,
    count=st.sampled_from([2, MANY]),
    deaths=st.lists(st.integers(0, 30), max_size=3),
    lost=answers,
    has_bad_row=st.booleans(),
    stated=st.sampled_from([{}, {"categories": ["Cups"], "tags": ["new"], "tax_rates": ["NO_TAX_APPLIED"]}]),
)
async def test_killed_at_any_moment_no_item_is_doubled(
    catalog: Catalog,
    moments: Moments,
    modes: dict[str, str],
    count: int,
    deaths: list[int],
    lost: str | None,
    stated: dict[str, list[str]],
    *,
    has_bad_row: bool,
) -> None:
    """In every mode of Clover there is one item for each product in the end, however often the process dies.

    It has its categories, tags and tax rates, and each of these exists once.
    """
    catalog.clover.switches.set(modes)
    catalog.clover.faults.clear()
    await catalog.fetch("DELETE FROM work")  # the sweeps of earlier examples
    shop = await catalog.connected()
    catalog.add_item(shop, sku="SKU-0")
    if lost:
        catalog.clover.faults.add({"kind": lost, "method": "POST", "path": "items$", "times": 1})
        catalog.clover.faults.add({"kind": lost, "method": "POST", "path": "(categories|_items)$", "times": 2})
    await send(catalog, shop, rows(count, **stated))
    if has_bad_row:
        bad = "UPDATE product SET name = repeat('x', 128) WHERE product_id = 'p-1' AND merchant_id = $1"
        await catalog.fetch(bad, shop.id)
    for left in deaths:
        await die_at(catalog, moments, left)
    for _ in range(4):
        catalog.clock.advance(60)
        await catalog.run_until_idle()

    good = {f"p-{number}" for number in range(count) if not (has_bad_row and number == 1)}
    await assert_synced_once(catalog, shop, good)
    assert_labelled(catalog, shop, stated)


async def assert_synced_once(catalog: Catalog, shop: Shop, good: set[str]) -> None:
    """Assert that these products, and no others, have an item each, and are linked with it."""
    assert skus(catalog, shop) == sorted(f"SKU-{each[2:]}" for each in good)
    found = await states(catalog, shop)
    assert {product_id for product_id, state in found.items() if state == "synced"} == good
    linked = await catalog.fetch("SELECT item_id, product_id FROM item_link WHERE merchant_id = $1 AND linked", shop.id)
    assert {row["item_id"]: row["product_id"] for row in linked} == {
        item["id"]: "p-" + item["sku"][4:] for item in catalog.items(shop)
    }


def assert_labelled(catalog: Catalog, shop: Shop, stated: dict[str, list[str]]) -> None:
    """Assert that each label exists once, and that each item has these and no others."""
    expected = {kind: list[str]() for kind in TIES} | stated
    for kind, stated_names in expected.items():
        assert [each for each in names(catalog, shop, kind) if each in stated_names] == stated_names
    for sku in skus(catalog, shop):
        assert labels(catalog, shop, sku) == expected
