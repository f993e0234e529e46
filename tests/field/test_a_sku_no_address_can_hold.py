"""Users met: a SKU `.` or `..` was accepted, and its stock could not be reached by any address."""

from typing import Any
from urllib.parse import quote

import pytest
from tests.integration.catalog.conftest import Catalog, catalog, changed, limits
from yarl import URL

__all__ = ["catalog", "changed", "limits"]


@pytest.mark.parametrize("sku", [".", "..", "../x", "a/..", "a/./b", "/..", "", " ", " . ", "\t", "a\u200b", "\ue000"])
async def test_it_is_refused_with_the_field(catalog: Catalog, sku: str) -> None:
    """The answer is 422 and names the field."""
    shop = await catalog.connected()
    status, body = await catalog.put(shop, sku=sku)
    assert (status, [each["field"] for each in body["errors"]]) == (422, ["sku"])


NAMES = [
    *("a/b", "a//b", "/", "//", "50%", "%2F", "%2e", "a+b", "a b", "a&b=c", "a?b#c", "a;b", "{sku}", "a:b", "a\\b"),
    *("'", '"', "...", ".a", "a.", "~", "*", "a*", "Größe-L", "日本", "🧦", "e\u0301", "x" * 100, "🧦" * 100),
]


@pytest.mark.parametrize("name", NAMES)
async def test_every_other_one_can_be_reached(catalog: Catalog, name: str) -> None:
    """The same text as SKU and as product id: the product is read at its encoded address, and its item is found."""
    shop = await catalog.connected()
    path: Any = URL(f"/v1/merchants/{shop.id}/products/{quote(name, safe='')}", encoded=True)
    body = {"name": "Mug", "sku": name, "price": 1, "currency": "USD", "status": "active"}
    assert (await catalog.call("PUT", path, body))[0] == 202
    await catalog.run_until_idle()
    status, product = await catalog.call("GET", path)
    assert (status, product["product_id"], product["sku"]) == (200, name, name)
    assert (product["sync"]["state"], [item["sku"] for item in catalog.items(shop)]) == ("synced", [name])
