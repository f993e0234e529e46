"""The inventory kinds: items, groups, categories, tags, tax rates and modifiers."""

from collections.abc import Sequence
from typing import Any

from clover_sandbox.call import Call
from clover_sandbox.collection import Record
from clover_sandbox.kinds import Expand, Kind, Read, elements
from clover_sandbox.merchant import Merchant
from clover_sandbox.query import Tree
from clover_sandbox.shapes import Flag, Ref, Text, Whole
from clover_sandbox.stock import is_low, stock_view

PRICE_TYPES = ("FIXED", "VARIABLE", "PER_UNIT")
ITEM_TYPES = ("REGULAR", "RESTAURANT", "SERVICE", "RETAIL")
TAX_TYPES = ("VAT_TAXABLE", "VAT_NON_TAXABLE", "VAT_EXEMPT", "INTERNAL_TAX", "PARTNER_TAX", "ORDER_FEES")


def _groups_of(tie: str, kind: str) -> Expand:
    """Expand the objects associated with an item, such as categories and tags."""

    def expand(call: Call, record: Record, _tree: Tree) -> Any:
        return elements(call.merchant.found(kind, call.merchant.ties[tie].lefts_of(record["id"])))

    return expand


def _tax_rates(call: Call, record: Record, _tree: Tree) -> Any:
    """Expand the tax rates of an item. A switch decides whether those that it has by default are among them."""
    found = call.merchant.found("tax_rates", call.merchant.ties["tax_rate_items"].lefts_of(record["id"]))
    if record.get("defaultTaxRates") and call.merchant.shared.switches.on("default_rates_shown"):
        defaults = [each for each in call.merchant.objects["tax_rates"] if each.get("isDefault")]
        found += [each for each in defaults if each not in found]
    return elements(found)


def _items_of(tie: str) -> Expand:
    def expand(call: Call, record: Record, _tree: Tree) -> Any:
        items = call.merchant.found("items", call.merchant.ties[tie].rights_of(record["id"]))
        return elements([{"id": item["id"]} for item in items])

    return expand


def _belonging(kind: str, reference: str) -> Expand:
    """Expand the objects that refer to this one: a group's items, an attribute's options."""

    def expand(call: Call, record: Record, _tree: Tree) -> Any:
        return elements(belonging(call.merchant, kind, reference, record["id"]))

    return expand


def belonging(merchant: Merchant, kind: str, reference: str, owner_id: str) -> list[Record]:
    """Return the objects of a kind whose `reference` is this owner, oldest first."""
    found = merchant.objects[kind].having(f"{reference}.id", [owner_id])
    return list(found or ())[::-1]


def _item_stock(call: Call, record: Record, _tree: Tree) -> Any:
    """Expand itemStock. A never-counted item lacks the key (recorded)."""
    view = stock_view(call.merchant, record["id"])
    return view if "quantity" in view else None


def _tied(tie: str, kind: str, name: str) -> Read:
    def read(merchant: Merchant, record: Record) -> Sequence[Any]:
        found = merchant.found(kind, merchant.ties[tie].lefts_of(record["id"]))
        return [each[name] for each in found if name in each]

    return read


def _tied_items(tie: str) -> Read:
    return lambda merchant, record: merchant.ties[tie].rights_of(record["id"])


def _quantity(merchant: Merchant, record: Record) -> Sequence[Any]:
    stock = merchant.stocks.get(record["id"])
    return () if stock is None or stock.quantity is None else (stock.quantity,)


def _low_stock(merchant: Merchant, record: Record) -> Sequence[Any]:
    stock = merchant.stocks.get(record["id"])
    return () if stock is None else (is_low(stock, stock.quantity),)


