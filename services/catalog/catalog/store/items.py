"""The mirror of Clover's items. A row is an item as it was read or written last; a deleted item keeps its row.

Of an item that cannot be read the keys alone are kept up: it counts as there, is never found, and stays known by them.

Each read and each write draws a number before it begins. Of two states of an item the one that Clover modified later
counts and, within one second, the one with the higher number.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from catalog.domain.items import Item, UnreadableItem
from catalog.domain.matching import UnreadableKeys
from catalog.store import item_columns
from common.db.unit import Connection

DRAW_NUMBER = "SELECT nextval('item_read')"
IS_NEWER = """
WHERE (excluded.modified_at, excluded.read_number) > (item.modified_at, item.read_number)
    AND (item.deleted_at IS NULL OR excluded.read_number > item.read_number)
"""
# In one order in all transactions, so that none deadlock. A row that would stay the same is not written again: a sweep
# finds most items unchanged. Answers without categories, tags and tax rates leave those as they are.
SAVE = f"""
INSERT INTO item (merchant_id, read_number, {item_columns.NAMES})
SELECT $1, $2, {item_columns.NAMES} FROM {item_columns.given(first=3)} ORDER BY item_id
ON CONFLICT (merchant_id, item_id) DO UPDATE SET
    {item_columns.SET}, read_number = excluded.read_number, deleted_at = NULL, is_unreadable = false
{IS_NEWER}
    AND (item.deleted_at IS NOT NULL OR item.is_unreadable OR {item_columns.DIFFERS})
RETURNING item_id, xmax = 0 AS is_new
"""  # noqa: S608 - names of columns, not values
SAVE_UNREADABLE = f"""
INSERT INTO item (merchant_id, read_number, is_unreadable, {item_columns.NAMES})
SELECT $1, $2, true, {item_columns.NAMES} FROM {item_columns.given(first=3)} ORDER BY item_id
ON CONFLICT (merchant_id, item_id) DO UPDATE SET
    {item_columns.SET_KNOWN}, read_number = excluded.read_number, deleted_at = NULL, is_unreadable = true
{IS_NEWER}
"""  # noqa: S608 - names of columns, not values
MARK_DELETED = """
UPDATE item SET deleted_at = $4, read_number = $3
WHERE merchant_id = $1 AND item_id = ANY($2::text[]) AND deleted_at IS NULL AND read_number < $3
RETURNING item_id
"""
ITEMS = f"""
SELECT item_id, {item_columns.SHOWN_NAMES} FROM item
WHERE merchant_id = $1 AND deleted_at IS NULL AND NOT is_unreadable
"""  # noqa: S608 - names of columns, not values
BY_KEYS = f"""
{ITEMS} AND sku_key <> '' AND sku_key = ANY($2::text[])
UNION
{ITEMS} AND code_key <> '' AND code_key = ANY($3::text[])
UNION
{ITEMS} AND second_code_key <> '' AND second_code_key = ANY($3::text[])
"""
NAMES = "SELECT item_id, name, sku FROM item WHERE merchant_id = $1 AND item_id = ANY($2::text[]) ORDER BY item_id"
UNREADABLE = """
SELECT item_id, sku_key, code_key, second_code_key FROM item
WHERE merchant_id = $1 AND is_unreadable AND deleted_at IS NULL
"""
THERE = "SELECT item_id FROM item WHERE merchant_id = $1 AND item_id = ANY($2::text[]) AND deleted_at IS NULL"
# With the items of products, which may have been linked before there was a mirror.
AFTER = """
(SELECT item_id FROM item WHERE merchant_id = $1 AND item_id > $2 AND deleted_at IS NULL ORDER BY item_id LIMIT $3)
UNION
(SELECT item_id FROM product WHERE merchant_id = $1 AND item_id > $2 ORDER BY item_id LIMIT $3)
ORDER BY item_id LIMIT $3
"""
COUNT = "SELECT count(*) FROM item WHERE merchant_id = $1 AND deleted_at IS NULL"
COMPLETE = """
INSERT INTO item_mirror (merchant_id, completed_at, swept_at, changes_from) VALUES ($1, $2, $2, $3)
ON CONFLICT (merchant_id) DO UPDATE SET completed_at = coalesce(item_mirror.completed_at, $2), swept_at = $2,
    changes_from = greatest(item_mirror.changes_from, $3)
