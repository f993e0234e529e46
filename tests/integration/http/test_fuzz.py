"""Whatever schemathesis makes of the document, the kit answers as the document says."""

import pytest
from tests.integration.http.conftest import Client
from tests.support.fuzz import fuzz
from tests.support.shop import ROUTES
from tests.support.tokens import Issuer

from common.http import openapi


@pytest.mark.timeout(300)
async def test_the_document_keeps_its_word(client: Client, issuer: Issuer) -> None:
    """Good requests are taken, bad ones refused with a 4xx the document names; nothing gives a 5xx."""
    document = openapi.document("shop", ROUTES)

    assert await fuzz(str(client.make_url("/")), document, issuer.headers()) > 150
