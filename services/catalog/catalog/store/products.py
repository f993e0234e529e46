"""The products as QuickSync wants them, and the state of their sync."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import asyncpg

from catalog.domain.items import Item
from catalog.domain.matching_keys import code_keys, sku_key
from catalog.domain.matching_pairs import Seeker
from catalog.domain.products import Held, Product, ProductRecord, Removal, Status
from catalog.store import variants
from catalog.store.product_columns import RECORDS, record_of, row_of
from common.contracts.problems import Code
from common.db.unit import Connection
from common.errors import Invalid, NotFound, Problem
from common.text import clean

# Two statements: an upsert fails on the SKU when the same new product is saved twice at the same moment. A product
# whose item was deleted gets a new one, unless it is archived.
ADD = """
INSERT INTO product (merchant_id, product_id, name, sku, price, currency, status, barcode, stated, parent_id, options,
    updated_at)
SELECT $1, product_id, name, sku, price, currency, status, barcode, stated, parent_id, options, $3
FROM jsonb_to_recordset($2::jsonb) AS given (
    product_id text, name text, sku text, price bigint, currency text, status text, barcode text, stated jsonb,
    parent_id text, options jsonb
)
ON CONFLICT DO NOTHING
"""
# A portion whose products exchange SKUs is saved one by one: the order of its rows decides who has which.
IS_TAKEN = """
SELECT EXISTS (
    SELECT FROM product JOIN jsonb_to_recordset($2::jsonb) AS given (product_id text, sku text) USING (sku)
    WHERE product.merchant_id = $1 AND product.product_id <> given.product_id AND deleted_item_id IS NULL
)
"""
# In one order in all requests, so that none deadlock.
LOCK = "SELECT FROM product WHERE merchant_id = $1 AND product_id = ANY($2::text[]) ORDER BY product_id FOR UPDATE"
CHANGE = """
UPDATE product SET name = given.name, sku = given.sku, price = given.price, currency = given.currency,
    status = given.status, barcode = given.barcode, stated = given.stated, puts = puts + 1,
    parent_id = given.parent_id, options = given.options, removal = NULL,
    sku_key = given.sku_key, code_key = given.code_key,
    updated_at = CASE WHEN (product.name, product.sku, product.price, product.currency, product.status, product.barcode,
        product.stated, product.parent_id, product.options) IS DISTINCT FROM (given.name, given.sku, given.price,
        given.currency, given.status, given.barcode, given.stated, given.parent_id, given.options)
        THEN $3 ELSE updated_at END,
    deleted_item_id = CASE WHEN given.status = 'archived' THEN deleted_item_id END
FROM jsonb_to_recordset($2::jsonb) AS given (
    product_id text, name text, sku text, price bigint, currency text, status text, barcode text, stated jsonb,
    parent_id text, options jsonb, sku_key text, code_key text
)
WHERE product.merchant_id = $1 AND product.product_id = given.product_id
RETURNING product.product_id, held_problem, puts
"""
CONFIRM = "UPDATE product SET seen = NULL WHERE merchant_id = $1 AND product_id = ANY($2::text[])"
START_REMOVAL = """
UPDATE product SET removal = $3, held_problem = NULL, held_reason = NULL
WHERE merchant_id = $1 AND product_id = ANY($2::text[])
"""
REMOVE = """
DELETE FROM product WHERE merchant_id = $1 AND product_id = ANY($2::text[]) AND removal IS NOT NULL RETURNING product_id
"""
DELETE = "DELETE FROM product WHERE merchant_id = $1 AND product_id = ANY($2::text[])"
SEEKERS = """
SELECT product_id, sku, coalesce(barcode, '') AS barcode, name, parent_id IS NOT NULL AS is_variant FROM product
WHERE merchant_id = $1 AND item_id IS NULL AND matching = 'automatic' AND product_id <> ALL($4::text[])
    AND (sku_key = ANY($2::text[]) OR code_key = ANY($3::text[]))
"""
WITHOUT_ITEM = """
SELECT product_id FROM product WHERE merchant_id = $1 AND item_id IS NULL ORDER BY updated_at DESC LIMIT $2
"""
SAVE_HOLDS = """
UPDATE product SET held_problem = hold.problem, held_reason = hold.reason
FROM unnest($2::text[], $3::text[], $4::text[]) AS hold (product_id, problem, reason)
WHERE product.merchant_id = $1 AND product.product_id = hold.product_id
    AND (product.held_problem, product.held_reason) IS DISTINCT FROM (hold.problem, hold.reason)
