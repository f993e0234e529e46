"""All that Clover has of a merchant's inventory, for the tests that compare it before and after."""

from typing import Any

from tests.integration.catalog.conftest import Catalog, Shop

KINDS = (
    *("items", "item_groups", "attributes", "options"),
    *("categories", "tags", "tax_rates", "modifier_groups", "modifiers"),
)
TIES = {
    "option_items": "options",
    "category_items": "categories",
    "tag_items": "tags",
    "tax_rate_items": "tax_rates",
    "item_modifier_groups": "modifier_groups",
}
EMPTY = (None, "", 0)
"""Values that Clover's API does not tell from an absent field, or that no call makes absent again (cost)."""


def truth(catalog: Catalog, shop: Shop) -> dict[str, Any]:
    """Return every object that is not deleted, without modifiedTime, and every association of those, by id."""
    merchant = catalog.clover.world.merchants[shop.id]
    found: dict[str, Any] = {f"{kind} {each['id']}": _fields(each) for kind in KINDS for each in merchant.objects[kind]}
    items = {each["id"] for each in merchant.objects["items"]}
    for tie, kind in TIES.items():
        for each in merchant.objects[kind]:
            if tied := sorted(items.intersection(merchant.ties[tie].rights_of(each["id"]))):
                found[f"{tie} {each['id']}"] = tied
    return found


def _fields(record: dict[str, Any]) -> dict[str, Any]:
    """Return what counts of an object. The order of the options in the name of a variant is Clover's matter."""
    fields = {name: value for name, value in record.items() if name != "modifiedTime" and value not in EMPTY}
    return fields | ({"name": sorted(fields["name"].split())} if "itemGroup" in fields and "sku" in fields else {})


def difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return what differs, by id and field: the value before and after."""
    found: dict[str, Any] = {}
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key), after.get(key)
        if isinstance(was, dict) and isinstance(now, dict):
            names = sorted(was.keys() | now.keys())
            found |= {
                f"{key} {name}": (was.get(name), now.get(name)) for name in names if was.get(name) != now.get(name)
            }
        elif was != now:
            found[key] = (was, now)
    return found
