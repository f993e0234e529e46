"""Item groups with their attributes and options, which name the variants."""

from collections.abc import Iterable

from clover_sandbox.answers import Answer, bad_request
from clover_sandbox.call import Call
from clover_sandbox.collection import Record
from clover_sandbox.listing import list_some
from clover_sandbox.merchant import Merchant
from clover_sandbox.rest.inventory_kinds import ATTRIBUTES, ITEM_GROUPS, ITEMS, OPTIONS, belonging
from clover_sandbox.rest.objects import alter, amend, change, drop, kept, make, need, one, tying
from clover_sandbox.rest.routes import Route
from clover_sandbox.shapes import accept, an_object, ref_id, rows_of


def rename_group(call: Call) -> Answer:
    """Change an item group. Clover names its items anew (documented)."""
    group = need(call.merchant, ITEM_GROUPS, call.ids["id"])
    record = alter(call.merchant, ITEM_GROUPS, group["id"], accept(ITEM_GROUPS.shape, call.body, partial=True))
    name_variants(call.merchant, [each["id"] for each in belonging(call.merchant, "items", "itemGroup", group["id"])])
    return one(call, ITEM_GROUPS, record)


def delete_group(call: Call) -> Answer:
    """Delete an item group with its attributes and their options. A switch decides about its items."""
    group = need(call.merchant, ITEM_GROUPS, call.ids["id"])
    items = belonging(call.merchant, "items", "itemGroup", group["id"])
    if items and call.merchant.shared.switches["group_deleted"] == "refuse":
        raise bad_request("item group has items")
    for item in items:
        drop(call.merchant, ITEMS, item["id"])
    for attribute in belonging(call.merchant, "attributes", "itemGroup", group["id"]):
        _drop_attribute(call.merchant, attribute["id"])
    drop(call.merchant, ITEM_GROUPS, group["id"])
    return Answer({})


def create_attribute(call: Call) -> Answer:
    """Create an attribute of an item group."""
    fields = accept(ATTRIBUTES.shape, call.body)
    group = need(call.merchant, ITEM_GROUPS, ref_id("itemGroup", fields["itemGroup"]))
    _refuse_same(call.merchant, belonging(call.merchant, "attributes", "itemGroup", group["id"]), fields)
    return one(call, ATTRIBUTES, make(call.merchant, ATTRIBUTES, fields))


def delete_attribute(call: Call) -> Answer:
    """Delete an attribute with its options (a guess)."""
    attribute = need(call.merchant, ATTRIBUTES, call.ids["id"])
    name_variants(call.merchant, _drop_attribute(call.merchant, attribute["id"]))
    return Answer({})


def create_option(call: Call) -> Answer:
    """Create an option of an attribute."""
    attribute = need(call.merchant, ATTRIBUTES, call.ids["id"])
    fields = {**accept(OPTIONS.shape, call.body), "attribute": {"id": attribute["id"]}}
    _refuse_same(call.merchant, belonging(call.merchant, "options", "attribute", attribute["id"]), fields)
    return one(call, OPTIONS, make(call.merchant, OPTIONS, fields))


def list_options(call: Call) -> Answer:
    attribute = need(call.merchant, ATTRIBUTES, call.ids["id"])
    return list_some(call, OPTIONS, belonging(call.merchant, "options", "attribute", attribute["id"]))


def read_option(call: Call) -> Answer:
    return one(call, OPTIONS, _option(call))


def rename_option(call: Call) -> Answer:
    """Change an option. Clover names the items with it anew (documented)."""
    option = _option(call)
    record = alter(call.merchant, OPTIONS, option["id"], accept(OPTIONS.shape, call.body, partial=True))
    name_variants(call.merchant, call.merchant.ties["option_items"].rights_of(option["id"]))
    return one(call, OPTIONS, record)


def delete_option(call: Call) -> Answer:
    name_variants(call.merchant, _drop_option(call.merchant, _option(call)["id"]))
    return Answer({})


