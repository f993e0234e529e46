"""Items, singly and in bulk."""

from typing import Any

from clover_sandbox.answers import Answer, Refused, bad_request
from clover_sandbox.call import Call
from clover_sandbox.collection import Record
from clover_sandbox.listing import list_some
from clover_sandbox.merchant import Merchant
from clover_sandbox.rest.inventory_kinds import CATEGORIES, ITEM_GROUPS, ITEMS, TAGS
from clover_sandbox.rest.objects import amend, bulk_deletion, kept, make, need, one
from clover_sandbox.rest.routes import Route
from clover_sandbox.shapes import accept, an_object, ref_id, rows_of
from clover_sandbox.stock import emit_availability, follow_availability

MOST_IN_BULK = 2500


def create_item(call: Call) -> Answer:
    """Create an item. A member of a group takes the group's name (documented)."""
    return one(call, ITEMS, make(call.merchant, ITEMS, _new_fields(call.merchant, call.body)))


def update_item(call: Call) -> Answer:
    """Update an item partially: a body with only the name keeps the price (recorded)."""
    item = need(call.merchant, ITEMS, call.ids["id"])
    return one(
        call, ITEMS, change_item(call.merchant, item["id"], _changes(call.merchant, item, call.body, partial=True))
    )


def replace_item(call: Call) -> Answer:
    """Replace an item. PUT requires name and price (recorded)."""
    item = need(call.merchant, ITEMS, call.ids["id"])
    return one(
        call, ITEMS, change_item(call.merchant, item["id"], _changes(call.merchant, item, call.body, partial=False))
    )


def create_bulk(call: Call) -> Answer:
    """Create up to 2,500 items (documented)."""
    fields = _each_row(call, lambda row: _new_fields(call.merchant, row))
    return _bulk_answer(call, [make(call.merchant, ITEMS, each) for each in fields])


def update_bulk(call: Call) -> Answer:
    """Update up to 2,500 items partially by id (documented)."""
    pairs = _each_row(call, lambda row: _change_of_row(call.merchant, row))
    return _bulk_answer(call, [change_item(call.merchant, item_id, changes) for item_id, changes in pairs])


def change_item(merchant: Merchant, item_id: str, changes: Record) -> Record:
    """Change an item and emit the event. With split keys, availability has an event of its own (announced)."""
    before = (merchant.objects["items"].get(item_id) or {}).get("available")
    record = amend(merchant, ITEMS, item_id, changes)
    split = merchant.shared.switches["webhook_stock_keys"] == "split"
    if not split or changes.keys() - {"available"}:
        merchant.emit("I", item_id, "UPDATE")
    if split and record["available"] != before:
        emit_availability(merchant, item_id)
    if "autoManage" in changes:
        follow_availability(merchant, item_id)
    return record


def list_categories_of_item(call: Call) -> Answer:
    item = need(call.merchant, ITEMS, call.ids["id"])
    return list_some(
        call, CATEGORIES, call.merchant.found("categories", call.merchant.ties["category_items"].lefts_of(item["id"]))
    )


def list_tags_of_item(call: Call) -> Answer:
    item = need(call.merchant, ITEMS, call.ids["id"])
    return list_some(call, TAGS, call.merchant.found("tags", call.merchant.ties["tag_items"].lefts_of(item["id"])))


def _new_fields(merchant: Merchant, body: Any) -> Record:
    given = dict(an_object(body))
    group = given.get("itemGroup")
    if group is not None:
        given["name"] = need(merchant, ITEM_GROUPS, ref_id("itemGroup", group))["name"][:127]
    return accept(ITEMS.shape, given)


def _changes(merchant: Merchant, item: Record, body: Any, *, partial: bool) -> Record:
    """Return the allowed changes. A group's member keeps its group and name (documented)."""
    given = dict(an_object(body))
    group = given.pop("itemGroup", None)
    if group is not None and group != item.get("itemGroup") and merchant.shared.switches["variant_moved"] == "refuse":
        raise bad_request("itemGroup cannot be changed")
    if "itemGroup" in item:
        given["name"] = item["name"]
    return accept(ITEMS.shape, given, partial=partial)


def _change_of_row(merchant: Merchant, row: Any) -> tuple[str, Record]:
    item = need(merchant, ITEMS, ref_id("item", row))
    return item["id"], _changes(merchant, item, row, partial=True)


def _each_row(call: Call, read: Any) -> list[Any]:
    """Validate all rows before writing any. A switch decides the effect of a bad row."""
    rows = rows_of(call.body, "items")
    if len(rows) > MOST_IN_BULK:
        raise bad_request(f"items cannot have more than {MOST_IN_BULK} elements")
    kept_rows = []
    for row in rows:
        try:
            kept_rows.append(read(row))
        except Refused:
            if call.merchant.shared.switches["bulk_invalid_row"] == "refuse_all":
                raise
    return kept_rows


def _bulk_answer(call: Call, items: list[Record]) -> Answer:
    as_array = call.merchant.shared.switches["bulk_answer"] == "array"
    return Answer(items if as_array else {"elements": items})


ROUTES = [
    *(route for route in kept(ITEMS) if route.method in {"GET", "DELETE"}),
    Route("POST", "items", create_item, "INVENTORY_W"),
    Route("DELETE", "items", bulk_deletion(ITEMS, "itemIds"), "INVENTORY_W"),
    Route("POST", "items/{id}", update_item, "INVENTORY_W"),
    Route("PUT", "items/{id}", replace_item, "INVENTORY_W"),
    Route("GET", "items/{id}/categories", list_categories_of_item, "INVENTORY_R"),
    Route("GET", "items/{id}/tags", list_tags_of_item, "INVENTORY_R"),
    Route("POST", "bulk_items", create_bulk, "INVENTORY_W"),
    Route("PUT", "bulk_items", update_bulk, "INVENTORY_W"),
]
KNOWN = ["items/{id}/tax_rates"]
