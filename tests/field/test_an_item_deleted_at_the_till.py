"""Users met: a linked item was deleted at the till, and its product was stuck for good.

The same PUT answered `synced`, a new price was held with "invalid ID", and the remedy in the e-mail (add the item there
again with its SKU, Check again) closed nothing. Only renaming the dead product freed its SKU.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.integration.catalog.conftest import Catalog, Shop, catalog, changed, limits

from common.contracts.catalog import ProductLinked
from common.contracts.notifier import RecheckRequested
from common.contracts.problems import Code, ProblemClosed, ProblemOpened

__all__ = ["catalog", "changed", "limits"]


async def webhook(catalog: Catalog, shop: Shop, item_id: str) -> None:
    await catalog.hear(shop, item_id, "DELETE")


async def sweep(catalog: Catalog, _shop: Shop, _item_id: str) -> None:
    await catalog.sweep()


async def put_same(catalog: Catalog, shop: Shop, _item_id: str) -> None:
    status, body = await catalog.put(shop)
    assert (status, body["sync"]["state"]) == (202, "pending")
    await catalog.run_until_idle()


async def put_new_price(catalog: Catalog, shop: Shop, _item_id: str) -> None:
    await catalog.put(shop, price=1300)
    await catalog.run_until_idle()


Notice = Callable[[Catalog, Shop, str], Awaitable[None]]


async def deleted(catalog: Catalog, notice: Notice = webhook) -> tuple[Shop, str]:
    """Link a product, delete its item at the till, and let QuickSync notice."""
    shop = await catalog.connected()
    await catalog.put(shop)
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    catalog.till(shop, "delete_item", item=item["id"])
    await notice(catalog, shop, item["id"])
    return shop, item["id"]


async def check_again(catalog: Catalog, shop: Shop) -> None:
    await catalog.deliver(RecheckRequested(merchant_id=shop.id, code=Code.PRODUCT_REJECTED))
    await catalog.run_until_idle()


async def linked_to(catalog: Catalog, shop: Shop) -> Any:
    """Return the item of the synced product, as the product and the last event name it."""
    product = await catalog.product(shop)
    assert (product["sync"], product["deleted_item_id"]) == ({"state": "synced", "problem": None, "reason": None}, None)
    assert (await catalog.emitted(ProductLinked))[-1].item_id == product["item_id"]
    return product["item_id"]


@pytest.mark.parametrize("by_id", ["404", "shown"])
@pytest.mark.parametrize("notice", [webhook, sweep, put_same, put_new_price])
async def test_the_product_says_that_its_item_is_gone(catalog: Catalog, notice: Notice, by_id: str) -> None:
    """However QuickSync notices, the product names the deleted item and the remedy; nothing is created by itself."""
    catalog.clover.switches.set({"deleted_by_id": by_id})
    shop, item_id = await deleted(catalog, notice)
    product = await catalog.product(shop)
    assert (product["item_id"], product["deleted_item_id"]) == (None, item_id)
    assert (product["sync"]["state"], product["sync"]["problem"]) == ("held", Code.PRODUCT_REJECTED)
    assert "deleted in Clover. Add an item with the SKU SKU-p-1" in product["sync"]["reason"]
    opened = (await catalog.emitted(ProblemOpened))[-1]
    assert [each.subject for each in opened.affected] == ["Mug (SKU-p-1)"]
    assert [item for item in catalog.items(shop) if not item.get("deleted")] == []


async def test_the_remedy_links_the_new_item(catalog: Catalog) -> None:
    """An item added with the SKU, then Check again: the product has it, others learn of it, the problem closes."""
    shop, _ = await deleted(catalog)
    new = catalog.till(shop, "create_item", name="Mug", sku="SKU-p-1", price=900)
    await check_again(catalog, shop)
    assert await linked_to(catalog, shop) == new["id"]
    [closed] = await catalog.emitted(ProblemClosed)
    assert (closed.code, closed.resumed_count) == (Code.PRODUCT_REJECTED, 1)
    [item] = [item for item in catalog.items(shop) if not item.get("deleted")]
    assert item["price"] == 1250


@pytest.mark.parametrize("how", ["webhook", "sweep"])
async def test_the_new_item_is_found_without_a_button(catalog: Catalog, how: str) -> None:
    """Clover's webhook about the new item, or the next sweep, is enough."""
    shop, _ = await deleted(catalog)
    new = catalog.till(shop, "create_item", name="Mug", sku="SKU-p-1", price=900)
    await (catalog.hear(shop, new["id"], "CREATE") if how == "webhook" else catalog.sweep())
    assert await linked_to(catalog, shop) == new["id"]


async def test_saving_the_product_again_creates_the_item_anew(catalog: Catalog) -> None:
    """The same PUT, once the product says that its item is gone, means to create it again."""
    shop, old = await deleted(catalog)
    await catalog.put(shop)
    await catalog.run_until_idle()
    assert await linked_to(catalog, shop) != old
    assert len(await catalog.emitted(ProblemClosed)) == 1


async def test_check_again_without_a_new_item_solves_nothing(catalog: Catalog) -> None:
    """The problem stays open and the product held, with the same reason."""
    shop, _ = await deleted(catalog)
    before = (await catalog.product(shop))["sync"]
    await check_again(catalog, shop)
    assert (await catalog.product(shop))["sync"] == before
    assert await catalog.emitted(ProblemClosed) == []


async def test_another_product_may_take_the_sku(catalog: Catalog) -> None:
    """The dead product does not keep its SKU; it says which product has it, and ends when it is archived."""
    shop, _ = await deleted(catalog)
    assert (await catalog.put(shop, "p-2", sku="SKU-p-1"))[0] == 202
    assert await catalog.synced(shop, "p-2")
    await check_again(catalog, shop)
    assert "the product p-2 has its SKU now" in (await catalog.product(shop))["sync"]["reason"]
    assert (await catalog.put(shop))[0] == 422
    status, body = await catalog.put(shop, status="archived")
    assert (status, body["sync"]["state"]) == (200, "synced")
    await catalog.run_until_idle()
    assert len(await catalog.emitted(ProblemClosed)) == 1
    assert [item["sku"] for item in catalog.items(shop) if not item.get("deleted")] == ["SKU-p-1"]


async def test_links_follow(catalog: Catalog) -> None:
    """The SKU of a dead product is pending for the other services, and linked for the product that takes it."""
    shop, _ = await deleted(catalog)
    path, asked = f"/internal/merchants/{shop.id}/links:lookup", {"skus": ["SKU-p-1"]}
    [link] = (await catalog.call("POST", path, asked, internal=True))[1]["links"]
    assert (link["state"], link["link"]) == ("pending", None)
    await catalog.put(shop, "p-2", sku="SKU-p-1")
    await catalog.run_until_idle()
    [link] = (await catalog.call("POST", path, asked, internal=True))[1]["links"]
    assert (link["state"], link["link"]["product_id"]) == ("linked", "p-2")
