"""The rows of the table `product`: how they are read as products with the state of their sync, and written."""

import json

import asyncpg

from catalog.domain.items import ItemFields, from_json
from catalog.domain.matching_keys import code_keys, sku_key
from catalog.domain.products import Held, Matching, Product, ProductRecord, Removal, Status
from catalog.store import variants
from common.contracts.problems import Code

RECORDS = """
SELECT product_id, name, sku, price, currency, status, barcode, stated, updated_at, item_id, last_pushed,
    creating_since, creating_sku, held_problem, held_reason, deleted_item_id, seen, puts, puts_checked,
    matching, removal, unanswered, superseded, parent_id, options, item_group_id, is_outside_group, (
        SELECT jsonb_build_object('name', name, 'option_names', option_names, 'item_group_id', parent.item_group_id)
        FROM product_group parent
        WHERE parent.merchant_id = product.merchant_id AND parent.parent_id = product.parent_id
    ) AS parent
FROM product WHERE merchant_id = $1
"""

COLUMNS = ("product_id", "name", "sku", "price", "currency", "status", "barcode")
STATED = ("alternate_name", "cost", "unit_name", "age_restricted", "categories", "tags", "tax_rates")
"""Fields that a product may leave out, kept together in the column `stated`."""


def row_of(product: Product) -> dict[str, object]:
    """Return the row of a product; `stated` holds the optional fields that it states, and its keys are to match by."""
    stated = {name: value for name in STATED if (value := getattr(product, name)) is not None}
    place = {"parent_id": product.variant.group, "options": product.variant.options} if product.variant else {}
    keys = {"sku_key": sku_key(product.sku), "code_key": next(iter(code_keys(product.barcode)), "")}
    return {name: getattr(product, name) for name in COLUMNS} | {"stated": stated} | place | keys


def record_of(row: asyncpg.Record) -> ProductRecord:
    """Return the product of a row of RECORDS."""
    return ProductRecord(
        product=Product(
            product_id=row["product_id"],
            name=row["name"],
            sku=row["sku"],
            price=row["price"],
            currency=row["currency"],
            status=Status(row["status"]),
            barcode=row["barcode"],
            variant=variants.variant(row["parent_id"], row["options"], row["parent"]),
            **{name: value for name, value in from_json(json.loads(row["stated"])).items() if name in STATED},
        ),
        updated_at=row["updated_at"],
        item_id=row["item_id"],
        last_pushed=_fields(row["last_pushed"]),
        creating_since=row["creating_since"],
        creating_sku=row["creating_sku"],
        held=Held(Code(row["held_problem"]), row["held_reason"] or "") if row["held_problem"] else None,
        deleted_item_id=row["deleted_item_id"],
        seen=_fields(row["seen"]),
        puts=row["puts"],
        puts_checked=row["puts_checked"],
        matching=Matching(row["matching"]),
        removal=Removal(row["removal"]) if row["removal"] else None,
        unanswered=tuple(from_json(each) for each in json.loads(row["unanswered"] or "[]")),
        superseded=from_json(json.loads(row["superseded"] or "{}")),
        item_group_id=row["item_group_id"],
        group_id=variants.group_id(row["parent"]),
        is_outside_group=row["is_outside_group"],
    )


def _fields(stored: str | None) -> ItemFields | None:
    return ItemFields(**from_json(json.loads(stored))) if stored else None
