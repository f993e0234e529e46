"""Orders asked everything its OpenAPI document allows, and much it does not."""

from tests.integration.orders.conftest import Orders
from tests.support.fuzz import fuzz

from common.http.openapi import document


async def test_no_request_finds_a_server_error(orders: Orders) -> None:
    """Every answer has a status that the document names."""
    described = document("orders", orders.service.routes)
    headers = {"Authorization": f"Bearer {orders.issuer.token()}"}

    assert await fuzz(str(orders.http.make_url("/")), described, headers) > 20
