"""The gateway passes each path to its service, unchanged."""

from urllib.parse import quote

import pytest
from tests.support.gateway import Gateway, M

ROUTES = {
    "/v1/merchants": "catalog",
    "/v1/merchants/": "catalog",
    M: "catalog",
    f"{M}/capabilities": "catalog",
    f"{M}/setup": "catalog",
    f"{M}/setup/order_type": "orders",
    f"{M}/setup/other": "catalog",
    f"{M}/products": "catalog",
    f"{M}/products:batch": "catalog",
    f"{M}/products/P-1": "catalog",
    f"{M}/products/a%2Fb%20c": "catalog",
    f"{M}/productsandmore": 404,
    f"{M}/links": "catalog",
    f"{M}/stock": "inventory",
    f"{M}/stock/SKU-1/ledger": "inventory",
    f"{M}/stock/adjustments": "inventory",
    f"{M}/stock/drift": "inventory",
    f"{M}/orders": "orders",
    f"{M}/orders/1001/complete": "orders",
    f"{M}/sales": "orders",
    f"{M}/orders.csv": "orders",
    f"{M}/order-settings": "orders",
    f"{M}/orders:retry": "orders",
    f"{M}/orders/products": "orders",
    f"{M}/problems": "notifier",
    f"{M}/problems/7/recheck": "notifier",
    f"{M}/activity": "notifier",
    f"{M}/notification-settings": "notifier",
    f"{M}/work/catalog": "catalog",
    f"{M}/work/inventory/4/retry": "inventory",
    f"{M}/work/orders": "orders",
    f"{M}/work/notifier": "notifier",
    f"{M}/work/other": 404,
    f"{M}/unknown": 404,
    "/v1/openapi/catalog.json": "catalog",
    "/v1/openapi/inventory.json": "inventory",
    "/v1/openapi/orders.json": "orders",
    "/v1/openapi/notifier.json": "notifier",
    "/v1/openapi/other.json": 404,
    "/oauth/clover/start": "catalog",
    "/oauth/clover/callback?code=1": "catalog",
    "/oauth/other": 404,
    "/dashboard": "notifier",
    "/dashboard/": "notifier",
    "/dashboard/static/page.css": "notifier",
    "/dashboard/login?token=1": "notifier",
    "/": 404,
    "/healthz": 200,
    "/readyz": 404,
    "/metrics": 404,
    "/internal/grants": 404,
    "//internal/grants": 404,
    "/v1/../internal/grants": 404,
    "/%69nternal/grants": 404,
    f"{M}/products/..%2F..%2F..%2F..%2Finternal/grants": 404,
    f"{M}/../../../metrics": 404,
}


async def test_each_path_reaches_its_service_and_others_are_404(front: Gateway) -> None:
    """The routing table also covers common tricks to bypass it."""
    found = {path: await front.owner(path) for path in ROUTES}

    assert found == ROUTES


async def test_a_path_is_forwarded_unchanged(front: Gateway) -> None:
    """The service decodes escapes in ids."""
    _, request_seen, _ = await front.ask(f"{M}/products/a%2Fb%20c?full=1")

    assert request_seen["path"] == f"{M}/products/a%2Fb%20c?full=1"


async def test_a_method_that_only_the_service_knows_is_forwarded(front: Gateway) -> None:
    """The service says which methods it takes."""
    for method in ("HEAD", "OPTIONS", "PATCH"):
        async with front.session.request(method, f"{front.url}{M}/stock") as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    "sku", ["a/b", "/", "50%", "%2F", "a+b", "a b", "a&b=c", "a?b#c", "a;b", "{sku}", "日本", "🧦"]
)
async def test_an_encoded_sku_reaches_inventory_unchanged(front: Gateway, sku: str) -> None:
    """The service decodes it; nginx neither decodes nor encodes it."""
    for path in (f"{M}/stock/{quote(sku, safe='')}", f"{M}/stock/{quote(sku, safe='')}/ledger"):
        _, answer, _ = await front.ask(path)
        assert (answer["service"], answer["path"]) == ("inventory", path)