def tie_options(call: Call) -> Answer:
    """Associate options with items. Clover renames the variants accordingly (documented)."""
    rows = [an_object(each) for each in rows_of(call.body, "elements")]
    for row in rows:
        _refuse_foreign(call.merchant, row)
    answer = tying("option_items", OPTIONS, "option", ITEMS, "item").handler(call)
    for item_id in {ref_id("item", row["item"]) for row in rows if "item" in row}:
        _name_variant(call.merchant, item_id)
    return answer


def name_variants(merchant: Merchant, item_ids: Iterable[str]) -> None:
    """Name those of these items that are not deleted anew, as one of the parts of their names has changed."""
    for item in merchant.found("items", item_ids):
        amend(merchant, ITEMS, item["id"], {})
        _name_variant(merchant, item["id"])
        merchant.emit("I", item["id"], "UPDATE")


def _name_variant(merchant: Merchant, item_id: str) -> None:
    item = merchant.objects["items"].get(item_id)
    group = merchant.shown("item_groups", item["itemGroup"]["id"]) if item and "itemGroup" in item else None
    if group is not None:
        options = merchant.found("options", merchant.ties["option_items"].lefts_of(item_id))
        name = " ".join([group["name"], *(option["name"] for option in options)])
        merchant.objects["items"].change(item_id, {"name": name[:127]})


def _drop_attribute(merchant: Merchant, attribute_id: str) -> set[str]:
    """Delete an attribute with its options, and return the items that these named."""
    options = belonging(merchant, "options", "attribute", attribute_id)
    drop(merchant, ATTRIBUTES, attribute_id)
    return {item_id for option in options for item_id in _drop_option(merchant, option["id"])}


def _drop_option(merchant: Merchant, option_id: str) -> list[str]:
    """Delete an option, and return the items that it named."""
    items = merchant.ties["option_items"].rights_of(option_id)
    merchant.ties["option_items"].untie(option_id, None)
    drop(merchant, OPTIONS, option_id)
    return items


def _option(call: Call) -> Record:
    option = need(call.merchant, OPTIONS, call.ids["option"])
    if option["attribute"]["id"] != call.ids["id"]:
        raise OPTIONS.absent()
    return option


def _refuse_same(merchant: Merchant, others: Iterable[Record], fields: Record) -> None:
    if merchant.shared.switches["same_label"] == "refuse" and any(each["name"] == fields["name"] for each in others):
        raise bad_request("name already exists")


def _refuse_foreign(merchant: Merchant, row: Record) -> None:
    """Refuse an option of another item group, unless a switch accepts it."""
    if merchant.shared.switches["foreign_option"] == "accept" or not {"option", "item"} <= row.keys():
        return
    option = need(merchant, OPTIONS, ref_id("option", row["option"]))
    item = need(merchant, ITEMS, ref_id("item", row["item"]))
    if need(merchant, ATTRIBUTES, option["attribute"]["id"])["itemGroup"] != item.get("itemGroup"):
        raise bad_request("option does not belong to the item group of the item")


ROUTES = [
    *(route for route in kept(ITEM_GROUPS) if route.path == "item_groups" or route.method == "GET"),
    Route("POST", "item_groups/{id}", rename_group, "INVENTORY_W"),
    Route("DELETE", "item_groups/{id}", delete_group, "INVENTORY_W"),
    *(route for route in kept(ATTRIBUTES) if route.method == "GET"),
    Route("POST", "attributes", create_attribute, "INVENTORY_W"),
    Route("POST", "attributes/{id}", change(ATTRIBUTES), "INVENTORY_W"),
    Route("DELETE", "attributes/{id}", delete_attribute, "INVENTORY_W"),
    Route("GET", "attributes/{id}/options", list_options, "INVENTORY_R"),
    Route("POST", "attributes/{id}/options", create_option, "INVENTORY_W"),
    Route("GET", "attributes/{id}/options/{option}", read_option, "INVENTORY_R"),
    Route("POST", "attributes/{id}/options/{option}", rename_option, "INVENTORY_W"),
    Route("DELETE", "attributes/{id}/options/{option}", delete_option, "INVENTORY_W"),
    *(route for route in kept(OPTIONS) if route.method == "GET" and route.path == "options"),
    Route("POST", "option_items", tie_options, "INVENTORY_W"),
]
