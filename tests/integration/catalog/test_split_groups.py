"""Variants of one parent in different portions of a request: they end as if they stood side by side."""

from typing import Any

import pytest
from tests.integration.catalog.changes import send
from tests.integration.catalog.conftest import Catalog, Shop
from tests.integration.catalog.tables import errors, imported, outcomes, table
from tests.integration.catalog.variants import row, variant

SIZES = ("S", "M", "L")


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the variants of a parent be in different portions."""
    monkeypatch.setattr("catalog.api.imports.PORTION", 2)
    monkeypatch.setattr("catalog.domain.variants.PORTION", 2)
    monkeypatch.setattr("common.http.rows.PORTION", 2)


def tees(*sizes: str, **other: str) -> list[dict[str, Any]]:
    """Variants of two parents, in turns, and plain products between them."""
    rows = []
    for product_id, size in zip("abc", sizes, strict=True):
        rows += [row(f"{group}-{product_id}", variant(group, group, Size=size, **other)) for group in ("tee", "cap")]
        rows.append(row(f"plain-{product_id}", None))
    return rows


async def sizes_of(catalog: Catalog, shop: Shop) -> dict[str, Any]:
    rows = await catalog.fetch(
        "SELECT product_id, options ->> 'Size' AS size FROM product WHERE merchant_id = $1 AND parent_id IS NOT NULL",
        shop.id,
    )
    return {each["product_id"]: each["size"] for each in rows}


def expected(*sizes: str) -> dict[str, str]:
    return {f"{group}-{each}": size for each, size in zip("abc", sizes, strict=True) for group in ("tee", "cap")}


EFFECTS = ["changed", "changed", "unchanged"] * 3


async def test_variants_exchange_their_values_in_a_batch(catalog: Catalog) -> None:
    """In one request, though the row that gives up a value comes portions after the one that takes it."""
    shop = await catalog.connected()
    await send(catalog, shop, tees(*SIZES))
    rows = tees("M", "L", "S")
    preview = await send(catalog, shop, rows, dry_run=True)
    found = await send(catalog, shop, rows)

    assert [each["row"] for each in found] == list(range(1, len(rows) + 1))
    assert [each["change"] | {"item": None} for each in preview] == [each["change"] for each in found]
    assert [each["change"]["effect"] for each in found] == EFFECTS
    assert len({each["change_id"] for each in found} - {None}) == 1
    assert await sizes_of(catalog, shop) == expected("M", "L", "S")


async def test_variants_exchange_their_values_in_an_import(catalog: Catalog) -> None:
    """The preview tells the same, and the same file again changes nothing."""
    shop = await catalog.connected()
    await send(catalog, shop, tees(*SIZES))
    file = table(tees("M", "L", "S"))
    preview = await imported(catalog, shop, file, dry_run="true")
    answer = await imported(catalog, shop, file)
    again = await imported(catalog, shop, file)

    assert outcomes(answer) == list(enumerate(EFFECTS, start=2))
    assert answer["rows"] == [each | {"item": None} for each in preview["rows"]]
    assert answer["summary"] == preview["summary"]
    assert again["summary"]["unchanged"] == len(EFFECTS)
    assert await sizes_of(catalog, shop) == expected("M", "L", "S")


@pytest.mark.parametrize("way", ["batch", "import"])
async def test_all_variants_get_another_option(catalog: Catalog, way: str) -> None:
    shop = await catalog.connected()
    await send(catalog, shop, tees(*SIZES))
    rows = tees(*SIZES, Fit="Slim")
    if way == "batch":
        assert {each["outcome"] for each in await send(catalog, shop, rows)} == {"accepted"}
    else:
        assert (await imported(catalog, shop, table(rows)))["summary"]["changed"] == 6
    found = await catalog.fetch("SELECT DISTINCT options ->> 'Fit' FROM product WHERE parent_id IS NOT NULL")
    assert [each[0] for each in found] == ["Slim"]


@pytest.mark.parametrize("way", ["batch", "import"])
async def test_a_variant_that_fits_at_no_time_is_refused(catalog: Catalog, way: str) -> None:
    """With what is wrong, in its place among the outcomes; it is counted as refused once."""
    shop = await catalog.connected()
    await send(catalog, shop, tees(*SIZES))
    rows = [row("new", variant("tee", "tee", Size="s")), *tees(*SIZES)]
    if way == "batch":
        found = await send(catalog, shop, [*rows, row("plain-a", None, price=1)])
        assert [each["outcome"] for each in found] == ["refused"] + ["accepted"] * 10
        assert found[0]["errors"][0]["problem"] == "are those of the product tee-a as well"
    else:
        answer = await imported(catalog, shop, table([*rows, row("other", None)]))
        assert errors(answer) == [(2, "variant_options", "are those of the product tee-a as well")]
        assert answer["summary"] | {"no_product": 0} == {
            "rows": 11,
            "new": 1,
            "changed": 0,
            "unchanged": 9,
            "refused": 1,
            "hidden": 0,
            "no_product": 0,
        }
    [change] = await catalog.fetch("SELECT refused FROM change_set ORDER BY change_id DESC LIMIT 1")
    assert change["refused"] == 1


async def test_the_last_row_of_a_product_counts(catalog: Catalog) -> None:
    """A row that waits for the place of another variant is not stored after a later row of its product."""
    shop = await catalog.connected()
    await send(catalog, shop, tees(*SIZES))
    rows = [row("tee-a", variant("tee", "tee", Size="M")), *tees("XS", "XM", "L")]
    found = await send(catalog, shop, rows)
    assert [each["outcome"] for each in found] == ["refused"] + ["accepted"] * 9
    assert found[0]["errors"][0]["remedy"] == "Send each product once."
    assert await sizes_of(catalog, shop) == expected("XS", "XM", "L")


@pytest.mark.parametrize("way", ["batch", "import"])
async def test_only_so_many_rows_wait(catalog: Catalog, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays bounded: the others are refused, and fit when the request is sent again."""
    monkeypatch.setattr("catalog.api.product_batches.MOST_WAITING", 1)
    monkeypatch.setattr("catalog.api.import_rows.MOST_WAITING", 1)
    shop = await catalog.connected()
    await send(catalog, shop, tees(*SIZES))
    rows, refused = tees("M", "L", "XL"), []
    for _ in range(3):
        if way == "batch":
            found = await send(catalog, shop, rows)
        else:
            found = (await imported(catalog, shop, table(rows)))["rows"]
        refused.append([each["outcome"] for each in found].count("refused"))
    assert refused[0] > 0
    assert refused[-1] == 0
    assert await sizes_of(catalog, shop) == expected("M", "L", "XL")
