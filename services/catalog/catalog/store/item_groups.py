"""The item groups of the parents of variants, and creates of them or of their parts without an answer."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

import asyncpg

from catalog.domain.item_groups import Attribute, ItemGroup, bound_groups
from catalog.domain.matching import Step, in_group, members
from catalog.store import variants
from common.db.unit import Connection

GROUPS = """
SELECT parent_id, name, option_names, item_group_id, shown_name, attributes, creating_since, EXISTS (
    SELECT FROM item WHERE item.merchant_id = $1 AND group_id = item_group_id AND deleted_at IS NULL
) AS has_items, ARRAY(
    SELECT item_id FROM item WHERE item.merchant_id = $1 AND group_id = item_group_id AND deleted_at IS NULL
    EXCEPT SELECT item_id FROM product WHERE merchant_id = $1 AND product.parent_id = product_group.parent_id
) AS other_items
FROM product_group WHERE merchant_id = $1 AND parent_id = ANY($2::text[])
"""
# A parent without products gives up its item group.
TAKEN = """
SELECT item_group_id, parent_id FROM product_group
WHERE merchant_id = $1 AND item_group_id = ANY($2::text[])
    AND EXISTS (SELECT FROM product WHERE merchant_id = $1 AND product.parent_id = product_group.parent_id)
"""
RELEASE = """
UPDATE product_group SET item_group_id = NULL, shown_name = NULL, attributes = NULL
WHERE merchant_id = $1 AND parent_id <> ALL($2::text[]) AND item_group_id = ANY($3::text[])
"""
BIND = """
UPDATE product_group SET item_group_id = bound.group_id, shown_name = NULL, attributes = NULL, creating_since = NULL
FROM unnest($2::text[], $3::text[]) AS bound (parent_id, group_id)
WHERE merchant_id = $1 AND product_group.parent_id = bound.parent_id AND item_group_id IS NULL
"""
DOUBT = "UPDATE product_group SET attributes = NULL WHERE merchant_id = $1 AND item_group_id = ANY($2::text[])"
START_CREATE = """
UPDATE product_group SET creating_since = $3, shown_name = CASE WHEN item_group_id IS NULL THEN $4 ELSE shown_name END
WHERE merchant_id = $1 AND parent_id = $2
"""
CANCEL_CREATE = "UPDATE product_group SET creating_since = NULL WHERE merchant_id = $1 AND parent_id = $2"
SAVE_GROUP = """
UPDATE product_group SET item_group_id = $3, shown_name = $4, attributes = $5, creating_since = $6
WHERE merchant_id = $1 AND parent_id = $2
"""
TAKE_NAME = "UPDATE product_group SET name = $3 WHERE merchant_id = $1 AND parent_id = $2 AND name = $4 RETURNING 1"
WITH_ITEMS = """
SELECT DISTINCT group_id FROM item WHERE merchant_id = $1 AND group_id = ANY($2::text[]) AND deleted_at IS NULL
"""
UNUSED = """
SELECT parent_id, item_group_id FROM product_group
WHERE merchant_id = $1 AND parent_id = ANY($2::text[]) AND creating_since IS NULL
    AND NOT EXISTS (SELECT FROM product WHERE merchant_id = $1 AND product.parent_id = product_group.parent_id)
    AND NOT EXISTS (SELECT FROM item WHERE merchant_id = $1 AND group_id = item_group_id AND deleted_at IS NULL)
"""
# A parent that got a product meanwhile keeps its row, and gets another item group.
FORGET = """
WITH kept AS (
    UPDATE product_group SET item_group_id = NULL, shown_name = NULL, attributes = NULL
    WHERE merchant_id = $1 AND parent_id = $2
        AND EXISTS (SELECT FROM product WHERE merchant_id = $1 AND parent_id = $2)
    RETURNING parent_id
)
DELETE FROM product_group WHERE merchant_id = $1 AND parent_id = $2 AND NOT EXISTS (SELECT FROM kept)
"""
PARENTS_OF_ITEMS = """
SELECT DISTINCT parent_id FROM product_group JOIN item ON item.merchant_id = product_group.merchant_id
    AND item.group_id = product_group.item_group_id