RETURNING xmax = 0
"""
SAVE_POSITION = "UPDATE item_mirror SET changes_from = greatest(changes_from, $2) WHERE merchant_id = $1"
FORGET_STATE = "DELETE FROM item_mirror WHERE merchant_id = $1"
STATE = "SELECT completed_at, swept_at, changes_from FROM item_mirror WHERE merchant_id = $1"


@dataclass(frozen=True)
class MirrorState:
    """How complete a mirror is. Before `completed_at` it may lack items, so that none must be created.

    `swept_at` is when all items were read last. The next read of changes asks for items that Clover modified at
    `changes_from` or later, in its own milliseconds.
    """

    completed_at: datetime | None = None
    swept_at: datetime | None = None
    changes_from: int = 0


@dataclass(frozen=True)
class ItemName:
    """An item with its name and SKU as Clover last showed them."""

    item_id: str
    name: str
    sku: str


async def draw_number(conn: Connection) -> int:
    """Return the number of a read or write of items that begins now."""
    number: int = await conn.fetchval(DRAW_NUMBER)
    return number


async def save(conn: Connection, merchant_id: str, items: Iterable[Item], read_number: int) -> dict[str, bool]:
    """Save items as an answer of Clover shows them, of a read or of a write of ours that began with this number.

    Return those that changed in the mirror, each with whether it is new there.
    """
    given = list({each.id: each for each in items}.values())
    if not given:
        return {}
    rows = await conn.fetch(SAVE, merchant_id, read_number, *item_columns.values(given))
    return {row["item_id"]: row["is_new"] for row in rows}


async def save_unreadable(
    conn: Connection, merchant_id: str, items: Iterable[UnreadableItem], read_number: int
) -> None:
    """Save the parts that a read that began with this number shows of items that cannot be read."""
    given = list({each.id: each.known for each in items}.values())
    await conn.execute(SAVE_UNREADABLE, merchant_id, read_number, *item_columns.values(given))


async def unreadable(conn: Connection, merchant_id: str) -> UnreadableKeys:
    """Return the ids and keys of the items that cannot be read."""
    rows = await conn.fetch(UNREADABLE, merchant_id)
    codes = {row[name] for row in rows for name in ("code_key", "second_code_key")}
    ids = frozenset(row["item_id"] for row in rows)
    return UnreadableKeys(ids, frozenset(row["sku_key"] for row in rows) - {""}, frozenset(codes) - {""})


async def there(conn: Connection, merchant_id: str, item_ids: Collection[str]) -> set[str]:
    """Return those of these items that Clover has as far as is known, also of those that cannot be read."""
    return {row["item_id"] for row in await conn.fetch(THERE, merchant_id, list(item_ids))}


async def mark_deleted(
    conn: Connection, merchant_id: str, item_ids: Collection[str], read_number: int, now: datetime
) -> list[str]:
    """Record that a read did not find these items in Clover; return those that were not known to be deleted.

    An item that a later read or write showed is not deleted.
    """
    rows = await conn.fetch(MARK_DELETED, merchant_id, list(item_ids), read_number, now)
    return [row["item_id"] for row in rows]


async def find(conn: Connection, merchant_id: str, item_ids: Collection[str]) -> dict[str, Item]:
    """Return those of these items that Clover has, by id."""
    rows = await conn.fetch(f"{ITEMS} AND item_id = ANY($2::text[])", merchant_id, list(item_ids))
    return {row["item_id"]: item_columns.item_of(row) for row in rows}


async def lock(conn: Connection, merchant_id: str, item_ids: Collection[str]) -> dict[str, Item]:
    """Return those of these items that Clover has, by id; none of them changes in the mirror before the commit."""
    sql = f"{ITEMS} AND item_id = ANY($2::text[]) ORDER BY item_id FOR SHARE"
    return {row["item_id"]: item_columns.item_of(row) for row in await conn.fetch(sql, merchant_id, list(item_ids))}


async def names(conn: Connection, merchant_id: str, item_ids: Collection[str]) -> list[ItemName]:
    """Return the names of these items, also of deleted ones."""
    return [ItemName(**row) for row in await conn.fetch(NAMES, merchant_id, list(item_ids))]


async def find_by_keys(
    conn: Connection, merchant_id: str, sku_keys: Collection[str], keys_of_codes: Collection[str] = ()
) -> list[Item]:
    """Return the items that Clover has with one of these keys of SKUs or of barcodes (`domain.matching_keys`)."""
    rows = await conn.fetch(BY_KEYS, merchant_id, list(sku_keys), list(keys_of_codes))
    return [item_columns.item_of(row) for row in rows]


async def after(conn: Connection, merchant_id: str, item_id: str, limit: int) -> list[str]:
    """Return the items of the mirror and of products that follow this one by id, sorted."""
    return [row["item_id"] for row in await conn.fetch(AFTER, merchant_id, item_id, limit)]


async def count(conn: Connection, merchant_id: str) -> int:
    """Return the number of items of the merchant."""
    return int(await conn.fetchval(COUNT, merchant_id))


async def complete(conn: Connection, merchant_id: str, now: datetime, changes_from: int) -> bool:
    """Record that all items were read, with all changes that Clover made before this time of its own.

    Return whether it is the first time since the merchant was connected.
    """
    return bool(await conn.fetchval(COMPLETE, merchant_id, now, changes_from))


async def save_position(conn: Connection, merchant_id: str, changes_from: int) -> None:
    """Record that all changes that Clover made before this time of its own were read."""
    await conn.execute(SAVE_POSITION, merchant_id, changes_from)


async def forget_state(conn: Connection, merchant_id: str) -> None:
    """Record that changes are no longer read, so that the mirror is complete only after all items are read again."""
    await conn.execute(FORGET_STATE, merchant_id)


async def mirror_state(conn: Connection, merchant_id: str) -> MirrorState:
    """Return how complete the merchant's mirror is."""
    row = await conn.fetchrow(STATE, merchant_id)
    return MirrorState(**row) if row else MirrorState()
