"""The attributes, options, categories and tags that QuickSync created in Clover, so that an undo can remove them."""

import json
from collections.abc import Collection, Iterable, Sequence

import asyncpg

from catalog.domain.former_groups import CreatedPart
from catalog.domain.labels import Label, LabelKind
from catalog.domain.matching_keys import name_key
from common.db.unit import Connection

SAVE = """
INSERT INTO created_part (merchant_id, kind, part_id, name_key, item_group_id, attribute_id, number)
SELECT $1, kind, part_id, name_key, item_group_id, attribute_id, nextval('item_read')
FROM jsonb_to_recordset($2::jsonb)
    AS given (kind text, part_id text, name_key text, item_group_id text, attribute_id text)
ON CONFLICT DO NOTHING
"""
GIVE_UP_OPTIONS = """
UPDATE created_part SET is_given_up = true
FROM product_group parent, unnest($2::text[], $3::text[]) AS given (parent_id, name_key)
WHERE created_part.merchant_id = $1 AND parent.merchant_id = $1 AND parent.parent_id = given.parent_id
    AND created_part.item_group_id = parent.item_group_id AND created_part.name_key = given.name_key AND number > $4
RETURNING parent.parent_id
"""
GIVE_UP_LABELS = """
UPDATE created_part SET is_given_up = true FROM unnest($2::text[], $3::text[]) AS given (kind, name_key)
WHERE created_part.merchant_id = $1 AND created_part.kind = given.kind
    AND created_part.name_key = given.name_key AND number > $4
RETURNING part_id
"""
OF_GROUPS = """
SELECT kind, part_id, name_key, item_group_id, attribute_id FROM created_part
WHERE merchant_id = $1 AND item_group_id = ANY($2::text[]) AND is_given_up
"""
PARENTS = """
SELECT DISTINCT parent_id FROM product_group parent JOIN created_part part USING (merchant_id, item_group_id)
WHERE merchant_id = $1 AND is_given_up
    AND (parent_id = ANY($2::text[]) OR item_group_id IN (
        SELECT group_id FROM item WHERE item.merchant_id = $1 AND item_id = ANY($3::text[])
    ))
"""
# A label that was renamed in Clover is a person's by now.
LABELS = """
SELECT kind, label_id, name FROM created_part JOIN label USING (merchant_id, kind)
WHERE merchant_id = $1 AND is_given_up AND part_id = label_id AND deleted_at IS NULL AND former_names = '{}'
"""
STATED = """
SELECT DISTINCT kind, name FROM unnest(ARRAY['categories', 'tags']) AS kind, product
    CROSS JOIN LATERAL jsonb_array_elements_text(coalesce(stated -> kind, '[]')) AS name
WHERE merchant_id = $1 AND stated ?| ARRAY['categories', 'tags', 'tax_rates']
"""
HAS_LABELS = """
SELECT EXISTS (SELECT FROM created_part WHERE merchant_id = $1 AND is_given_up AND item_group_id IS NULL)
"""
KEEP = "UPDATE created_part SET is_given_up = false WHERE merchant_id = $1 AND part_id = ANY($2::text[])"
FORGET = "DELETE FROM created_part WHERE merchant_id = $1 AND part_id = ANY($2::text[])"


async def save(conn: Connection, merchant_id: str, created: Iterable[CreatedPart]) -> None:
    """Record that QuickSync created these parts."""
    rows = [
        {
            "kind": each.kind,
            "part_id": each.id,
            "name_key": name_key(each.name),
            "item_group_id": each.group_id,
            "attribute_id": each.attribute_id,
        }
        for each in created
    ]
    if rows:
        await conn.execute(SAVE, merchant_id, json.dumps(rows))


async def give_up_options(
    conn: Connection, merchant_id: str, stated: Collection[tuple[str, str]], number: int | None
) -> set[str]:
    """Have those of these options removed that were created since this number; return the parents concerned.

    The options and their values are given by the parent and the key of the text. They are kept as long as they serve.
    """
    parents, keys = [each for each, _ in stated], [each for _, each in stated]
    return {row["parent_id"] for row in await conn.fetch(GIVE_UP_OPTIONS, merchant_id, parents, keys, number)}


async def give_up_labels(
    conn: Connection, merchant_id: str, stated: Collection[tuple[str, str]], number: int | None
) -> bool:
    """Have those of these labels removed that were created since this number; return whether there is one."""
    kinds, keys = [each for each, _ in stated], [each for _, each in stated]
    return bool(await conn.fetch(GIVE_UP_LABELS, merchant_id, kinds, keys, number))


async def of_groups(conn: Connection, merchant_id: str, group_ids: Collection[str]) -> list[CreatedPart]:
    """Return what is to be removed of these item groups."""
    return [_part(row) for row in await conn.fetch(OF_GROUPS, merchant_id, list(group_ids))]


async def parents(
    conn: Connection, merchant_id: str, parent_ids: Collection[str] = (), item_ids: Collection[str] = ()
) -> list[str]:
    """Return those of these parents, and of those of these items, of whose item group something is to be removed."""
    rows = await conn.fetch(PARENTS, merchant_id, list(parent_ids), list(item_ids))
    return [row["parent_id"] for row in rows]


async def given_up_labels(conn: Connection, merchant_id: str) -> tuple[list[str], list[Label]]:
    """Return the labels that are to be removed: the ids of those that products state all the same, and the others."""
    stated = {(row["kind"], name_key(row["name"])) for row in await conn.fetch(STATED, merchant_id)}
    rows = await conn.fetch(LABELS, merchant_id)
    found = [Label(LabelKind(row["kind"]), row["label_id"], row["name"]) for row in rows]
    unstated = [each for each in found if (each.kind, name_key(each.name)) not in stated]
    return [each.id for each in found if each not in unstated], unstated


async def has_labels(conn: Connection, merchant_id: str) -> bool:
    """Whether a label is to be removed once nothing uses it."""
    return bool(await conn.fetchval(HAS_LABELS, merchant_id))


async def keep(conn: Connection, merchant_id: str, part_ids: Sequence[str]) -> None:
    """Record that these parts are not to be removed, as products need them again."""
    await conn.execute(KEEP, merchant_id, part_ids)


async def forget(conn: Connection, merchant_id: str, part_ids: Sequence[str]) -> None:
    """Record that these parts are gone."""
    await conn.execute(FORGET, merchant_id, part_ids)


def _part(row: asyncpg.Record) -> CreatedPart:
    return CreatedPart(row["kind"], row["part_id"], row["name_key"], row["item_group_id"], row["attribute_id"])
