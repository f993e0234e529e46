"""The change sets: the changes that each request has made of products."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import asyncpg

from catalog.domain.changes import Change, Claims, Effect, RecordedChange, group_name
from catalog.domain.items import from_json
from catalog.domain.products import Product
from catalog.domain.variants import PLACE, VariantClaims, parents
from catalog.store import masters, products, variants
from catalog.store.products import SKU_TAKEN
from common.db.unit import Connection, Unit
from common.errors import Conflict, NotFound, Problem

SAVE_SET = """
INSERT INTO change_set (merchant_id, change_id, kind, started_at, updated_at, new, changed, unchanged, refused, number)
VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, nextval('item_read'))
ON CONFLICT (merchant_id, change_id) DO UPDATE SET updated_at = excluded.updated_at, new = excluded.new,
    changed = excluded.changed, unchanged = excluded.unchanged, refused = excluded.refused
WHERE change_set.undone_by IS NULL
RETURNING xmax = 0 AS is_first
"""
# A product that occurs twice in a request keeps what it had before the first row.
SAVE_CHANGES = """
INSERT INTO change (merchant_id, change_id, product_id, before, after, group_name)
SELECT $1, $2, given.* FROM unnest($3::text[], $4::jsonb[], $5::jsonb[], $6::text[]) AS given
ON CONFLICT (merchant_id, change_id, product_id) DO UPDATE SET after = change.after || excluded.after,
    group_name = coalesce(change.group_name, excluded.group_name),
    before = CASE WHEN change.before IS NOT NULL THEN excluded.before || change.before END
"""
FORGET_ONE = """
DELETE FROM change_set WHERE merchant_id = $1 AND change_id = (
    SELECT change_id FROM change_set WHERE merchant_id = $1 AND started_at < $2 ORDER BY change_id LIMIT 1
)
"""
OWNERS = """
SELECT sku, product_id FROM product WHERE merchant_id = $1 AND sku = ANY($2::text[]) AND deleted_item_id IS NULL
"""
# A product that has its item counts before one whose item was deleted, and the SKU before one that Clover replaced.
OF_SKUS = """
SELECT superseded ->> 'sku' AS sku, product_id, false AS is_its_own, true AS has_item FROM product
WHERE merchant_id = $1 AND superseded ? 'sku' AND superseded ->> 'sku' = ANY($2::text[])
UNION ALL
SELECT sku, product_id, true, deleted_item_id IS NULL FROM product WHERE merchant_id = $1 AND sku = ANY($2::text[])
ORDER BY is_its_own, has_item, product_id
"""
SETS = """
SELECT change_id, kind, started_at, updated_at, is_complete, new, changed, unchanged, refused, skipped, undoes,
    undone_by, (
        SELECT count(*) FROM item_former WHERE item_former.merchant_id = $1 AND undo_id = change_id
    ) + (
        SELECT count(*) FROM item_group_former former WHERE former.merchant_id = $1 AND undo_id = change_id
    ) AS restoring
