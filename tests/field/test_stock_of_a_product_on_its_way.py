"""Users met: a merchant and a product were accepted by catalog, and inventory did not know them yet."""

import asyncio
import json
from typing import Any

from tests.integration.inventory.conftest import Inventory, inventory
from tests.support.clover import Shop

__all__ = ["inventory"]


async def adjust(inventory: Inventory, shop: Shop, *skus: str) -> tuple[int, Any]:
    adjustments = [{"key": f"k-{sku}", "sku": sku, "delta": -1} for sku in skus]
    return await inventory.ask("POST", shop, "/stock/adjustments", {"adjustments": adjustments})


async def test_a_merchant_is_known_before_its_event(inventory: Inventory) -> None:
    """Inventory asks catalog once; a merchant that catalog has not is still not found."""
    shop, stranger = inventory.clover.open_shop(), inventory.clover.open_shop()
    inventory.catalog.connect(shop.merchant.id)

    assert (await inventory.ask("GET", shop, "/stock"))[0] == 200
    assert (await inventory.ask("GET", shop, "/stock"))[0] == 200
    assert len(inventory.catalog.asked) == 1
    assert (await inventory.ask("GET", stranger, "/stock"))[0] == 404


async def test_an_unreachable_catalog_is_a_reason_to_try_again(inventory: Inventory) -> None:
    """The answer is 503 with Retry-After, for an unknown merchant and for an unknown SKU; what is known is answered."""
    shop, known = inventory.clover.open_shop(), await inventory.connect()
    await inventory.item(known, 10, sku="SKU-1")
    inventory.catalog.down = True

    assert (await inventory.ask("GET", shop, "/stock"))[0] == 503
    assert (await inventory.ask("PUT", known, "/stock/NEW", {"quantity": 7}))[0] == 503
    assert (await adjust(inventory, known, "SKU-1", "NEW"))[0] == 503
    assert (await inventory.ask("PUT", known, "/stock/SKU-1", {"quantity": 7}))[0] == 200
    assert (await adjust(inventory, known, "SKU-1"))[0] == 200


async def test_a_pending_product_is_a_reason_to_try_again(inventory: Inventory) -> None:
    """The answer is 409 with Retry-After until the link is there; then the same request works."""
    shop = await inventory.connect()
    item = str(shop.till("create_item", name="Mug", price=100)["id"])
    inventory.catalog.accept("NEW")

    for method, path, body in [("PUT", "/stock/NEW", {"quantity": 7}), ("GET", "/stock/NEW", None)]:
        url = f"/v1/merchants/{shop.merchant.id}{path}"
        headers = {"Authorization": f"Bearer {inventory.issuer.token()}", "Content-Type": "application/json"}
        sent = None if body is None else json.dumps(body).encode()
        async with inventory.http.request(method, url, data=sent, headers=headers) as answer:
            problem = await answer.json()
            assert (answer.status, problem["type"]) == (409, "urn:quicksync:problem:product_pending")
            assert int(answer.headers["Retry-After"]) > 0
            assert "NEW" in problem["detail"]

    await inventory.linked(shop, "NEW", item)
    assert (await inventory.ask("PUT", shop, "/stock/NEW", {"quantity": 7}))[0] == 200
    await inventory.run_until_idle()
    assert shop.count(item) == 7


async def test_adjustments_of_a_pending_product_can_be_repeated(inventory: Inventory) -> None:
    """None of the list is applied; each pending SKU is named, and the same keys work later."""
    shop = await inventory.connect()
    await inventory.item(shop, 10, sku="SKU-1")
    item = str(shop.till("create_item", name="Mug", price=100, quantity=5)["id"])
    inventory.catalog.accept("NEW")

    status, problem = await adjust(inventory, shop, "SKU-1", "NEW")
    assert (status, problem["type"]) == (409, "urn:quicksync:problem:product_pending")
    assert [each["field"] for each in problem["errors"]] == ["adjustments.1.sku"]
    status, problem = await adjust(inventory, shop, "NEW", "NONE")
    assert (status, [each["field"] for each in problem["errors"]]) == (422, ["adjustments.0.sku", "adjustments.1.sku"])
    assert await inventory.stock_changes() == []

    await inventory.linked(shop, "NEW", item)
    assert (await adjust(inventory, shop, "SKU-1", "NEW"))[0] == 200
    await inventory.run_until_idle()
    assert [await inventory.stock(shop, sku) for sku in ("SKU-1", "NEW")] == [(9, 9), (4, 4)]


async def test_a_link_that_catalog_has_is_used_before_its_event(inventory: Inventory) -> None:
    """The stock goes to the linked item, and the event changes nothing after it."""
    shop = await inventory.connect()
    item = str(shop.till("create_item", name="Mug", price=100)["id"])
    inventory.catalog.link("NEW", item)

    requests = [inventory.ask("PUT", shop, "/stock/NEW", {"quantity": 7}) for _ in range(6)]
    assert {status for status, _ in await asyncio.gather(*requests, inventory.ask("GET", shop, "/stock/NEW"))} == {200}
    await inventory.linked(shop, "NEW", item)
    await inventory.run_until_idle()

    assert (shop.count(item), await inventory.stock(shop, "NEW")) == (7, (7, 7))


async def test_an_unknown_sku_stays_unknown(inventory: Inventory) -> None:
    """Neither catalog nor Clover has it: 404 for its stock, 422 for an adjustment."""
    shop = await inventory.connect()

    assert (await inventory.ask("PUT", shop, "/stock/NONE", {"quantity": 7}))[0] == 404
    assert (await adjust(inventory, shop, "NONE"))[0] == 422
