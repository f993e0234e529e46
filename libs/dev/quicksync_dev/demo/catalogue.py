"""The steps of the story about a store that had items in Clover before it was connected."""

from typing import Any

from quicksync_dev.demo.checks import OWNER
from quicksync_dev.demo.world import TIMEOUT, Json, World, expect, until

DELI = "deli"
ITEMS: list[Json] = [
    {"name": "Harbor Tea", "sku": "tea-1", "price": 450},
    {"name": "Harbor Coffee", "sku": "", "code": "4006381333931", "price": 900},
    {"name": "Old Biscuits", "sku": "BISCUIT", "price": 300},
]
FILE = (
    "Handle,Title,Variant SKU,Variant Price,Variant Barcode,Status\n"
    "tea,Harbor Tea,TEA-1,4.90,,active\n"
    "coffee,Harbor Coffee,COFFEE-1,9.00,'04006381333931,active\n"
    "cake,Harbor Cake,CAKE-1,3.50,,active\n"
)
"""Shopify's export: one SKU in other letters than Clover's, one article that Clover has by its barcode, one new one."""

SIZES = ("S", "M", "L")
SHIRT_PRICE = 2500


async def connect_a_store_with_items(world: World) -> None:
    """A store whose till has items already is connected, and all of them are read."""
    made = await world.clover("POST", "/merchants", {"region": "us", "name": "Harbor Deli"})
    world.merchants[DELI] = made["id"]
    for item in ITEMS:
        await world.till(DELI, "create_item", item)
    account = {"account_id": "demo", "account_email": OWNER}
    await world.done(
        "POST", "/v1/merchants", {"merchant_id": made["id"], "region": "us", "api_token": made["token"], **account}
    )
    path = f"/v1/merchants/{made['id']}/first-sync"

    async def complete() -> Json | None:
        shown: Json = await world.done("GET", path)
        return shown if shown["state"] == "done" else None

    shown, took = await until(complete, "the items were not read")
    world.progress(f"{shown['items']} items are known after {took:.2f} s")


async def import_a_file(world: World) -> None:
    """A file of another shop is previewed and imported: items that Clover has are linked, none is doubled."""
    before = await _items(world)
    preview = await _import(world, dry_run=True)
    effects = {row["product_id"]: row["item"]["action"] for row in preview["rows"]}
    expect(await _items(world) == before, "the preview changed items in Clover")
    expect((await world.done("GET", _at(world, "products")))["products"] == [], "the preview stored products")
    world.progress(f"the preview says: {effects}")
    imported = await _import(world, dry_run=False)
    expect(imported["summary"]["new"] == len(preview["rows"]), f"the import says: {imported['summary']}")
    _, took = await until(lambda: _all_synced(world), "the products did not reach Clover")
    after = await _items(world)
    expect(len(after) == len(before) + 1, f"Clover has {len(after)} items, not {len(before) + 1}")
    expect(set(before) <= set(after), "an item was replaced")
    world.progress(f"{len(after)} items are in Clover: two linked, one created ({took:.2f} s)")
    again = await _import(world, dry_run=False)
    expect(again["summary"]["unchanged"] == len(preview["rows"]), f"the second import says: {again['summary']}")
    world.progress("the same file again changes nothing")
    world.changes["import"] = imported["change_id"]


async def undo_the_import(world: World) -> None:
    """The import is undone: Clover's items are as they were, and the new one is not for sale."""
    undo = await world.done("POST", f"{_at(world, 'changes')}/{world.changes['import']}:undo")
    expect(undo["undoes"] == world.changes["import"], f"the undo is {undo}")

    async def restored() -> bool:
        visible = {
            (item["name"], item.get("sku") or "", item["price"])
            for item in (await _items(world)).values()
            if not item["hidden"]
        }
        return visible == {(item["name"], item["sku"], item["price"]) for item in ITEMS}

    _, took = await until(restored, "Clover's items are not as they were")
    world.progress(f"Clover's till shows what it showed before, after {took:.2f} s")


