"""Users met: two accounts connected one new merchant at the same moment, both succeeded, and the second owned it.

The first to commit owns a row; requests of the same moment get the answer they would get a moment later.
"""

import asyncio
from typing import Any

from tests.integration.catalog.conftest import Catalog, catalog, changed, limits

from common.contracts.catalog import MerchantConnected

__all__ = ["catalog", "changed", "limits"]


async def test_one_account_owns_the_merchant(catalog: Catalog) -> None:
    """One connect answers 201, every other 409 with the address that disconnects; the owner stays the owner."""
    for _ in range(5):
        shop = catalog.shop()
        answers = await asyncio.gather(*(catalog.connect(shop, account_id=f"acc-{n}") for n in range(4)))
        assert sorted(status for status, _ in answers) == [201, 409, 409, 409]
        [owner] = [body["account_id"] for status, body in answers if status == 201]
        [refusal, *_] = [body["detail"] for status, body in answers if status == 409]
        assert f"DELETE /v1/merchants/{shop.id}" in refusal
        assert (await catalog.call("GET", f"/v1/merchants/{shop.id}"))[1]["account_id"] == owner
        assert [e.account_id for e in await catalog.emitted(MerchantConnected) if e.merchant_id == shop.id] == [owner]


async def test_the_remedy_releases_the_merchant_to_one_account(catalog: Catalog) -> None:
    """After the DELETE that the refusal names, the first of several accounts gets the merchant."""
    for _ in range(5):
        shop = await catalog.connected()
        detail = (await catalog.connect(shop, account_id="acc-2"))[1]["detail"]
        method, path = detail.partition("send ")[2].partition(" with")[0].split()
        assert (await catalog.call(method, path))[0] == 204
        answers = await asyncio.gather(*(catalog.connect(shop, account_id=f"acc-{n}") for n in range(2, 6)))
        assert sorted(status for status, _ in answers) == [201, 409, 409, 409]
        [owner] = [body["account_id"] for status, body in answers if status == 201]
        assert (await catalog.call("GET", path))[1]["account_id"] == owner


async def test_one_account_connects_twice_at_once(catalog: Catalog) -> None:
    """A repeated connect of the same account is never refused."""
    shop = catalog.shop()
    answers = await asyncio.gather(*(catalog.connect(shop) for _ in range(4)))
    assert sorted(status for status, _ in answers) == [200, 200, 200, 201]


async def test_one_product_gets_the_sku(catalog: Catalog) -> None:
    """Of several new products with one SKU, one is accepted and the others are refused with the field."""
    shop = await catalog.connected()
    for round_ in range(5):
        answers = await at_once(catalog, shop, [(f"p-{round_}-{n}", {"sku": f"S-{round_}"}) for n in range(6)])
        assert sorted(status for status, _ in answers) == [202, 422, 422, 422, 422, 422]
        assert {body["errors"][0]["field"] for status, body in answers if status == 422} == {"sku"}


async def test_a_new_product_put_twice_at_once_is_accepted(catalog: Catalog) -> None:
    """A client's repetition of its own PUT is not taken for another product with the same SKU."""
    shop = await catalog.connected()
    for round_ in range(10):
        answers = await at_once(catalog, shop, [(f"p-{round_}", {})] * 8)
        assert {status for status, _ in answers} == {202}


async def at_once(catalog: Catalog, shop: Any, puts: list[tuple[str, dict[str, Any]]]) -> list[tuple[int, Any]]:
    return await asyncio.gather(*(catalog.put(shop, product_id, **other) for product_id, other in puts))