FROM change_set WHERE merchant_id = $1
"""
CHANGES = """
SELECT product_id, before, after, skipped, group_name FROM change
WHERE merchant_id = $1 AND change_id = $2 AND product_id > $3 ORDER BY product_id LIMIT $4
"""
NUMBER = "SELECT number FROM change_set WHERE merchant_id = $1 AND change_id = $2"

KEPT = timedelta(days=90)
"""The time for which changes can be listed and undone. Each new change set deletes one older one."""

Kind = Literal["batch", "import", "undo"]


@dataclass(frozen=True)
class ChangeSet:
    """The changes of one request. `undoes` and `undone_by` name the changes that an undo restores, and that undo.

    `restoring` counts the items and item groups that an undo has yet to make what they were.
    """

    change_id: UUID
    kind: Kind
    started_at: datetime
    updated_at: datetime
    is_complete: bool
    new: int
    changed: int
    unchanged: int
    refused: int
    skipped: int
    undoes: UUID | None
    undone_by: UUID | None
    restoring: int


@dataclass(frozen=True)
class Applied:
    """The changes of the products that are saved, and what is wrong with each of the others, by product."""

    made: Mapping[str, Change]
    refused: Mapping[str, Problem]

    @property
    def misplaced(self) -> set[str]:
        """The products that do not fit the other variants of their parent as these are now."""
        return {product_id for product_id, problem in self.refused.items() if problem.field == PLACE}


class _Overtaken(Exception):
    """Another request inserted one of the products after it was looked for."""


async def apply(unit: Unit, merchant_id: str, wanted: Sequence[Product]) -> Applied:
    """Save these products, each once.

    A product is refused when another one has its SKU, or it does not fit the other variants of its parent. `save_set`
    records the changes, in the same unit.
    """
    await unit.conn.execute(products.CUSTOM_PLAN)  # a plan made while there were few products is slow for many
    await variants.lock(unit.conn, merchant_id, parents(wanted))
    claims = VariantClaims()
    await variants.load(unit.conn, merchant_id, wanted, claims)
    refused = claims.refused(wanted)
    wanted = [each for each in wanted if each.product_id not in refused]
    while True:
        with suppress(_Overtaken):
            async with unit.conn.transaction():
                made = await _save(unit, merchant_id, wanted)
            return Applied(
                made, refused | {each.product_id: SKU_TAKEN for each in wanted if each.product_id not in made}
            )


async def _save(unit: Unit, merchant_id: str, wanted: Sequence[Product]) -> dict[str, Change]:
    """Save these products; return the changes. Raises _Overtaken."""
    ids = [each.product_id for each in wanted]
    await unit.conn.execute(products.LOCK, merchant_id, ids)
    stored = {each.product.product_id: each for each in await products.find_all(unit.conn, merchant_id, ids)}
    wanted, left = await masters.restated(unit.conn, merchant_id, wanted, stored)
    names = await variants.names(unit.conn, merchant_id, wanted)
    saved = await products.save_all(unit.conn, merchant_id, wanted, unit.now)
    # a new product cannot be locked, so that another request may have inserted it since
    if any(puts > 1 for product_id, puts in saved.items() if product_id not in stored):
        raise _Overtaken
    await masters.save_superseded(unit.conn, merchant_id, {name: left[name] for name in left.keys() & saved})
    before = {product_id: each.product for product_id, each in stored.items()}
    return {
        each.product_id: Change(was := before.get(each.product_id), each, group_name(each, was, names))
        for each in wanted
        if each.product_id in saved
    }


async def preview(conn: Connection, merchant_id: str, wanted: Sequence[Product], claims: Claims) -> Applied:
    """Return what `apply` would, without saving. `claims` are what earlier rows of the request take."""
    await variants.load(conn, merchant_id, wanted, claims.variants)
    refused = claims.variants.refused(wanted)
    wanted = [each for each in wanted if each.product_id not in refused]
    ids = [each.product_id for each in wanted]
    stored = {each.product.product_id: each for each in await products.find_all(conn, merchant_id, ids)}
    wanted, _ = await masters.restated(conn, merchant_id, wanted, stored)
    before = {product_id: each.product for product_id, each in stored.items()}
    skus = {product_id: each.product.sku for product_id, each in stored.items() if each.deleted_item_id is None}
    owners = await sku_owners(conn, merchant_id, [each.sku for each in wanted])
    made = {
        each.product_id: Change(before.get(each.product_id), each)
        for each in wanted
        if claims.skus.claim(each, skus.get(each.product_id), owners.get(each.sku))
    }
    return Applied(made, refused | {each.product_id: SKU_TAKEN for each in wanted if each.product_id not in made})


async def sku_owners(conn: Connection, merchant_id: str, skus: Sequence[str]) -> dict[str, str]:
    """Return the product that has each of these SKUs, unless its item was deleted."""
    return {row["sku"]: row["product_id"] for row in await conn.fetch(OWNERS, merchant_id, skus)}


async def products_of_skus(conn: Connection, merchant_id: str, skus: Sequence[str]) -> dict[str, str]:
    """Return the product with each of these SKUs, also one whose item was deleted."""
    return {row["sku"]: row["product_id"] for row in await conn.fetch(OF_SKUS, merchant_id, skus)}


async def save_set(
    unit: Unit, merchant_id: str, change_id: UUID, kind: Kind, counts: Mapping[str, int], changes: Sequence[Change]
) -> None:
    """Record these changes. `counts` are those of the whole request so far.

    Raises Conflict when the changes are being undone.
    """
    totals = [counts.get(each, 0) for each in (*Effect, "refused")]
    is_first = await unit.conn.fetchval(SAVE_SET, merchant_id, change_id, kind, unit.now, *totals)
    if is_first is None:
        raise Conflict("These changes are being undone.")
    await save_changes(unit, merchant_id, change_id, changes)
    if is_first:
        await unit.conn.execute(FORGET_ONE, merchant_id, unit.now - KEPT)


async def save_changes(unit: Unit, merchant_id: str, change_id: UUID, changes: Sequence[Change]) -> None:
    """Record the changes that differ from what was there before."""
    different = [each for each in changes if each.effect is not Effect.UNCHANGED]
    values = [each.values() for each in different]
    await unit.conn.execute(
        SAVE_CHANGES,
        merchant_id,
        change_id,
        [each.after.product_id for each in different],
        [before if before is None else json.dumps(before) for before, _ in values],
        [json.dumps(after) for _, after in values],
        [each.group_name for each in different],
    )


async def find(conn: Connection, merchant_id: str, change_id: UUID) -> ChangeSet:
    """Return the change set. Raises NotFound."""
    return await _find(conn, merchant_id, change_id, f"{SETS} AND change_id = $2")


async def find_and_lock(conn: Connection, merchant_id: str, change_id: UUID) -> ChangeSet:
    """Return the change set and keep others from undoing it before this transaction ends. Raises NotFound."""
    return await _find(conn, merchant_id, change_id, f"{SETS} AND change_id = $2 FOR UPDATE")


async def _find(conn: Connection, merchant_id: str, change_id: UUID, sql: str) -> ChangeSet:
    row = await conn.fetchrow(sql, merchant_id, change_id)
    if row is None:
        raise NotFound(f"There are no changes {change_id} of this merchant here.")
    return ChangeSet(**row)


async def number(conn: Connection, merchant_id: str, change_id: UUID | None) -> int | None:
    """Return the number after which the changes created what was not there before; None if they drew none."""
    found: int | None = await conn.fetchval(NUMBER, merchant_id, change_id)
    return found


async def page(conn: Connection, merchant_id: str, before: UUID | None, limit: int) -> list[ChangeSet]:
    """Return the change sets, newest first."""
    sql = f"{SETS} AND ($2::uuid IS NULL OR change_id < $2) ORDER BY change_id DESC LIMIT $3"
    return [ChangeSet(**row) for row in await conn.fetch(sql, merchant_id, before, limit)]


async def changes(conn: Connection, merchant_id: str, change_id: UUID, after: str, limit: int) -> list[RecordedChange]:
    """Return the changes of a set after this product, sorted by product."""
    rows = await conn.fetch(CHANGES, merchant_id, change_id, after, limit)
    return [_change(row) for row in rows]


def _change(row: asyncpg.Record) -> RecordedChange:
    before, after = (from_json(json.loads(row[name])) if row[name] else None for name in ("before", "after"))
    return RecordedChange(row["product_id"], before, after, row["skipped"], row["group_name"])
