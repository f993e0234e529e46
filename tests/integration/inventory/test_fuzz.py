"""Inventory asked everything its OpenAPI document allows, and much it does not."""

from tests.integration.inventory.conftest import Inventory
from tests.support.fuzz import fuzz

from common.http.openapi import document


async def test_no_request_finds_a_server_error(inventory: Inventory) -> None:
    """Whatever is sent, the answer is one the document names."""
    described = document("inventory", inventory.service.routes)
    headers = {"Authorization": f"Bearer {inventory.issuer.token()}"}

    assert await fuzz(str(inventory.http.make_url("/")), described, headers, examples=15) > 50