"""

CUSTOM_PLAN = "SET LOCAL plan_cache_mode = force_custom_plan"
LINKS = {
    "linked": "AND item_id IS NOT NULL",
    "unlinked": "AND item_id IS NULL",
    "deleted": "AND deleted_item_id IS NOT NULL",
}
SEPARATORS = re.compile(r"[\s!-/:-@\[-`{-~]+")
"""Spaces and ASCII punctuation, between which the words of `product.words` stand."""

SKU_TAKEN = Problem("sku", "belongs to another product", "Give each product a SKU of its own.")


@dataclass(frozen=True)
class Chosen:
    """The products to list. `text` has the beginnings of words that all occur in the product."""

    text: str | None = None
    status: Status | None = None
    link: Literal["linked", "unlinked", "deleted"] | None = None
    problem: Code | None = None


async def save(conn: Connection, merchant_id: str, product: Product, now: datetime) -> ProductRecord:
    """Insert or update the product. Raises Invalid when another product has its SKU."""
    try:
        await _write(conn, merchant_id, [product], now)
        return await find(conn, merchant_id, product.product_id)
    except (asyncpg.UniqueViolationError, NotFound):
        raise Invalid([SKU_TAKEN]) from None


async def save_all(conn: Connection, merchant_id: str, products: Sequence[Product], now: datetime) -> dict[str, int]:
    """Insert or update these products, each once, and lift their holds; return those that are saved.

    Each with the number of its requests so far. A product is left out when another one has its SKU.
    """
    try:
        async with conn.transaction():
            # by SKU: the new products of two requests wait for one another by it, also under other ids
            return await _save_together(conn, merchant_id, sorted(products, key=lambda each: each.sku), now)
    except (asyncpg.UniqueViolationError, NotFound):
        return await _save_singly(conn, merchant_id, products, now)


async def _save_together(
    conn: Connection, merchant_id: str, products: Sequence[Product], now: datetime
) -> dict[str, int]:
    """Save all of them set-based. Raises UniqueViolationError or NotFound when one cannot be saved with the others."""
    if await conn.fetchval(IS_TAKEN, merchant_id, json.dumps([row_of(each) for each in products])):
        raise NotFound
    changed = await _write(conn, merchant_id, products, now)
    if len(changed) < len(products):
        raise NotFound
    held = [row["product_id"] for row in changed if row["held_problem"]]
    if held:
        await save_holds(conn, merchant_id, dict.fromkeys(held))
    return {row["product_id"]: row["puts"] for row in changed}


async def _write(
    conn: Connection, merchant_id: str, products: Sequence[Product], now: datetime
) -> list[asyncpg.Record]:
    """Insert or update the products; return those that are stored, as one that lacks has the SKU of another."""
    given = json.dumps([row_of(each) for each in products])
    await conn.execute(ADD, merchant_id, given, now)
    await conn.execute(LOCK, merchant_id, [each.product_id for each in products])
    await variants.save(conn, merchant_id, products)
    return list(await conn.fetch(CHANGE, merchant_id, given, now))


async def _save_singly(
    conn: Connection, merchant_id: str, products: Sequence[Product], now: datetime
) -> dict[str, int]:
    await conn.execute(LOCK, merchant_id, [each.product_id for each in products])
    saved: dict[str, int] = {}
    for product in products:
        with suppress(Invalid):
            async with conn.transaction():
                record = await save(conn, merchant_id, product, now)
                if record.held:
                    await save_holds(conn, merchant_id, {product.product_id: None})
            saved[product.product_id] = record.puts
    return saved


async def find(conn: Connection, merchant_id: str, product_id: str) -> ProductRecord:
    """Return the product. Raises NotFound."""
    row = await conn.fetchrow(f"{RECORDS} AND product_id = $2", merchant_id, product_id)
    if row is None:
        raise NotFound(f"There is no product {product_id} of this merchant here.")
    return record_of(row)


async def page(
    conn: Connection, merchant_id: str, after: str, limit: int, chosen: Chosen | None = None
) -> list[ProductRecord]:
    """Return the products after this id that fit the choice, sorted by id."""
    conditions, values = _conditions(chosen or Chosen(), merchant_id)
    sql = f"{RECORDS} AND product_id > $2 {conditions} ORDER BY product_id LIMIT $3"
    async with conn.transaction(readonly=True):
        # The plan for an unknown text reads every match, and sorts it. For a word of many products that takes far
        # longer than to go through the products until the page is full.
        await conn.execute(CUSTOM_PLAN)
        return [record_of(row) for row in await conn.fetch(sql, merchant_id, after, limit, *values)]


def _conditions(chosen: Chosen, merchant_id: str) -> tuple[str, list[str]]:
    """Return the conditions for the choice, as SQL with parameters from $4 on, and their values."""
    words = [f"'m{merchant_id}{word}':*" for word in SEPARATORS.split(chosen.text or "") if word]
    given = {
        "AND status = ": chosen.status,
        "AND held_problem = ": chosen.problem,
        "AND words @@ to_tsquery('simple', {})": " & ".join(words) or None,
    }
    parts, values = [LINKS[chosen.link]] if chosen.link else [], []
    for condition, value in given.items():
        if value is not None:
            values.append(str(value))
            place = f"${len(values) + 3}"
            parts.append(condition.format(place) if "{}" in condition else condition + place)
    return " ".join(parts), values


async def find_all(conn: Connection, merchant_id: str, product_ids: Sequence[str]) -> list[ProductRecord]:
    """Return those of these products that exist, in the order of the ids."""
    sql = f"{RECORDS} AND product_id = ANY($2::text[]) ORDER BY array_position($2::text[], product_id)"
    return [record_of(row) for row in await conn.fetch(sql, merchant_id, product_ids)]


async def find_linked(conn: Connection, merchant_id: str, item_ids: Sequence[str]) -> list[ProductRecord]:
    """Return the products that are linked to one of these items."""
    return [
        record_of(row) for row in await conn.fetch(f"{RECORDS} AND item_id = ANY($2::text[])", merchant_id, item_ids)
    ]


async def find_concerned(
    conn: Connection, merchant_id: str, item_ids: Collection[str], news: Collection[str]
) -> list[ProductRecord]:
    """Return the products of these items; of items that are no news, only those whose last write is not confirmed."""
    sql = f"{RECORDS} AND item_id = ANY($2::text[]) AND (seen IS NOT NULL OR item_id = ANY($3::text[]))"
    return [record_of(row) for row in await conn.fetch(sql, merchant_id, list(item_ids), list(news))]


async def lock_linked(conn: Connection, merchant_id: str, item_ids: Sequence[str]) -> list[ProductRecord]:
    """Return the products that are linked to one of these items, locked for the transaction."""
    sql = f"{RECORDS} AND item_id = ANY($2::text[]) ORDER BY product_id FOR UPDATE OF product"
    return [record_of(row) for row in await conn.fetch(sql, merchant_id, item_ids)]


async def of_parent(conn: Connection, merchant_id: str, parent_id: str) -> list[ProductRecord]:
    """Return the linked variants of this parent."""
    sql = f"{RECORDS} AND parent_id = $2 AND item_id IS NOT NULL ORDER BY product_id"
    return [record_of(row) for row in await conn.fetch(sql, merchant_id, parent_id)]


async def confirm(conn: Connection, merchant_id: str, product_ids: Sequence[str]) -> None:
    """Record that Clover keeps the values that were written last of these products."""
    await conn.execute(CONFIRM, merchant_id, product_ids)


async def start_removal(conn: Connection, merchant_id: str, product_ids: Sequence[str], removal: Removal) -> None:
    """Record that these products are to be deleted. Saving one again before that is done keeps it."""
    await conn.execute(START_REMOVAL, merchant_id, product_ids, removal)


async def remove(conn: Connection, merchant_id: str, product_ids: Sequence[str]) -> set[str]:
    """Delete those of these products that are still to be deleted; return their ids."""
    return {row["product_id"] for row in await conn.fetch(REMOVE, merchant_id, product_ids)}


async def delete(conn: Connection, merchant_id: str, product_ids: Sequence[str]) -> None:
    """Delete these products at once. Their items are the caller's to unlink."""
    await conn.execute(DELETE, merchant_id, product_ids)


async def seekers(conn: Connection, merchant_id: str, items: Sequence[Item], besides: Sequence[str]) -> list[Seeker]:
    """Return the products without an item, besides these, that share a key with one of the items."""
    skus = [key for each in items if (key := clean(sku_key(each.fields.sku)))]
    codes = [clean(key) for each in items for key in code_keys(each.fields.code)]
    rows = await conn.fetch(SEEKERS, merchant_id, skus, codes, besides) if items else []
    return [Seeker(**row) for row in rows]


async def without_item(conn: Connection, merchant_id: str, limit: int) -> list[str]:
    """Return the products without an item, those first that were changed last."""
    return [row["product_id"] for row in await conn.fetch(WITHOUT_ITEM, merchant_id, limit)]


async def save_holds(conn: Connection, merchant_id: str, holds: Mapping[str, Held | None]) -> None:
    """Save the problem each of these products is held under; None for a product that is not held."""
    problems = [held.problem if held else None for held in holds.values()]
    reasons = [clean(held.reason) if held else None for held in holds.values()]
    await conn.execute(SAVE_HOLDS, merchant_id, list(holds), problems, reasons)
