"""The labels of merchants, with those that were deleted in Clover, and creations of labels without an answer."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from catalog.domain.former_groups import CreatedPart
from catalog.domain.items import Item
from catalog.domain.labels import Label, LabelKind, Labels, Wanted, ids_of
from catalog.domain.matching_keys import name_key
from catalog.domain.products import ProductRecord
from catalog.store import created_parts
from catalog.store.items import draw_number
from common.db.unit import Connection
from common.text import clean

NAMES = "SELECT label_id, name FROM label WHERE merchant_id = $1 AND kind = $2 AND deleted_at IS NULL"
FIND = """
SELECT kind, label_id, name, former_names, deleted_at IS NOT NULL AS is_deleted FROM label WHERE merchant_id = $1
"""
# The names that a label had before stay known, so that a rename in Clover moves no item.
SAVE = """
INSERT INTO label (merchant_id, kind, label_id, name, read_number)
SELECT $1, $2, label_id, name, $5 FROM unnest($3::text[], $4::text[]) AS given (label_id, name) ORDER BY label_id
ON CONFLICT (merchant_id, kind, label_id) DO UPDATE SET name = excluded.name, read_number = excluded.read_number,
    deleted_at = NULL, former_names = CASE WHEN label.name = excluded.name THEN label.former_names
        ELSE array_remove(label.former_names, label.name) || label.name END
