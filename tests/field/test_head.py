"""Users met: HEAD was answered 405 where GET works."""

from typing import Any

import pytest
from tests.integration.catalog.conftest import Catalog, catalog, changed, limits

__all__ = ["catalog", "changed", "limits"]


@pytest.mark.parametrize(
    "path", ["", "/products", "/products/p-1", "/products/p-2", "/products?limit=no", "/work/catalog"]
)
async def test_it_is_answered_like_get_without_a_body(catalog: Catalog, path: str) -> None:
    """Status and headers are those of GET, also of its errors; the body is empty."""
    shop = await catalog.connected()
    await catalog.put(shop)
    headers = {"Authorization": f"Bearer {catalog.issuer.token()}"}
    answers: list[tuple[int, Any, bytes]] = []
    for method in ("GET", "HEAD"):
        async with catalog.http.request(method, f"/v1/merchants/{shop.id}{path}", headers=headers) as response:
            kept = {name: value for name, value in response.headers.items() if name != "Date"}
            answers.append((response.status, kept, await response.read()))
    (status, shown, body), (head_status, head_shown, head_body) = answers

    assert (head_status, head_shown) == (status, shown)
    assert body
    assert not head_body


async def test_it_needs_the_same_token(catalog: Catalog) -> None:
    """HEAD reveals nothing that GET would refuse."""
    shop = await catalog.connected()
    async with catalog.http.head(f"/v1/merchants/{shop.id}") as response:
        assert response.status == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/v1/openapi/catalog.json"])
async def test_open_routes_answer_it(catalog: Catalog, path: str) -> None:
    """Probes may use HEAD."""
    async with catalog.http.head(path) as response:
        assert response.status != 405
