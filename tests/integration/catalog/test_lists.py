"""Products are found by text, status, link and problem, and the pages of a large catalogue stay fast."""

from typing import Any

import pytest
from tests.integration.catalog.changes import send
from tests.integration.catalog.conftest import Catalog, Shop
from tests.integration.catalog.test_batches import row

from catalog.store import product_columns, products
from catalog.store.products import Chosen

MANY = """
INSERT INTO product (merchant_id, product_id, name, sku, price, currency, status, updated_at)
SELECT $1, 'p-' || lpad(number::text, 6, '0'), 'Mug ' || number, 'SKU-' || number, 100, 'USD', 'active', now()
FROM generate_series(1, $2) AS number
"""


async def found(catalog: Catalog, shop: Shop, query: str) -> list[str]:
    """The ids of the products that the query lists, in pages of two."""
    ids: list[str] = []
    cursor = ""
    while True:
        status, page = await catalog.call("GET", f"/v1/merchants/{shop.id}/products?limit=2&{query}{cursor}")
        assert status == 200, page
        ids += [each["product_id"] for each in page["products"]]
        if page["next"] is None:
            return ids
        cursor = f"&cursor={page['next']}"


@pytest.fixture
async def shop(catalog: Catalog) -> Shop:
    """A merchant with some products, beside another one whose products have the same words."""
    shop, other = await catalog.connected(), await catalog.connected()
    rows: list[dict[str, Any]] = [
        row("1", name="Blue mug", sku="MUG-BLUE-001", barcode="4006381333931"),
        row("2", name="Große Tasse, blau", sku="TASSE", status="draft"),
        row("3", name="Mugshot O'Neill", sku="POSTER/7"),
        row("4", name="コーヒー 豆", sku="it's"),
    ]
    await send(catalog, other, rows)
    await send(catalog, shop, rows)
    return shop


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("mug", ["1", "3"]),
        ("MUG BL", ["1"]),
        ("bl", ["1", "2"]),
        ("große", ["2"]),
        ("mug-blue-001", ["1"]),
        ("400638", ["1"]),
        ("o'ne", ["3"]),
        ("poster/7", ["3"]),
        ("コーヒ", ["4"]),
        ("it's", ["4"]),
        ("lue", []),
        ("':* | 'x", []),
        ("-- '", ["1", "2", "3", "4"]),
    ],
)
async def test_products_are_found_by_the_beginnings_of_words(
    catalog: Catalog, shop: Shop, text: str, ids: list[str]
) -> None:
    """Of the name, the SKU, the barcode and the id, in any case and sequence; punctuation only separates."""
    assert await found(catalog, shop, f"text={text.replace('&', '%26').replace('|', '%7C')}") == ids


async def test_products_are_found_by_their_state(catalog: Catalog, shop: Shop) -> None:
    """Status, link and problem; all that is asked for must fit."""
    await catalog.fetch("UPDATE product SET item_id = 'I' || product_id WHERE product_id IN ('1', '2')")
    await catalog.fetch("UPDATE product SET held_problem = 'product_rejected' WHERE product_id = '3'")
    await catalog.fetch("UPDATE product SET deleted_item_id = 'X' WHERE product_id = '4'")

    assert await found(catalog, shop, "status=draft") == ["2"]
    assert await found(catalog, shop, "link=linked") == ["1", "2"]
    assert await found(catalog, shop, "link=unlinked") == ["3", "4"]
    assert await found(catalog, shop, "link=deleted") == ["4"]
    assert await found(catalog, shop, "problem=product_rejected") == ["3"]
    assert await found(catalog, shop, "text=bl&status=active&link=linked") == ["1"]


@pytest.mark.parametrize("query", ["status=gone", "link=x", "problem=x", "text=", f"text={'x' * 101}"])
async def test_an_unknown_filter_is_refused(catalog: Catalog, shop: Shop, query: str) -> None:
    assert (await catalog.call("GET", f"/v1/merchants/{shop.id}/products?{query}"))[0] == 422


@pytest.mark.parametrize("text", ["mug", "sku 39999", None])
async def test_a_page_of_many_products_reads_few_rows(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    """A word that all products have is found by their order, a rare one by the index of words.

    PostgreSQL estimates the beginning of a word at 2 % of the products as long as few words are common. With 20,000
    products both ways then cost the same.
    """
    shop = await catalog.connected()
    await catalog.fetch(MANY, shop.id, 40_000)
    await catalog.fetch("VACUUM ANALYZE product")  # as the server does by itself
    monkeypatch.setattr(products, "RECORDS", f"EXPLAIN (ANALYZE, FORMAT TEXT) {product_columns.RECORDS}")
    plans: list[str] = []
    monkeypatch.setattr(products, "record_of", lambda row: plans.append(row[0]))
    for _ in range(7):  # the plan for an unknown text would be used from the sixth time on
        plans.clear()
        async with catalog.service.database.connection() as conn:
            await products.page(conn, shop.id, "", 100, Chosen(text))

    read = [int(line.split("rows=")[2].split()[0]) for line in plans if line.count("rows=") == 2]
    removed = [int(line.split(":")[1]) for line in plans if "Rows Removed by Filter" in line]
    assert sum(read) + sum(removed) < 2000, plans
