"""Serves a local Clover without rate limits, with a shop in it, and runs the calls of `client.py` against it.

python -m tests.conformance PYTHON     # that of an environment with clover-mcp
"""

import asyncio
import os
import sys
from pathlib import Path

from tests.support.clover import Shop, local_clover

CLIENT = Path(__file__).with_name("client.py")


async def fill(shop: Shop) -> dict[str, str]:
    """Give the shop one of everything; return the ids that the calls need."""
    item = await shop.post("/items", {"name": "Mug", "price": 500, "sku": "MUG"})
    await shop.post(f"/item_stocks/{item['id']}", {"quantity": 3})
    category = await shop.post("/categories", {"name": "Drinks"})
    tie = {"elements": [{"category": {"id": category["id"]}, "item": {"id": item["id"]}}]}
    await shop.post("/category_items", tie)
    contact = {"emailAddresses": [{"emailAddress": "ada@example.com"}], "phoneNumbers": [{"phoneNumber": "5550100"}]}
    customer = await shop.post("/customers", {"firstName": "Ada", "lastName": "Byron", **contact})
    sold = shop.till("sell", item=item["id"], quantity=1)
    shop.till("refund", order=sold["order"], amount=100)
    [employee] = (await shop.get("/employees"))["elements"]
    return {
        "item": item["id"],
        "category": category["id"],
        "customer": customer["id"],
        "order": sold["order"],
        "employee": employee["id"],
    }


async def main(python: str) -> int:
    """Return the exit status of the client."""
    async with local_clover() as clover:
        shop = clover.open_shop()
        ids = {f"SHOP_{name.upper()}": value for name, value in (await fill(shop)).items()}
        access = {
            "CLOVER_MERCHANT_ID": shop.merchant.id,
            "CLOVER_ACCESS_TOKEN": shop.token,
            "CLOVER_SANDBOX": "true",
            "LOCAL_CLOVER": clover.url,
        }
        client = await asyncio.create_subprocess_exec(python, str(CLIENT), env={**os.environ, **access, **ids})
        status = await client.wait()
        refused = [each for each in clover.sandbox.journal.since(0) if each.status >= 400]
    for each in refused:
        print(f"  Clover: {each.method} {each.path} {each.status}")  # noqa: T201 - a program for a person
    return status


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
