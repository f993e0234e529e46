"""Every SQL statement on inventory's tables."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg

from common.db.unit import Connection, Unit
from common.errors import Conflict, NotFound
from inventory.domain import Fate, Level, Movement, Push, Source, told

LINK = """
INSERT INTO level (merchant_id, item_id, sku) VALUES ($1, $2, $3)
ON CONFLICT (merchant_id, item_id) DO UPDATE SET sku = excluded.sku, version = level.version + 1
WHERE level.sku <> excluded.sku
"""
UNLINK_OTHERS = """
UPDATE level SET sku = '', version = version + 1 WHERE merchant_id = $1 AND sku = $3 AND item_id <> $2
RETURNING item_id
"""

ADD_LEVELS = """
INSERT INTO level (merchant_id, item_id) SELECT $1, item_id FROM unnest($2::text[]) AS item_id ORDER BY item_id
ON CONFLICT DO NOTHING
"""
# In one order for all, so that none deadlock.
LOCK_LEVELS = """
SELECT item_id, sku, on_hand, shadow, version, stated
FROM level WHERE merchant_id = $1 AND item_id = ANY($2) ORDER BY item_id FOR UPDATE
"""
SAVE_LEVELS = """
UPDATE level SET on_hand = moved.on_hand, shadow = moved.shadow, version = moved.version, stated = moved.stated
FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::boolean[])
    AS moved (item_id, on_hand, shadow, version, stated)
WHERE level.merchant_id = $1 AND level.item_id = moved.item_id
"""
ADD_MOVEMENTS = """
INSERT INTO movement (merchant_id, key, item_id, version, sku, source, cause, delta, before, after, at)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[],
    $8::bigint[], $9::bigint[], $10::bigint[], $11::timestamptz[])
ON CONFLICT (merchant_id, key) DO NOTHING RETURNING key
"""

# Items we do not know yet count as news even without a count, so that we know how many there are.
NEWS = """
SELECT seen.item_id FROM unnest($2::text[], $3::bigint[]) AS seen (item_id, count)
LEFT JOIN level ON level.merchant_id = $1 AND level.item_id = seen.item_id
WHERE level.item_id IS NULL OR (seen.count IS NOT NULL AND level.shadow IS DISTINCT FROM seen.count)
"""
# What never had a count Clover may leave out for ever; what was held may be back.
TO_READ = """
SELECT item_id FROM level
WHERE merchant_id = $1 AND sku <> '' AND shadow IS NOT NULL
    AND NOT EXISTS (SELECT FROM unnest($2::text[]) AS seen (item_id) WHERE seen.item_id = level.item_id)
UNION
SELECT key FROM work WHERE merchant_id = $1 AND kind = 'read_stock' AND held
"""
LINKED_AMONG = "SELECT item_id FROM level WHERE merchant_id = $1 AND sku <> '' AND item_id = ANY($2)"
PENDING = """
SELECT item_id FROM level
WHERE merchant_id = $1 AND on_hand IS NOT NULL AND on_hand IS DISTINCT FROM shadow
    AND ($2::text[] IS NULL OR item_id = ANY($2))
UNION
SELECT item_id FROM push
WHERE merchant_id = $1 AND fate IS NULL AND ($2::text[] IS NULL OR item_id = ANY($2))
"""

NAMED = """
SELECT item_id, sku, on_hand, shadow, version, stated
FROM level WHERE merchant_id = $1 AND (sku = ANY($2) OR item_id = ANY($3)) ORDER BY item_id
"""
LIST = """
SELECT item_id, sku, on_hand, shadow, version, stated
FROM level WHERE merchant_id = $1 AND item_id > $2 ORDER BY item_id LIMIT $3
"""
LEDGER = """
SELECT key, item_id, version, sku, source, cause, delta, before, after, at
FROM movement WHERE merchant_id = $1 AND item_id = $2 AND version < $3 ORDER BY version DESC LIMIT $4
"""
BY_KEY = """
SELECT key, item_id, version, sku, source, cause, delta, before, after, at
FROM movement WHERE merchant_id = $1 AND key = ANY($2)
"""

OPEN_PUSHES = """
SELECT push_id, item_id, base, target, opened_at, doubtful_until
FROM push WHERE merchant_id = $1 AND item_id = ANY($2) AND fate IS NULL
"""
ADD_PUSH = """
INSERT INTO push (merchant_id, push_id, item_id, base, target, opened_at, doubtful_until)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
CLOSE_PUSH = "UPDATE push SET fate = $3, closed_at = $4 WHERE merchant_id = $1 AND push_id = $2"
DOUBT = "UPDATE push SET doubtful_until = $3 WHERE merchant_id = $1 AND push_id = $2"


async def link(unit: Unit, merchant_id: str, item_id: str, sku: str) -> list[str]:
    """From now on this SKU is this item; the items it was before, if any."""
    others = await unit.conn.fetch(UNLINK_OTHERS, merchant_id, item_id, sku)
    await unit.conn.execute(LINK, merchant_id, item_id, sku)
    return [row["item_id"] for row in others]


async def news(conn: Connection, merchant_id: str, counts: Mapping[str, int | None]) -> list[str]:
    """The items whose count is not the one accounted for."""
    rows = await conn.fetch(NEWS, merchant_id, list(counts), list(counts.values()))
    return [row["item_id"] for row in rows]


