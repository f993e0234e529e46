"""Orders that tests of the sandbox open and pay, and items with a stock."""

from typing import Any

from tests.support.clover import Shop

EXTERNAL = "com.clover.tender.external_payment"


async def tender(shop: Shop, key: str = EXTERNAL) -> dict[str, str]:
    (found,) = (await shop.get(f"/tenders?filter=labelKey={key}"))["elements"]
    return {"id": found["id"]}


async def open_order(shop: Shop, **fields: Any) -> str:
    return str((await shop.post("/orders", {"state": "open", **fields}))["id"])


async def pay(shop: Shop, order: str, amount: int) -> Any:
    return await shop.post(f"/orders/{order}/payments", {"tender": await tender(shop), "amount": amount})


async def stocked_item(shop: Shop, quantity: float = 10) -> str:
    item = await shop.post("/items", {"name": "Item", "price": 250})
    await shop.post(f"/item_stocks/{item['id']}", {"quantity": quantity})
    return str(item["id"])
