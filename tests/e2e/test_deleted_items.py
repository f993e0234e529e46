"""A linked item is deleted at the till, and the merchant follows the remedy."""

from typing import Any

from tests.support.eventually import eventually
from tests.support.running import Shop, shop_on

from quicksync_dev.system import System


async def test_a_deleted_item_is_replaced_by_the_next_one_with_its_sku(system: System) -> None:
    """The product says that its item is gone; the new item gets the product and the stock, and every problem closes."""
    async with shop_on(system) as shop:
        await shop.stock_soup(7)
        old = (await product(shop))["item_id"]
        await shop.till("delete_item", {"item": old})
        await eventually(lambda: product_with(shop, "held", item_id=None, deleted_item_id=old), within=60)
        assert await eventually(shop.open_problems, within=30)

        new = await shop.till("create_item", {"name": "Soup", "sku": "SOUP", "price": 450})
        for problem in await shop.open_problems():
            await shop.call("POST", f"/problems/{problem['id']}/recheck")

        await eventually(lambda: product_with(shop, "synced", item_id=new["id"], deleted_item_id=None), within=60)
        await shop.stock_is(7)
        await eventually(lambda: no_problem(shop), within=60)
        [item] = [each for each in (await shop.truth())["items"] if each["id"] == new["id"]]
        assert item["price"] == 500


async def product(shop: Shop) -> Any:
    return await shop.call("GET", "/products/soup")


async def product_with(shop: Shop, state: str, **fields: object) -> bool:
    shown = await product(shop)
    return shown["sync"]["state"] == state and all(shown[name] == value for name, value in fields.items())


async def no_problem(shop: Shop) -> bool:
    return not await shop.open_problems()