ITEMS = Kind(
    name="items",
    permission="INVENTORY",
    shape={
        "hidden": Flag(),
        "available": Flag(),
        "autoManage": Flag(),
        "itemGroup": Ref(),
        "name": Text(127, required=True),
        "alternateName": Text(127),
        "code": Text(100),
        "sku": Text(100),
        "price": Whole(0, required=True),
        "priceType": Text(choices=PRICE_TYPES),
        "defaultTaxRates": Flag(),
        "unitName": Text(64),
        "cost": Whole(0),
        "isRevenue": Flag(),
        "colorCode": Text(9),
        "type": Text(choices=ITEM_TYPES),
        "isAgeRestricted": Flag(),
        "excludeCashDiscount": Flag(),
        "markupPrice": Flag(),
        "priceWithoutVat": Whole(0),
    },
    own=("deletedTime",),
    filters=(
        "modifiedTime",
        "hidden",
        "itemCode",
        "available",
        "lowStock",
        "option.id",
        "excludeCashDiscount",
        "type",
        "modifierGroup.id",
        "autoManage",
        "all_categorized_items.item_uuid",
        "price",
        "menuId",
        "id",
        "sku",
        "defaultTaxRates",
        "menuItemEnabled",
        "ageRestricted",
        "tags.id",
        "alternateName",
        "isRevenue",
        "tags.name",
        "deleted",
        "item.id",
        "name",
        "price_type",
        "itemStock.quantity",
        "itemGroup.id",
    ),
    unlisted=("categoryId",),
    aliases={"itemCode": "code", "price_type": "priceType", "item.id": "id", "ageRestricted": "isAgeRestricted"},
    reads={
        "option.id": _tied("option_items", "options", "id"),
        "modifierGroup.id": _tied("item_modifier_groups", "modifier_groups", "id"),
        "categoryId": _tied("category_items", "categories", "id"),
        "tags.id": _tied("tag_items", "tags", "id"),
        "tags.name": _tied("tag_items", "tags", "name"),
        "itemStock.quantity": _quantity,
        "lowStock": _low_stock,
    },
    expands={
        "categories": _groups_of("category_items", "categories"),
        "tags": _groups_of("tag_items", "tags"),
        "taxRates": _tax_rates,
        "modifierGroups": _groups_of("item_modifier_groups", "modifier_groups"),
        "options": _groups_of("option_items", "options"),
        "itemStock": _item_stock,
    },
    defaults={
        "hidden": False,
        "available": True,
        "autoManage": False,
        "priceType": "FIXED",
        "defaultTaxRates": True,
        "isRevenue": True,
        "deleted": False,
    },
    event="I",
    timed=True,
    missing=("invalid ID", None),
)

ITEM_GROUPS = Kind(
    name="item_groups",
    permission="INVENTORY",
    shape={"name": Text(255, required=True)},
    filters=("id", "name"),
    expands={"items": _belonging("items", "itemGroup"), "attributes": _belonging("attributes", "itemGroup")},
)

ATTRIBUTES = Kind(
    name="attributes",
    permission="INVENTORY",
    shape={"name": Text(255, required=True), "itemGroup": Ref(required=True)},
    filters=("id", "name", "itemGroup.id"),
    expands={"options": _belonging("options", "attribute")},
)

OPTIONS = Kind(
    name="options",
    permission="INVENTORY",
    shape={"name": Text(255, required=True)},
    filters=("id", "name", "attribute.id"),
    expands={"items": _items_of("option_items")},
)

CATEGORIES = Kind(
    name="categories",
    permission="INVENTORY",
    shape={
        "name": Text(127, required=True),
        "sortOrder": Whole(),
        "colorCode": Text(9),
        "parentCategory": Ref(),
    },
    filters=("id", "name", "sortOrder", "deleted"),
    expands={"items": _items_of("category_items")},
    defaults={"sortOrder": 0, "deleted": False},
    event="IC",
)

TAGS = Kind(
    name="tags",
    permission="INVENTORY",
    shape={"name": Text(255, required=True), "showInReporting": Flag()},
    filters=("id", "name"),
    expands={"items": _items_of("tag_items")},
    defaults={"showInReporting": False},
)

TAX_RATES = Kind(
    name="tax_rates",
    permission="INVENTORY",
    shape={
        "name": Text(127, required=True),
        "taxType": Text(choices=TAX_TYPES),
        "rate": Whole(0),
        "isDefault": Flag(),
        "taxAmount": Whole(0),
    },
    filters=("isDefault", "rate", "items.id", "name", "id", "taxAmount", "taxType"),
    reads={"items.id": _tied_items("tax_rate_items")},
    expands={"items": _items_of("tax_rate_items")},
    defaults={"taxType": "VAT_EXEMPT", "rate": 0, "isDefault": False},
)

MODIFIER_GROUPS = Kind(
    name="modifier_groups",
    permission="INVENTORY",
    shape={
        "name": Text(255, required=True),
        "alternateName": Text(255),
        "minRequired": Whole(0),
        "maxAllowed": Whole(0),
        "showByDefault": Flag(),
        "modifierIds": Text(),
        "sortOrder": Whole(0),
    },
    filters=("modifiedTime", "category.id", "negativeSortOrder", "item.id", "sortOrder", "name", "id", "showByDefault"),
    reads={"item.id": _tied_items("item_modifier_groups")},
    expands={"modifiers": _belonging("modifiers", "modifierGroup"), "items": _items_of("item_modifier_groups")},
    defaults={"showByDefault": True, "deleted": False},
    event="IG",
)

MODIFIERS = Kind(
    name="modifiers",
    permission="INVENTORY",
    shape={
        "name": Text(255, required=True),
        "alternateName": Text(255),
        "available": Flag(),
        "price": Whole(0, required=True),
    },
    filters=("id", "name", "modifierGroup.id"),
    defaults={"available": True, "deleted": False},
    event="IM",
    timed=True,
)

DISCOUNTS = Kind(
    name="discounts",
    permission="INVENTORY",
    shape={
        "name": Text(64, required=True),
        "amount": Whole(),
        "percentage": Whole(0),
        "percentageDecimal": Whole(0),
        "type": Text(choices=("DEFAULT", "CASH_DISCOUNT")),
    },
    filters=("id", "name"),
)