async def add_levels(unit: Unit, merchant_id: str, item_ids: Sequence[str]) -> None:
    """Know these items from now on."""
    await unit.conn.execute(ADD_LEVELS, merchant_id, item_ids)


async def lock_levels(unit: Unit, merchant_id: str, item_ids: Sequence[str]) -> list[Level]:
    """Those of these items that are known, for nobody else to change until the unit ends."""
    return [_level(row) for row in await unit.conn.fetch(LOCK_LEVELS, merchant_id, item_ids)]


async def record(unit: Unit, merchant_id: str, levels: Sequence[Level], movements: Sequence[Movement]) -> None:
    """Keep these levels and the movements that led to them, and tell of each movement.

    Raises Conflict when a movement with one of the keys has just been recorded by another.
    """
    if levels:
        await unit.conn.execute(
            SAVE_LEVELS,
            merchant_id,
            [level.item_id for level in levels],
            [level.on_hand for level in levels],
            [level.shadow for level in levels],
            [level.version for level in levels],
            [level.stated for level in levels],
        )
    if movements:
        added = await unit.conn.fetch(ADD_MOVEMENTS, merchant_id, *_columns(movements))
        if len(added) < len(movements):
            raise Conflict("a movement of the same key was recorded at the same time")
        unit.emit(*(told(merchant_id, movement) for movement in movements))


async def count_levels(conn: Connection, merchant_id: str) -> int:
    """How many items of the merchant are known."""
    return int(await conn.fetchval("SELECT count(*) FROM level WHERE merchant_id = $1", merchant_id))


async def to_read(conn: Connection, merchant_id: str, seen: Sequence[str]) -> list[str]:
    """The items to read once more after a sweep: linked ones that had a count and were not seen, and what is held."""
    return [row["item_id"] for row in await conn.fetch(TO_READ, merchant_id, seen)]


async def linked_among(conn: Connection, merchant_id: str, item_ids: Sequence[str]) -> list[str]:
    """Those of these items that are linked to a SKU."""
    return [row["item_id"] for row in await conn.fetch(LINKED_AMONG, merchant_id, item_ids)]


async def pending(conn: Connection, merchant_id: str, among: Sequence[str] | None = None) -> list[str]:
    """The items, all or among these, whose number has yet to reach Clover, and those with a push in doubt."""
    return [row["item_id"] for row in await conn.fetch(PENDING, merchant_id, among)]


async def named(conn: Connection, merchant_id: str, skus: Sequence[str], item_ids: Sequence[str]) -> list[Level]:
    """The levels of these SKUs and items, as far as they are known."""
    return [_level(row) for row in await conn.fetch(NAMED, merchant_id, skus, item_ids)]


async def find(conn: Connection, merchant_id: str, name: str) -> Level:
    """The level of this SKU, or of this item when no SKU is called so. Raises NotFound."""
    levels = await named(conn, merchant_id, [name], [name])
    for level in sorted(levels, key=lambda level: level.sku != name):
        return level
    raise NotFound(f"There is no stock of {name} here: it is neither a linked SKU nor an item seen in Clover.")


async def list_levels(conn: Connection, merchant_id: str, after: str, limit: int) -> list[Level]:
    """Levels by item id, those beyond `after`."""
    return [_level(row) for row in await conn.fetch(LIST, merchant_id, after, limit)]


async def ledger(conn: Connection, merchant_id: str, item_id: str, before: int, limit: int) -> list[Movement]:
    """Movements of an item, newest first, those older than version `before`."""
    return [_movement(row) for row in await conn.fetch(LEDGER, merchant_id, item_id, before, limit)]


async def movements_by_key(conn: Connection, merchant_id: str, keys: Sequence[str]) -> dict[str, Movement]:
    """The movements that have these keys."""
    return {row["key"]: _movement(row) for row in await conn.fetch(BY_KEY, merchant_id, keys)}


async def open_pushes(conn: Connection, merchant_id: str, item_ids: Sequence[str]) -> dict[str, Push]:
    """The pushes of these items whose fate is not known, by item."""
    return {row["item_id"]: Push(**row) for row in await conn.fetch(OPEN_PUSHES, merchant_id, item_ids)}


async def add_push(unit: Unit, merchant_id: str, push: Push) -> None:
    """Record what is about to be written. Fails when the item has an open push."""
    await unit.conn.execute(
        ADD_PUSH,
        merchant_id,
        push.push_id,
        push.item_id,
        push.base,
        push.target,
        push.opened_at,
        push.doubtful_until,
    )


async def close_push(unit: Unit, merchant_id: str, push: Push, fate: Fate) -> None:
    """Record what became of this push."""
    await unit.conn.execute(CLOSE_PUSH, merchant_id, push.push_id, fate.value, unit.now)


async def doubt(unit: Unit, merchant_id: str, push: Push, until: datetime) -> None:
    """This write may still arrive until then."""
    await unit.conn.execute(DOUBT, merchant_id, push.push_id, until)


def _level(row: asyncpg.Record) -> Level:
    return Level(**row)


def _movement(row: asyncpg.Record) -> Movement:
    return Movement(**{**row, "source": Source(row["source"])})


def _columns(movements: Sequence[Movement]) -> list[list[object]]:
    names = ("key", "item_id", "version", "sku", "source", "cause", "delta", "before", "after", "at")
    return [[getattr(movement, name) for movement in movements] for name in names]
