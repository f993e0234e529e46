"""Changes by the merchant at the till or on the dashboard: counts, items, order types, settings."""

from collections.abc import Mapping
from typing import Any

from clover_sandbox.answers import bad_request
from clover_sandbox.collection import Record
from clover_sandbox.merchant import Merchant
from clover_sandbox.merchant_factory import add_order_type
from clover_sandbox.rest.inventory_kinds import ITEMS
from clover_sandbox.rest.items import change_item
from clover_sandbox.rest.merchant_kinds import ORDER_TYPES
from clover_sandbox.rest.merchant_profile import PROPERTIES
from clover_sandbox.rest.objects import alter, drop, make
from clover_sandbox.rest.order_types import remove_order_type
from clover_sandbox.shapes import Text, accept, without_nulls
from clover_sandbox.stock import stock_view, write_count
from clover_sandbox.till.counter import item_of, quantity_in

Given = Mapping[str, Any]
NOT_FIELDS = frozenset({"item", "order_type"})


def recount(merchant: Merchant, given: Given) -> Record:
    """Set an item's count by hand."""
    item = item_of(merchant, given)
    write_count(merchant, item["id"], quantity_in(given), "recount")
    return stock_view(merchant, item["id"])


def create_item(merchant: Merchant, given: Given) -> Record:
    """Create an item, with its first count if `quantity` is given."""
    item = make(merchant, ITEMS, accept(ITEMS.shape, dict(given)))
    if "quantity" in given:
        write_count(merchant, item["id"], quantity_in(given), "recount")
    return item


def edit_item(merchant: Merchant, given: Given) -> Record:
    """Change fields of an item named by `item` (id) or `sku`. To change a SKU, name the item by id."""
    item = item_of(merchant, given)
    fields = {name: value for name, value in given.items() if name not in NOT_FIELDS}
    return change_item(merchant, item["id"], accept(ITEMS.shape, fields, partial=True))


def delete_item(merchant: Merchant, given: Given) -> Record:
    """Delete an item."""
    item = item_of(merchant, given)
    drop(merchant, ITEMS, item["id"])
    return {"item": item["id"]}


def create_order_type(merchant: Merchant, given: Given) -> Record:
    """Create an order type like Setup > Order types. Clover sends no webhook for it."""
    return add_order_type(merchant, dict(given))


def edit_order_type(merchant: Merchant, given: Given) -> Record:
    """Change an order type named by its id or label."""
    fields = accept(ORDER_TYPES.shape, {name: given[name] for name in given if name not in NOT_FIELDS}, partial=True)
    return alter(merchant, ORDER_TYPES, _order_type(merchant, given)["id"], fields)


def delete_order_type(merchant: Merchant, given: Given) -> Record:
    """Delete an order type named by its id or label."""
    found = _order_type(merchant, given)
    remove_order_type(merchant, found["id"])
    return {"order_type": found["id"]}


def edit_properties(merchant: Merchant, given: Given) -> Record:
    """Change settings such as trackStock, updateStock and timezone; only people at Clover change the currency."""
    changed = without_nulls(accept({**PROPERTIES, "defaultCurrency": Text(3)}, dict(given), partial=True))
    merchant.properties.update(changed)
    merchant.profile["defaultCurrency"] = merchant.properties["defaultCurrency"]
    merchant.emit("M", merchant.id, "UPDATE")
    return merchant.properties


def _order_type(merchant: Merchant, given: Given) -> Record:
    wanted = given.get("order_type")
    for each in merchant.objects["order_types"]:
        if wanted is not None and wanted in {each["id"], each.get("label")}:
            return each
    raise bad_request("name an order type by order_type (its id or label)")
