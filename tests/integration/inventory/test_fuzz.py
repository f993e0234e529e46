"""Random requests, valid and invalid, made from inventory's OpenAPI document."""

from tests.integration.inventory.conftest import Inventory
from tests.support.fuzz import fuzz

from common.http.openapi import document


async def test_no_request_finds_a_server_error(inventory: Inventory) -> None:
    """Every request gets an answer that the document names."""
    described = document("inventory", inventory.service.routes)
    headers = {"Authorization": f"Bearer {inventory.issuer.token()}"}

    assert await fuzz(str(inventory.http.make_url("/")), described, headers) > 20
