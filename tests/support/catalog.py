"""A stub of catalog's internal routes for merchants and links, for the services that ask it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.support.versions import next_version

from common.catalog_client import ItemLink, LinkLookup, LinkState, MerchantProfile, SkuLink, SkuLinks


@dataclass
class StubCatalog:
    """The rows of a catalog. While `down`, every question is answered 503. `asked` holds the paths of all questions."""

    merchants: dict[str, MerchantProfile] = field(default_factory=dict)
    links: dict[str, SkuLink] = field(default_factory=dict)
    down: bool = False
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def connect(self, merchant_id: str, region: str = "us") -> None:
        """Let catalog know this merchant."""
        self.merchants[merchant_id] = MerchantProfile(
            merchant_id=merchant_id,
            version=next_version(),
            account_id="acc-1",
            region=region,
            currency="USD",
            timezone="UTC",
        )

    def accept(self, sku: str) -> None:
        """Let catalog have accepted a product with this SKU that is not in Clover yet."""
        self.links[sku] = SkuLink(sku=sku, state=LinkState.PENDING)

    def link(self, sku: str, item_id: str) -> None:
        """Let catalog have linked this SKU."""
        link = ItemLink(item_id=item_id, sku=sku, product_id="p-1", version=next_version(), linked=True)
        self.links[sku] = SkuLink(sku=sku, state=LinkState.LINKED, link=link)

    def application(self) -> web.Application:
        """Return the routes that the real catalog offers to other services."""
        app = web.Application()
        app.router.add_get("/internal/merchants/{merchant_id}", self._merchant)
        app.router.add_post("/internal/merchants/{merchant_id}/links:lookup", self._look_up)
        return app

    async def _merchant(self, request: web.Request) -> web.Response:
        profile = self._known(request)
        return web.json_response(profile.model_dump(mode="json"))

    async def _look_up(self, request: web.Request) -> web.Response:
        self._known(request)
        wanted = LinkLookup.model_validate(await request.json())
        links = [self.links.get(sku, SkuLink(sku=sku, state=LinkState.UNKNOWN)) for sku in wanted.skus]
        return web.json_response(SkuLinks(links=links).model_dump(mode="json"))

    def _known(self, request: web.Request) -> MerchantProfile:
        self.asked.append(request.path)
        if self.down:
            raise web.HTTPServiceUnavailable
        profile = self.merchants.get(request.match_info["merchant_id"])
        if profile is None:
            raise web.HTTPNotFound
        return profile


@asynccontextmanager
async def local_catalog() -> AsyncIterator[StubCatalog]:
    """Serve a stub on a free port."""
    stub = StubCatalog()
    async with TestServer(stub.application()) as server:
        stub.url = str(server.make_url("")).rstrip("/")
        yield stub