WHERE product_group.merchant_id = $1 AND item_id = ANY($2::text[]) ORDER BY parent_id
"""
OF_GROUP = "SELECT item_id FROM item WHERE merchant_id = $1 AND group_id = $2 AND deleted_at IS NULL"


async def find(conn: Connection, merchant_id: str, parent_ids: Iterable[str]) -> dict[str, ItemGroup]:
    """Return the item groups of these parents, as far as the parents are known."""
    rows = await conn.fetch(GROUPS, merchant_id, list(parent_ids))
    return {row["parent_id"]: _group(row) for row in rows}


async def place(conn: Connection, merchant_id: str, steps: Sequence[Step]) -> list[Step]:
    """Return the steps once the parents of their variants have the item groups of the items, without binding them."""
    group_ids = await ids_of_parents(conn, merchant_id, steps)
    return [in_group(step, group_ids) for step in steps]


async def ids_of_parents(conn: Connection, merchant_id: str, steps: Sequence[Step]) -> dict[str, str]:
    """Return the item group of each parent of these variants: its own, else that of their items, if it is free."""
    parents = {step.record.product.variant.group for step in steps if step.record.product.variant}
    if not parents:
        return {}
    found, inside = await find(conn, merchant_id, parents), members(steps)
    bound = bound_groups(found, inside, await taken(conn, merchant_id, {group_id for _, group_id in inside}))
    return {parent_id: group.id for parent_id, group in found.items() if group.id} | bound


async def taken(conn: Connection, merchant_id: str, group_ids: Iterable[str]) -> dict[str, str]:
    """Return the parents with products that have these item groups, by item group."""
    rows = await conn.fetch(TAKEN, merchant_id, list(group_ids))
    return {row["item_group_id"]: row["parent_id"] for row in rows}


async def bind(conn: Connection, merchant_id: str, group_ids: Mapping[str, str]) -> None:
    """Give these parents their item groups, which a parent without products loses."""
    await conn.execute(RELEASE, merchant_id, list(group_ids), list(group_ids.values()))
    await conn.execute(BIND, merchant_id, list(group_ids), list(group_ids.values()))


async def doubt(conn: Connection, merchant_id: str, group_ids: Iterable[str]) -> None:
    """Record that these item groups are to be read before anything is written to them, as Clover refused it."""
    await conn.execute(DOUBT, merchant_id, list(group_ids))


async def start_create(conn: Connection, merchant_id: str, group: ItemGroup, now: datetime) -> None:
    """Record that the item group with its name, or a part of it, is about to be created."""
    await conn.execute(START_CREATE, merchant_id, group.parent_id, now, group.name)


async def cancel_create(conn: Connection, merchant_id: str, group: ItemGroup) -> None:
    """Record that the create had no effect in Clover."""
    await conn.execute(CANCEL_CREATE, merchant_id, group.parent_id)


async def save(conn: Connection, merchant_id: str, group: ItemGroup) -> None:
    """Save the item group as Clover has it."""
    attributes = None if group.attributes is None else json.dumps(_attributes(group.attributes))
    await conn.execute(
        SAVE_GROUP, merchant_id, group.parent_id, group.id, group.shown_name, attributes, group.creating_since
    )


async def take_name(conn: Connection, merchant_id: str, group: ItemGroup, name: str) -> bool:
    """Give the parent the name that its item group got in Clover. Return False if it was renamed here meanwhile."""
    return bool(await conn.fetchval(TAKE_NAME, merchant_id, group.parent_id, name, group.name))


async def with_items(conn: Connection, merchant_id: str, group_ids: Iterable[str]) -> set[str]:
    """Return those of these item groups that have an item in Clover."""
    return {row["group_id"] for row in await conn.fetch(WITH_ITEMS, merchant_id, list(group_ids))}


async def parents_of_items(conn: Connection, merchant_id: str, item_ids: Sequence[str]) -> list[str]:
    """Return the parents in whose item groups these items are, or were before they were deleted."""
    rows = await conn.fetch(PARENTS_OF_ITEMS, merchant_id, item_ids) if item_ids else []
    return [row["parent_id"] for row in rows]


async def unused(conn: Connection, merchant_id: str, parent_ids: Sequence[str]) -> dict[str, str | None]:
    """Return the item group of each of these parents that has neither a product nor an item, by parent."""
    rows = await conn.fetch(UNUSED, merchant_id, parent_ids)
    return {row["parent_id"]: row["item_group_id"] for row in rows}


async def forget(conn: Connection, merchant_id: str, parent_id: str) -> None:
    """Record that the item group of the parent was deleted, and with it the parent, unless it has a product again."""
    await conn.execute(variants.LOCK, merchant_id, [parent_id])
    await conn.execute(FORGET, merchant_id, parent_id)


async def items_of(conn: Connection, merchant_id: str, group_id: str) -> list[str]:
    """Return the items of this item group."""
    return [row["item_id"] for row in await conn.fetch(OF_GROUP, merchant_id, group_id)]


def _attributes(attributes: Mapping[str, Attribute]) -> dict[str, object]:
    return {name: asdict(each) for name, each in attributes.items()}


def _group(row: asyncpg.Record) -> ItemGroup:
    attributes = json.loads(row["attributes"]) if row["attributes"] else None
    return ItemGroup(
        parent_id=row["parent_id"],
        name=row["name"],
        option_names=tuple(row["option_names"]),
        id=row["item_group_id"],
        shown_name=row["shown_name"],
        attributes=None if attributes is None else {name: Attribute(**each) for name, each in attributes.items()},
        creating_since=row["creating_since"],
        has_items=row["has_items"],
        other_items=frozenset(row["other_items"]),
    )
