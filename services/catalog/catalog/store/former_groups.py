"""The names that item groups had before QuickSync renamed them, and which of them an undo restores."""

import json
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from catalog.domain.former_groups import FormerGroup
from catalog.domain.item_groups import ItemGroup
from catalog.store import created_parts
from common.db.unit import Connection

# A name that is still to be restored stays the former one.
KEEP_NAME = """
INSERT INTO item_group_former (merchant_id, item_group_id, name) VALUES ($1, $2, $3)
ON CONFLICT (merchant_id, item_group_id) DO UPDATE SET written = NULL, undo_id = NULL, product_id = NULL
"""
END = """
DELETE FROM item_group_former former USING product_group
WHERE former.merchant_id = $1 AND product_group.merchant_id = $1 AND parent_id = ANY($2::text[]) AND undo_id IS NULL
    AND product_group.item_group_id = former.item_group_id
    AND NOT EXISTS (SELECT FROM product WHERE product.merchant_id = $1 AND product.parent_id = product_group.parent_id)
"""
GIVE_UP = """
UPDATE item_group_former SET written = shown_name, undo_id = $4, product_id = given.product_id
FROM product_group, unnest($2::text[], $3::text[]) AS given (parent_id, product_id)
WHERE item_group_former.merchant_id = $1 AND product_group.merchant_id = $1
    AND product_group.parent_id = given.parent_id AND item_group_former.item_group_id = product_group.item_group_id
    AND shown_name IS NOT NULL AND NOT EXISTS (
        SELECT FROM product WHERE product.merchant_id = $1 AND product.parent_id = given.parent_id AND removal IS NULL
    )
RETURNING product_group.parent_id
"""
FIND = """
SELECT parent_id, item_group_id, former.name, former.written, undo_id, product_id, ARRAY(
    SELECT options::text FROM product WHERE product.merchant_id = $1 AND product.parent_id = product_group.parent_id
) AS wanted
FROM product_group LEFT JOIN item_group_former former USING (merchant_id, item_group_id)
WHERE merchant_id = $1 AND parent_id = ANY($2::text[]) AND item_group_id IS NOT NULL
"""
DOUBT = """
UPDATE product_group SET shown_name = NULL, attributes = NULL WHERE merchant_id = $1 AND parent_id = $2
"""
FORGET = "DELETE FROM item_group_former WHERE merchant_id = $1 AND item_group_id = $2 AND undo_id IS NOT NULL"


async def keep_name(conn: Connection, merchant_id: str, group: ItemGroup) -> None:
    """Keep the name that the item group has in Clover, before it is renamed for the first time."""
    await conn.execute(KEEP_NAME, merchant_id, group.id, group.shown_name or "")


async def end(conn: Connection, merchant_id: str, parent_ids: Collection[str]) -> None:
    """Forget the former names of the item groups of those of these parents whose products were all deleted."""
    await conn.execute(END, merchant_id, list(parent_ids))


async def give_up(conn: Connection, merchant_id: str, undo_id: UUID, products: Mapping[str, str]) -> set[str]:
    """Have the item groups of those of these parents named as before that have no product left; return the parents.

    `products` names for each parent a product that the undo restored or deleted.
    """
    rows = await conn.fetch(GIVE_UP, merchant_id, list(products), list(products.values()), undo_id)
    return {row["parent_id"] for row in rows}


async def find(conn: Connection, merchant_id: str, parent_ids: Sequence[str]) -> list[FormerGroup]:
    """Return those item groups of these parents of which something is to be restored or removed."""
    rows = await conn.fetch(FIND, merchant_id, parent_ids)
    parts = await created_parts.of_groups(conn, merchant_id, [row["item_group_id"] for row in rows])
    found = [
        FormerGroup(
            parent_id=row["parent_id"],
            id=row["item_group_id"],
            name=row["name"] if row["undo_id"] and not row["wanted"] else None,
            written=row["written"],
            given_up=tuple(each for each in parts if each.group_id == row["item_group_id"]),
            wanted=tuple(json.loads(each) for each in row["wanted"] if each),
            undo_id=row["undo_id"],
            product_id=row["product_id"],
        )
        for row in rows
    ]
    return [each for each in found if each.name is not None or each.given_up]


async def doubt(conn: Connection, merchant_id: str, former: FormerGroup) -> None:
    """Record that the item group is about to be changed: it is read before anything else is written to it."""
    await conn.execute(DOUBT, merchant_id, former.parent_id)


async def forget(conn: Connection, merchant_id: str, former: FormerGroup) -> None:
    """Record that the item group has its former name, or one that a person gave it."""
    await conn.execute(FORGET, merchant_id, former.id)