async def sync_variants(world: World) -> None:
    """A shirt in three sizes becomes one item group in Clover, in a category that Clover did not have."""
    for size in SIZES:
        product = {
            "name": f"Harbor Shirt {size}",
            "sku": f"SHIRT-{size}",
            "price": SHIRT_PRICE,
            "currency": "USD",
            "status": "active",
            "variant": {"group": "shirt", "name": "Harbor Shirt", "options": {"Size": size}},
            "categories": ["Souvenirs"],
        }
        await world.done("PUT", f"{_at(world, 'products')}/shirt-{size.lower()}", product)
    _, took = await until(lambda: _all_synced(world), "the shirts did not reach Clover")
    truth = await world.clover("GET", f"/merchants/{world.merchants[DELI]}")
    shirts = [item for item in truth["items"] if (item.get("sku") or "").startswith("SHIRT-")]
    expect(len(shirts) == len(SIZES), f"Clover has {len(shirts)} shirts")
    expect(len({item["itemGroup"]["id"] for item in shirts}) == 1, "the shirts are in several groups")
    counts = truth["counts"]
    expect(counts["item_groups"] == counts["categories"] == 1, f"Clover has {counts}")
    world.items[f"{DELI}:SHIRT-M"] = next(item["id"] for item in shirts if item["sku"] == "SHIRT-M")
    world.progress(f"Clover calls them {', '.join(sorted(item['name'] for item in shirts))} ({took:.2f} s)")


async def put_an_edit_back(world: World) -> None:
    """Someone edits a price at the till. QuickSync is the master, puts its price back, and says so."""
    await world.till(DELI, "edit_item", {"item": world.items[f"{DELI}:SHIRT-M"], "price": 1})
    message, took = await until(lambda: _activity(world, "catalog.edit_reverted.v1"), "the activity lacks the edit")
    world.progress(f"the activity says after {took:.2f} s: {message}")
    _, took = await until(lambda: _costs(world, SHIRT_PRICE), "the price was not put back")
    world.progress(f"the price is back after {took:.2f} s more")


async def follow_clover(world: World) -> None:
    """The merchant makes Clover the master. From then on a price that is edited at the till is QuickSync's too."""
    await world.done("PATCH", f"/v1/merchants/{world.merchants[DELI]}", {"settings": {"catalog_master": "clover"}})
    await world.till(DELI, "edit_item", {"item": world.items[f"{DELI}:SHIRT-M"], "price": SHIRT_PRICE + 200})

    async def followed() -> bool:
        shown = await world.done("GET", f"{_at(world, 'products')}/shirt-m")
        return bool(shown["price"] == SHIRT_PRICE + 200 and shown["sync"]["state"] == "synced")

    _, took = await until(followed, "QuickSync did not take the price over")
    expect(await _costs(world, SHIRT_PRICE + 200), "Clover lost the price")
    world.progress(f"QuickSync shows the till's price after {took:.2f} s")


async def _import(world: World, *, dry_run: bool) -> Any:
    path = f"{world.env['gateway_url']}{_at(world, 'products:import')}?dry_run={str(dry_run).lower()}"
    headers = {"Authorization": f"Bearer {world.env['token']}", "Content-Type": "text/csv"}
    async with world.session.post(path, data=FILE.encode(), headers=headers, timeout=TIMEOUT) as answer:
        expect(answer.ok, f"the import answered {answer.status}: {await answer.text()}")
        return await answer.json()


async def _items(world: World) -> dict[str, Json]:
    truth = await world.clover("GET", f"/merchants/{world.merchants[DELI]}")
    return {item["id"]: item for item in truth["items"]}


async def _costs(world: World, price: int) -> bool:
    item = await world.clover("GET", f"/merchants/{world.merchants[DELI]}/items/{world.items[f'{DELI}:SHIRT-M']}")
    return bool(item["price"] == price)


async def _activity(world: World, type_of_event: str) -> str | None:
    """Return the merchant's activity message of the newest event of this type, None if there is none."""
    shown = await world.done("GET", _at(world, "activity"))
    return next((each["message"] for each in shown["activity"] if each["type"] == type_of_event), None)


async def _all_synced(world: World) -> bool:
    products = (await world.done("GET", _at(world, "products")))["products"]
    return bool(products) and all(each["sync"]["state"] == "synced" for each in products)


def _at(world: World, collection: str) -> str:
    return f"/v1/merchants/{world.merchants[DELI]}/{collection}"
