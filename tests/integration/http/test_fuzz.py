"""The HTTP layer answers every request that schemathesis derives from the document as the document says."""

from tests.integration.http.conftest import Client
from tests.support.fuzz import fuzz
from tests.support.shop import ROUTES
from tests.support.tokens import Issuer

from common.http import openapi


async def test_answers_conform_to_the_document(client: Client, issuer: Issuer) -> None:
    """Valid requests succeed, invalid ones get a documented 4xx; none gets a 5xx."""
    document = openapi.document("shop", ROUTES)

    assert await fuzz(str(client.make_url("/")), document, issuer.headers()) > 20
