"""Objects associated with items: categories, tags, tax rates, modifier groups and modifiers; also discounts."""

from clover_sandbox.answers import Answer
from clover_sandbox.call import Call, Handler
from clover_sandbox.collection import Record
from clover_sandbox.kinds import Kind
from clover_sandbox.listing import list_some
from clover_sandbox.rest.inventory_kinds import (
    CATEGORIES,
    DISCOUNTS,
    ITEMS,
    MODIFIER_GROUPS,
    MODIFIERS,
    TAGS,
    TAX_RATES,
    belonging,
)
from clover_sandbox.rest.objects import alter, bulk_deletion, drop, kept, listing, make, need, one, tying
from clover_sandbox.rest.routes import Route
from clover_sandbox.shapes import accept, an_object, rows_of


def items_of(kind: Kind, tie: str) -> Handler:
    """List the items associated with an object."""

    def show_items(call: Call) -> Answer:
        owner = need(call.merchant, kind, call.ids["id"])
        return list_some(call, ITEMS, call.merchant.found("items", call.merchant.ties[tie].rights_of(owner["id"])))

    return show_items


def sort_categories(call: Call) -> Answer:
    """Set the sort order of several categories."""
    for row in map(an_object, rows_of(call.body, "elements")):
        category = need(call.merchant, CATEGORIES, str(row.get("id")))
        alter(call.merchant, CATEGORIES, category["id"], accept(CATEGORIES.shape, row, partial=True))
    return Answer({})


def list_modifiers(call: Call) -> Answer:
    group = need(call.merchant, MODIFIER_GROUPS, call.ids["id"])
    return list_some(call, MODIFIERS, belonging(call.merchant, "modifiers", "modifierGroup", group["id"]))


def create_modifier(call: Call) -> Answer:
    group = need(call.merchant, MODIFIER_GROUPS, call.ids["id"])
    fields = {**accept(MODIFIERS.shape, call.body), "modifierGroup": {"id": group["id"]}}
    return one(call, MODIFIERS, make(call.merchant, MODIFIERS, fields))


def read_modifier(call: Call) -> Answer:
    return one(call, MODIFIERS, _modifier(call))


def update_modifier(call: Call) -> Answer:
    changes = accept(MODIFIERS.shape, call.body, partial=True)
    return one(call, MODIFIERS, alter(call.merchant, MODIFIERS, _modifier(call)["id"], changes))


def delete_modifier(call: Call) -> Answer:
    drop(call.merchant, MODIFIERS, _modifier(call)["id"])
    return Answer({})


def _modifier(call: Call) -> Record:
    modifier = need(call.merchant, MODIFIERS, call.ids["modifier"])
    if modifier["modifierGroup"]["id"] != call.ids["id"]:
        raise MODIFIERS.absent()
    return modifier


ROUTES = [
    *kept(CATEGORIES),
    Route("DELETE", "categories", bulk_deletion(CATEGORIES, "categoryIds"), "INVENTORY_W"),
    Route("POST", "categories/bulk_sort_orders", sort_categories, "INVENTORY_W"),
    Route("GET", "categories/{id}/items", items_of(CATEGORIES, "category_items"), "INVENTORY_R"),
    tying("category_items", CATEGORIES, "category", ITEMS, "item"),
    *kept(TAGS),
    Route("DELETE", "tags", bulk_deletion(TAGS, "tagIds"), "INVENTORY_W"),
    Route("GET", "tags/{id}/items", items_of(TAGS, "tag_items"), "INVENTORY_R"),
    tying("tag_items", TAGS, "tag", ITEMS, "item"),
    *kept(TAX_RATES),
    Route("GET", "tax_rates/{id}/items", items_of(TAX_RATES, "tax_rate_items"), "INVENTORY_R"),
    tying("tax_rate_items", TAX_RATES, "taxRate", ITEMS, "item"),
    *kept(MODIFIER_GROUPS),
    Route("DELETE", "modifier_groups", bulk_deletion(MODIFIER_GROUPS, "modifierGroupIds"), "INVENTORY_W"),
    Route("GET", "modifier_groups/{id}/items", items_of(MODIFIER_GROUPS, "item_modifier_groups"), "INVENTORY_R"),
    Route("GET", "modifier_groups/{id}/modifiers", list_modifiers, "INVENTORY_R"),
    Route("POST", "modifier_groups/{id}/modifiers", create_modifier, "INVENTORY_W"),
    Route("GET", "modifier_groups/{id}/modifiers/{modifier}", read_modifier, "INVENTORY_R"),
    Route("POST", "modifier_groups/{id}/modifiers/{modifier}", update_modifier, "INVENTORY_W"),
    Route("DELETE", "modifier_groups/{id}/modifiers/{modifier}", delete_modifier, "INVENTORY_W"),
    Route("GET", "modifiers", listing(MODIFIERS), "INVENTORY_R"),
    tying("item_modifier_groups", MODIFIER_GROUPS, "modifierGroup", ITEMS, "item"),
    *kept(DISCOUNTS),
]
