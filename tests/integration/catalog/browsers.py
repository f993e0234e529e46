"""A person's browser on its way to Clover and back, for the tests of OAuth."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
from tests.integration.catalog.conftest import EMAIL, Catalog, Shop

ACCOUNT = {"account_id": "acc-1", "account_email": EMAIL, "region": "us"}


@dataclass
class Page:
    """An answer to a browser."""

    status: int
    text: str
    location: str = ""


@dataclass
class Browser:
    """A person's browser, which follows Clover's redirects to catalog."""

    catalog: Catalog

    async def get(self, url: str) -> Page:
        """Load an address of Clover, or of catalog under its public name."""
        parts = urlsplit(url)
        if parts.hostname == "quicksync.example":
            url = str(self.catalog.http.make_url(f"{parts.path}?{parts.query}"))
        async with aiohttp.ClientSession() as http, http.get(url, allow_redirects=False) as answer:
            return Page(answer.status, await answer.text(), answer.headers.get("Location", ""))

    async def allow(self, authorize_url: str) -> Page:
        """Allow the access on Clover's page, and come back to catalog."""
        back = await self.get(authorize_url)
        assert back.status == 302, back.text
        return await self.get(back.location)


async def begin(catalog: Catalog, shop: Shop | None = None, **changes: str) -> str:
    """Return the address at Clover to which a person is sent, to connect this merchant."""
    query = ACCOUNT | ({"merchant_id": shop.id, "region": shop.region} if shop else {}) | changes
    status, answer = await catalog.call("GET", f"/oauth/clover/start?{urlencode(query)}")
    assert status == 302, answer
    return str(answer["authorize_url"])


def asked(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
