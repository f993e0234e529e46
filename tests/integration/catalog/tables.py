"""Files of products, and their imports, for the tests of both."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from tests.integration.catalog.conftest import Catalog, Shop

COLUMNS = ("product_id", "name", "sku", "price", "currency", "status")


async def send_file(catalog: Catalog, shop: Shop, table: str | bytes, **query: str) -> tuple[int, Any]:
    given = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    return await catalog.call_table("POST", f"/v1/merchants/{shop.id}/products:import?{given}", table)


async def imported(catalog: Catalog, shop: Shop, table: str | bytes, **query: str) -> dict[str, Any]:
    """Import the file; return the answer, whose numbers add up."""
    status, answer = await send_file(catalog, shop, table, **query)
    assert status == 200, answer
    summary = answer["summary"]
    assert sum(summary[each] for each in ("new", "changed", "unchanged", "refused")) == summary["rows"]
    assert summary["rows"] == len(answer["rows"])
    return dict(answer)


def outcomes(answer: dict[str, Any]) -> list[tuple[int, str]]:
    return [(each["row"], each["outcome"]) for each in answer["rows"]]


def errors(answer: dict[str, Any]) -> list[tuple[int, str, str]]:
    """The row, column and problem of each fault."""
    return [(each["row"], error["field"], error["problem"]) for each in answer["rows"] for error in each["errors"]]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Write products of a batch as a file in our own form."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*COLUMNS, "variant_group", "variant_name", "variant_options"])
    for each in rows:
        place = each.get("variant") or {}
        options = json.dumps(place["options"]) if place else ""
        cells = [f"{each['price'] / 100:.2f}" if name == "price" else each[name] for name in COLUMNS]
        writer.writerow([*cells, place.get("group", ""), place.get("name", ""), options])
    return text.getvalue()
