"""Generated requests against the OpenAPI document of notifier."""

from typing import Any

import pytest
from tests.integration.notifier.conftest import MERCHANT, Notifier
from tests.support.fuzz import fuzz

from common.http import openapi
from notifier.feed import stream


async def test_the_service_conforms_to_its_document(notifier: Notifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Valid requests succeed, invalid ones get a documented 4xx, and none gets a 5xx."""
    monkeypatch.setattr(stream, "MAX_STREAM_SECONDS", 0.01)  # of a stream, which is read to its end here
    await notifier.open()
    document = _for(openapi.document("notifier", notifier.service.routes), MERCHANT)

    assert await fuzz(notifier.url, document, notifier.issuer.headers()) > 40


def _for(document: dict[str, Any], merchant_id: str) -> dict[str, Any]:
    """The document with this merchant in its paths, so that the requests get further than a 404."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                if parameter["name"] == "merchant_id":
                    parameter["schema"] = {"type": "string", "enum": [merchant_id]}
    return document
