"""Whatever schemathesis makes of catalog's document, catalog answers as the document says."""

from typing import Any

import pytest
from tests.integration.catalog.conftest import INTERNAL, Catalog
from tests.support.fuzz import fuzz

from common.http import openapi
from common.http.auth import mint_internal


@pytest.mark.timeout(300)
async def test_the_document_keeps_its_word(catalog: Catalog) -> None:
    """Good requests are taken, bad ones refused with a 4xx the document names; nothing gives a 5xx."""
    routes = catalog.service.routes
    base, shop = str(catalog.http.make_url("/")), await catalog.connected()
    outside = openapi.document("catalog", [route for route in routes if isinstance(route.scope, str)])
    inside = openapi.document("catalog", [route for route in routes if route.path.startswith("/internal")])
    ours = {"Authorization": f"Bearer {mint_internal(INTERNAL, 'catalog', 'orders')}"}

    assert await fuzz(base, _for(outside, shop.id), catalog.issuer.headers(), 15) > 100
    assert await fuzz(base, _for(inside, shop.id), ours, 15) > 50


def _for(document: dict[str, Any], merchant_id: str) -> dict[str, Any]:
    """The document with this merchant in its paths, so that the requests get further than a 404."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                if parameter["name"] == "merchant_id":
                    parameter["schema"] = {"type": "string", "enum": [merchant_id]}
    return document
