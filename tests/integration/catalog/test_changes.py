"""The changes of a batch are previewed beforehand, recorded and listed."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.catalog.changes import change_id, details, few, send, stored, undo
from tests.integration.catalog.conftest import Catalog, Shop
from tests.integration.catalog.test_batches import row


def as_stored(outcomes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The outcomes without what only a preview has, or only the real answer."""
    bare = [each | {"change_id": None} for each in outcomes]
    return [each | {"change": each["change"] and each["change"] | {"item": None}} for each in bare]


async def test_a_preview_stores_nothing(catalog: Catalog) -> None:
    """It answers field by field with what would be stored, in the shape of the real answer."""
    shop = await catalog.connected()
    await send(catalog, shop, [row("p-1"), row("p-2"), row("p-3")])
    before = await stored(catalog, shop)
    rows = [row("p-1", price=1500), row("p-2", status="draft"), row("p-3"), row("p-4"), row("p-5", sku="SKU-p-1")]
    previewed = await send(catalog, shop, rows, dry_run=True)

    assert await stored(catalog, shop) == before
    assert [each["change"] and (each["change"]["effect"], each["change"]["hides"]) for each in previewed] == [
        ("changed", False),
        ("changed", True),
        ("unchanged", False),
        ("new", False),
        None,
    ]
    assert [each["change"]["fields"] for each in previewed[:4]] == [
        [{"field": "price", "before": 1250, "after": 1500}],
        [{"field": "status", "before": "active", "after": "draft"}],
        [],
        [],
    ]
    assert as_stored(await send(catalog, shop, rows)) == as_stored(previewed)


async def test_a_preview_tells_what_becomes_of_the_items(catalog: Catalog) -> None:
    """Which are created, which are linked and what they lose thereby, and where a person has to decide."""
    shop = await catalog.connected()
    await send(catalog, shop, [row("p-1"), row("p-2")])
    await catalog.run_until_idle()
    for sku, name in (("free", "Old mug"), ("TWICE", "One"), ("TWICE", "Two")):
        catalog.till(shop, "create_item", name=name, price=1250, sku=sku)
    await catalog.sweep()
    rows = [row("p-1", price=900), row("p-2"), row("p-3"), row("p-4", sku="FREE", price=1250), row("p-5", sku="TWICE")]
    items = [each["change"]["item"] for each in await send(catalog, shop, rows, dry_run=True)]

    assert [each["action"] for each in items] == ["update", "none", "create", "link", "hold"]
    assert items[0]["fields"] == [{"field": "price", "before": 1250, "after": 900}]
    assert [(each["field"], each["before"]) for each in items[3]["fields"]] == [("name", "Old mug"), ("sku", "free")]
    assert "2 items" in items[4]["reason"]


@pytest.fixture
async def shop(catalog: Catalog) -> Shop:
    return await catalog.connected()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.dictionaries(few, few, max_size=3), rows=st.lists(st.tuples(few, few), max_size=6))
async def test_a_preview_answers_as_the_request_would(
    catalog: Catalog, shop: Shop, before: dict[str, str], rows: list[tuple[str, str]]
) -> None:
    """For any products and SKUs, with each product once."""
    await catalog.fetch("DELETE FROM product")
    await send(catalog, shop, [row(product_id, sku=sku) for product_id, sku in before.items()])
    batch = [row(product_id, sku=sku) for product_id, sku in dict(rows).items()]
    previewed = await send(catalog, shop, batch, dry_run=True)

    assert as_stored(await send(catalog, shop, batch)) == as_stored(previewed)


async def test_a_preview_tells_that_a_deleted_item_is_made_anew(catalog: Catalog) -> None:
    """Saving a product does so, unless it is archived."""
    shop = await catalog.connected()
    await send(catalog, shop, [row("p-1"), row("p-2")])
    await catalog.run_until_idle()
    for item in catalog.items(shop):
        catalog.till(shop, "delete_item", item=item["id"])
    await catalog.sweep()
    previewed = await send(catalog, shop, [row("p-1"), row("p-2", status="archived")], dry_run=True)

    assert [each["change"]["item"]["action"] for each in previewed] == ["create", "none"]


async def test_changes_are_listed(catalog: Catalog) -> None:
    """Newest first, page by page; a request that changes nothing is not among them."""
    shop = await catalog.connected()
    made = [change_id(await send(catalog, shop, [row("p-1", price=price)])) for price in (1, 2, 3)]
    unchanged = await send(catalog, shop, [row("p-1", price=3)])
    _, first = await catalog.call("GET", f"/v1/merchants/{shop.id}/changes?limit=2")
    _, second = await catalog.call("GET", f"/v1/merchants/{shop.id}/changes?limit=2&cursor={first['next']}")

    assert unchanged[0]["change_id"] is None
    assert [each["change_id"] for each in first["changes"] + second["changes"]] == made[::-1]
    assert second["next"] is None


async def test_all_portions_of_a_batch_are_one_change(catalog: Catalog) -> None:
    """Also a product that occurs in several of them, which keeps what it had before the first."""
    shop = await catalog.connected()
    await send(catalog, shop, [row("p-0")])
    rows = [*(row(f"p-{number}") for number in range(1, 150)), row("p-0", price=7)]
    made = await send(catalog, shop, [row("p-0", price=5, name="Cup"), *rows])
    found = await details(catalog, shop, change_id(made))
    await undo(catalog, shop, change_id(made))

    assert (found["new"], found["changed"]) == (149, 2)
    assert [(each["field"], each["before"], each["after"]) for each in found["products"][0]["fields"]] == [
        ("name", "Mug", "Mug"),
        ("price", 1250, 7),
    ]
    assert (await stored(catalog, shop))["p-0"]["price"] == 1250


@pytest.mark.parametrize("path", ["changes/nothing", "changes/0199f3c2-8a4e-7b3c-9d21-5f0e6a7b8c9d"])
async def test_unknown_changes(catalog: Catalog, path: str) -> None:
    shop = await catalog.connected()

    assert (await catalog.call("GET", f"/v1/merchants/{shop.id}/{path}"))[0] == 404
    assert (await catalog.call("POST", f"/v1/merchants/{shop.id}/{path}:undo"))[0] == 404
