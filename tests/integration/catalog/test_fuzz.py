"""Requests that schemathesis generates from catalog's OpenAPI document get the answers it documents."""

from dataclasses import replace
from typing import Any

from tests.integration.catalog.conftest import INTERNAL, Catalog
from tests.support.fuzz import fuzz

from common.http import openapi
from common.http.auth import mint_internal
from common.http.routes import Access


async def test_answers_match_the_document(catalog: Catalog) -> None:
    """Valid requests succeed, invalid ones are refused with a documented 4xx, and none gets a 5xx."""
    routes = catalog.service.routes
    base, shop = str(catalog.http.make_url("/")), await catalog.connected()
    outside = openapi.document("catalog", [route for route in routes if isinstance(route.scope, str)])
    # The document leaves internal routes out, so they are described as if they were public.
    internal = [replace(route, scope="internal") for route in routes if route.scope is Access.INTERNAL]
    inside = openapi.document("catalog", internal)
    ours = {"Authorization": f"Bearer {mint_internal(INTERNAL, 'catalog', 'orders')}"}

    assert await fuzz(base, _for(outside, shop.id), catalog.issuer.headers()) > 40
    assert await fuzz(base, _for(inside, shop.id), ours) > 20


def _for(document: dict[str, Any], merchant_id: str) -> dict[str, Any]:
    """Put this merchant into the document's paths, so that requests get further than a 404."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                if parameter["name"] == "merchant_id":
                    parameter["schema"] = {"type": "string", "enum": [merchant_id]}
    return document