WHERE label.read_number < excluded.read_number
"""
MARK_DELETED = """
UPDATE label SET deleted_at = $5, read_number = $4
WHERE merchant_id = $1 AND kind = $2 AND label_id <> ALL($3::text[]) AND deleted_at IS NULL AND read_number < $4
RETURNING name
"""
FORGET = "DELETE FROM label WHERE merchant_id = $1 AND kind = $2 AND label_id = $3"
BEGIN_CREATION = """
INSERT INTO label_creation (merchant_id, kind, name_key, begun_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (merchant_id, kind, name_key) DO UPDATE SET begun_at = excluded.begun_at
"""
END_CREATIONS = """
DELETE FROM label_creation WHERE merchant_id = $1 AND kind = $2 AND name_key = ANY($3::text[]) RETURNING name_key
"""
CREATIONS = "SELECT kind, name_key, begun_at FROM label_creation WHERE merchant_id = $1"
# Those that a product states are read again and again, the others once.
ARE_KNOWN = """
SELECT EXISTS (SELECT FROM label WHERE merchant_id = $1)
    AND NOT EXISTS (SELECT FROM product WHERE merchant_id = $1 AND stated ?| ARRAY['categories', 'tags', 'tax_rates'])
"""
HELD = """
SELECT product_id FROM product
WHERE merchant_id = $1 AND stated ?| ARRAY['categories', 'tags', 'tax_rates'] AND stated ? $2
    AND held_problem IS NOT NULL
"""
STATING = """
SELECT product_id FROM product
WHERE merchant_id = $1 AND stated ?| ARRAY['categories', 'tags', 'tax_rates'] AND stated -> $2 ?| $3::text[]
"""
SAVE_ASSOCIATIONS = """
UPDATE item SET category_ids = coalesce(string_to_array(given.categories, ','), category_ids),
    tag_ids = coalesce(string_to_array(given.tags, ','), tag_ids),
    tax_rate_ids = coalesce(string_to_array(given.tax_rates, ','), tax_rate_ids),
    read_number = greatest(read_number, $6)
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS given (item_id, categories, tags, tax_rates)
WHERE merchant_id = $1 AND item.item_id = given.item_id
"""


async def find(conn: Connection, merchant_id: str) -> Labels:
    """Return the labels of the merchant."""
    return Labels(
        Label(LabelKind(row["kind"]), row["label_id"], row["name"], tuple(row["former_names"]), row["is_deleted"])
        for row in await conn.fetch(FIND, merchant_id)
    )


async def of_products(conn: Connection, merchant_id: str, records: Iterable[ProductRecord]) -> Labels:
    """Return the labels of the merchant if one of these products states any, else none."""
    is_stated = any(each.wanted.states_labels for each in records)
    return await find(conn, merchant_id) if is_stated else Labels()


async def save(conn: Connection, merchant_id: str, kind: LabelKind, shown: Iterable[Label], read_number: int) -> bool:
    """Save labels that Clover showed, which ends their creations; return whether one is new or has a new name.

    A new one whose creation was begun is taken for ours.
    """
    given = {each.id: clean(each.name) for each in shown}
    known = {row["label_id"]: row["name"] for row in await conn.fetch(NAMES, merchant_id, kind)}
    keys = [name_key(each) for each in given.values()]
    ended = {row["name_key"] for row in await conn.fetch(END_CREATIONS, merchant_id, kind, keys)}
    await conn.execute(SAVE, merchant_id, kind, list(given), list(given.values()), read_number)
    created = [each for each in given.items() if each[0] not in known and name_key(each[1]) in ended]
    await created_parts.save(conn, merchant_id, [CreatedPart(kind.value, *each) for each in created])
    return any(known.get(label_id) != name for label_id, name in given.items())


async def save_created(conn: Connection, merchant_id: str, wanted: Wanted, created: Label) -> None:
    """Save a label that was created. The wanted name means it even if Clover gave it another one."""
    for name in dict.fromkeys((wanted.name, created.name)):
        await save(conn, merchant_id, wanted.kind, [replace(created, name=name)], await draw_number(conn))


async def mark_deleted(
    conn: Connection, merchant_id: str, kind: LabelKind, shown: Iterable[Label], read_number: int, now: datetime
) -> list[str]:
    """Record that a read of all labels of this kind did not show the others; return the names of those."""
    ids = [each.id for each in shown]
    return [row["name"] for row in await conn.fetch(MARK_DELETED, merchant_id, kind, ids, read_number, now)]


async def forget(conn: Connection, merchant_id: str, deleted: Label) -> None:
    """Forget a label that was created for a product and deleted again, as if it had never been."""
    await conn.execute(FORGET, merchant_id, deleted.kind, deleted.id)


async def begin_creation(conn: Connection, merchant_id: str, wanted: Wanted, now: datetime) -> None:
    """Record that this label is about to be created."""
    kind, name = wanted.key
    await conn.execute(BEGIN_CREATION, merchant_id, kind, name, now)


async def end_creation(conn: Connection, merchant_id: str, wanted: Wanted) -> None:
    """Record that the creation of this label had no effect."""
    kind, name = wanted.key
    await conn.execute(END_CREATIONS, merchant_id, kind, [name])


async def creations(conn: Connection, merchant_id: str) -> dict[tuple[LabelKind, str], datetime]:
    """Return when each creation without an answer was begun, by kind and name."""
    rows = await conn.fetch(CREATIONS, merchant_id)
    return {(LabelKind(row["kind"]), row["name_key"]): row["begun_at"] for row in rows}


async def are_known(conn: Connection, merchant_id: str) -> bool:
    """Whether labels were read once, and no product states one that a person may rename or delete in Clover."""
    return bool(await conn.fetchval(ARE_KNOWN, merchant_id))


async def held(conn: Connection, merchant_id: str, kind: LabelKind) -> list[str]:
    """Return the held products that state labels of this kind."""
    return [row["product_id"] for row in await conn.fetch(HELD, merchant_id, kind)]


async def stating(conn: Connection, merchant_id: str, kind: LabelKind, names: Collection[str]) -> list[str]:
    """Return the products that state one of these labels."""
    return [row["product_id"] for row in await conn.fetch(STATING, merchant_id, kind, list(names))] if names else []


async def save_associations(conn: Connection, merchant_id: str, changed: Collection[Item], read_number: int) -> None:
    """Save the labels of items as they were written: the answers do not show them, and the next read confirms them."""
    rows = [(each.id, *(_joined(ids_of(each.details, kind)) for kind in LabelKind)) for each in changed]
    if rows:
        await conn.execute(SAVE_ASSOCIATIONS, merchant_id, *map(list, zip(*rows, strict=True)), read_number)


def _joined(ids: tuple[str, ...] | None) -> str | None:
    return None if ids is None else ",".join(ids)
