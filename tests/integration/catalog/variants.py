"""Products that are variants, and the item groups that Clover has of them, for the tests of both."""

from typing import Any

from tests.integration.catalog.changes import send
from tests.integration.catalog.conftest import Catalog, Shop

from clover_sandbox.rest.inventory_kinds import ATTRIBUTES, ITEM_GROUPS, OPTIONS
from clover_sandbox.rest.objects import make
from clover_sandbox.rest.variants import name_variants

SIZES = {"s": "Small", "m": "Medium", "l": "Large"}


def variant(group: str = "tee", name: str = "T-shirt", **options: str) -> dict[str, Any]:
    return {"group": group, "name": name, "options": options}


def row(product_id: str, place: dict[str, Any] | None, **other: Any) -> dict[str, Any]:
    usual = {"name": "Tee", "sku": f"SKU-{product_id}", "price": 1900, "currency": "USD", "status": "active"}
    return {"product_id": product_id, **usual, "variant": place, **other}


def sizes(**other: Any) -> list[dict[str, Any]]:
    return [row(each, variant(Size=size, Colour="Blue"), **other) for each, size in SIZES.items()]


async def synced(catalog: Catalog, shop: Shop, rows: list[dict[str, Any]]) -> None:
    """Send the rows, which are accepted, and bring them to Clover."""
    assert {each["outcome"] for each in await send(catalog, shop, rows)} == {"accepted"}
    await catalog.run_until_idle()


async def states(catalog: Catalog, shop: Shop) -> dict[str, str]:
    _, body = await catalog.call("GET", f"/v1/merchants/{shop.id}/products?limit=500")
    return {each["product_id"]: each["sync"]["state"] for each in body["products"]}


async def reason(catalog: Catalog, shop: Shop, product_id: str) -> str:
    sync = (await catalog.product(shop, product_id))["sync"]
    return f"{sync['state']}: {sync['reason']}"


def groups(catalog: Catalog, shop: Shop) -> dict[str, Any]:
    """Return the item groups in Clover: the options by attribute, and the item's name and options by SKU."""
    merchant = catalog.clover.world.merchants[shop.id]
    found = {}
    for group in merchant.objects["item_groups"]:
        attributes = [each for each in merchant.objects["attributes"] if each["itemGroup"]["id"] == group["id"]]
        options = {
            each["name"]: sorted(o["name"] for o in merchant.objects["options"] if o["attribute"]["id"] == each["id"])
            for each in attributes
        }
        items = {
            item["sku"]: sorted(
                option["name"]
                for option in merchant.found("options", merchant.ties["option_items"].lefts_of(item["id"]))
            )
            for item in merchant.objects["items"]
            if item.get("itemGroup") == {"id": group["id"]}
        }
        assert len(options) == len(attributes)
        assert group["name"] not in found
        found[group["name"]] = (options, items)
    return found


def add_group(catalog: Catalog, shop: Shop, name: str = "Shirts", attribute: str = "Size", *skus: str) -> str:
    """Add a group with an attribute and a member for each SKU, as if it existed before QuickSync; return its id."""
    merchant = catalog.clover.world.merchants[shop.id]
    group = make(merchant, ITEM_GROUPS, {"name": name})["id"]
    attribute_id = make(merchant, ATTRIBUTES, {"name": attribute, "itemGroup": {"id": group}})["id"]
    for number, sku in enumerate(skus):
        option = make(merchant, OPTIONS, {"name": f"Old {number}", "attribute": {"id": attribute_id}})["id"]
        item = catalog.add_item(shop, sku=sku, itemGroup={"id": group})
        merchant.ties["option_items"].tie(option, item)
        name_variants(merchant, [item])
    return str(group)


def choose_option(catalog: Catalog, shop: Shop, sku: str, name: str) -> str:
    """Give a variant this option alone, as a person does in Clover; return the item's id."""
    merchant = catalog.clover.world.merchants[shop.id]
    [item] = [str(each["id"]) for each in catalog.items(shop) if each["sku"] == sku]
    [chosen] = [each for each in merchant.objects["options"] if each["name"] == name]
    for option in merchant.objects["options"]:
        if option["attribute"] == chosen["attribute"]:
            merchant.ties["option_items"].untie(option["id"], item)
    merchant.ties["option_items"].tie(chosen["id"], item)
    name_variants(merchant, [item])
    return item


EXPECTED = {
    "T-shirt": (
        {"Size": ["Large", "Medium", "Small"], "Colour": ["Blue"]},
        {"SKU-s": ["Blue", "Small"], "SKU-m": ["Blue", "Medium"], "SKU-l": ["Blue", "Large"]},
    )
}
