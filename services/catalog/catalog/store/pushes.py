"""The writes of products to their items: those without an answer, and the values both sides agree on since then."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import asyncpg

from catalog.domain.items import ItemFields
from catalog.domain.products import ProductRecord
from common.db.unit import Connection
from common.errors import Conflict

# Of a linked product only the fields that were written or differed: an edit in Clover may have been noted meanwhile.
SAVE_PUSHED = """
UPDATE product SET item_id = pushed.item_id, seen = pushed.seen, unanswered = NULL,
    last_pushed = CASE WHEN product.item_id = pushed.item_id THEN coalesce(product.last_pushed || pushed.written,
        pushed.fields) ELSE pushed.fields END,
    puts_checked = greatest(puts_checked, pushed.puts), deleted_item_id = NULL, creating_since = NULL,
    creating_sku = NULL, matching = 'automatic', item_group_id = CASE
        WHEN product.item_id = pushed.item_id THEN coalesce(pushed.group_id, item_group_id) ELSE pushed.group_id END,
    is_outside_group = product.item_id IS NOT NULL AND is_outside_group
FROM jsonb_to_recordset($2::jsonb) AS pushed (
    product_id text, item_id text, fields jsonb, written jsonb, seen jsonb, puts integer, group_id text
)
WHERE merchant_id = $1 AND product.product_id = pushed.product_id
"""
START_WRITES = """
UPDATE product SET unanswered = writing.unanswered
FROM jsonb_to_recordset($2::jsonb) AS writing (product_id text, unanswered jsonb)
WHERE merchant_id = $1 AND product.product_id = writing.product_id
"""
FORGET_ITEMS = """
UPDATE product SET item_id = NULL, last_pushed = NULL, seen = NULL, deleted_item_id = item_id, item_group_id = NULL,
    is_outside_group = false, unanswered = NULL
WHERE merchant_id = $1 AND item_id = ANY($2::text[])
"""
START_CREATES = """
UPDATE product SET creating_since = $3, creating_sku = creating.sku, unanswered = creating.unanswered
FROM jsonb_to_recordset($2::jsonb) AS creating (product_id text, sku text, unanswered jsonb)
WHERE merchant_id = $1 AND product.product_id = creating.product_id
"""
CANCEL_CREATES = """
UPDATE product SET creating_since = NULL, creating_sku = NULL, unanswered = NULL
WHERE merchant_id = $1 AND product_id = ANY($2::text[])
"""
GIVE_UP = """
UPDATE product SET last_pushed = last_pushed || fields, seen = seen || fields
FROM jsonb_to_recordset($2::jsonb) AS given (product_id text, fields jsonb)
WHERE merchant_id = $1 AND product.product_id = given.product_id
"""


@dataclass(frozen=True)
class Pushed:
    """A product whose item has these fields in Clover, and was `seen` with others before.

    `group_id` is the item group of the item, and `written` are the fields that we wrote.
    """

    record: ProductRecord
    item_id: str
    fields: ItemFields
    seen: ItemFields | None = None
    group_id: str | None = None
    written: Collection[str] = ()

    @property
    def agreed(self) -> dict[str, object]:
        """The fields on which both sides agree from now on: those that were written, and those that differed before."""
        before = self.record.last_pushed
        return {
            name: value
            for name, value in vars(self.fields).items()
            if name in self.written or before is None or getattr(before, name) != value
        }


async def save(conn: Connection, merchant_id: str, pushed: Iterable[Pushed]) -> None:
    """Link each product to its item and record the item's values in Clover.

    Raises Conflict when another product got one of the SKUs or items meanwhile.
    """
    rows = [
        {
            "product_id": each.record.product.product_id,
            "item_id": each.item_id,
            "fields": vars(each.fields),
            "written": each.agreed,
            "seen": vars(each.seen) if each.seen else None,
            "puts": each.record.puts,
            "group_id": each.group_id,
        }
        for each in pushed
    ]
    try:
        await conn.execute(SAVE_PUSHED, merchant_id, json.dumps(rows))
    except asyncpg.UniqueViolationError:
        raise Conflict("another product has the SKU or the item now") from None


async def start_writes(
    conn: Connection, merchant_id: str, writes: Iterable[tuple[ProductRecord, Mapping[str, object]]]
) -> None:
    """Record for each of these products that these fields of its item are about to be written."""
    rows = [{"product_id": each.product.product_id, "unanswered": each.writing(fields)} for each, fields in writes]
    await conn.execute(START_WRITES, merchant_id, json.dumps(rows))


async def forget_items(conn: Connection, merchant_id: str, records: Sequence[ProductRecord]) -> list[ProductRecord]:
    """Record that the items of these products were deleted in Clover; return the products without them."""
    await conn.execute(FORGET_ITEMS, merchant_id, [each.item_id for each in records])
    return [
        replace(
            each,
            item_id=None,
            last_pushed=None,
            seen=None,
            deleted_item_id=each.item_id,
            item_group_id=None,
            is_outside_group=False,
            unanswered=(),
        )
        for each in records
    ]


async def start_creates(conn: Connection, merchant_id: str, records: Iterable[ProductRecord], now: datetime) -> None:
    """Record for each of these products that an item with its SKU is about to be created."""
    rows = [
        {
            "product_id": each.product.product_id,
            "sku": each.product.sku,
            "unanswered": each.writing(each.wanted.to_create()),
        }
        for each in records
    ]
    await conn.execute(START_CREATES, merchant_id, json.dumps(rows), now)


async def cancel_creates(conn: Connection, merchant_id: str, product_ids: Iterable[str]) -> None:
    """Record that the creates for these products had no effect in Clover."""
    await conn.execute(CANCEL_CREATES, merchant_id, list(product_ids))


async def give_up_fields(conn: Connection, merchant_id: str, names: Mapping[str, Iterable[str]]) -> None:
    """Record that these fields of items are not the products' any more, by product, as if we had never written them."""
    rows = [{"product_id": product_id, "fields": dict.fromkeys(each)} for product_id, each in names.items()]
    if rows:
        await conn.execute(GIVE_UP, merchant_id, json.dumps(rows))
