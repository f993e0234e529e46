"""The parents of variants, each with its item group in Clover."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

import asyncpg

from catalog.domain.item_groups import Attribute, ItemGroup, bound_groups
from catalog.domain.matching import Step, in_group, members
from catalog.domain.products import Product
from catalog.domain.variants import Variant, VariantClaims
from common.db.unit import Connection
from common.errors import Invalid

# In one order in all transactions, and before the products, so that none deadlock.
ADD = """
INSERT INTO product_group (merchant_id, parent_id, name, option_names)
SELECT $1, parent_id, name, ARRAY(SELECT jsonb_array_elements_text(option_names))
FROM jsonb_to_recordset($2::jsonb) AS given (parent_id text, name text, option_names jsonb) ORDER BY parent_id
ON CONFLICT DO NOTHING
"""
LOCK = "SELECT FROM product_group WHERE merchant_id = $1 AND parent_id = ANY($2::text[]) ORDER BY parent_id FOR UPDATE"
MEMBERS = """
SELECT parent_id, product_id, options FROM product WHERE merchant_id = $1 AND parent_id = ANY($2::text[])
ORDER BY product_id
"""
# The options keep their order as long as they are the same.
SAVE = """
UPDATE product_group SET name = given.name, option_names = CASE
    WHEN product_group.option_names @> given.names AND product_group.option_names <@ given.names
    THEN product_group.option_names ELSE given.names END
FROM (
    SELECT parent_id, name, ARRAY(SELECT jsonb_array_elements_text(option_names)) AS names
    FROM jsonb_to_recordset($2::jsonb) AS given (parent_id text, name text, option_names jsonb)
) given
WHERE merchant_id = $1 AND product_group.parent_id = given.parent_id
    AND (product_group.name <> given.name OR product_group.option_names <> given.names)
"""
GROUPS = """
SELECT parent_id, name, option_names, item_group_id, shown_name, attributes, creating_since, EXISTS (
    SELECT FROM item WHERE item.merchant_id = $1 AND group_id = item_group_id AND deleted_at IS NULL
) AS has_items
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
SAVE_OPTIONS = """
UPDATE item SET options = given.options FROM jsonb_to_recordset($2::jsonb) AS given (item_id text, options jsonb)
WHERE merchant_id = $1 AND item.item_id = given.item_id
"""


async def check(conn: Connection, merchant_id: str, product: Product) -> None:
    """Lock the parent of the product. Raises Invalid when the product does not fit its other variants."""
    claims = VariantClaims()
    await lock(conn, merchant_id, [product])
    await load(conn, merchant_id, [product], claims)
    if problem := claims.claim(product.product_id, product.variant):
        raise Invalid([problem])


async def lock(conn: Connection, merchant_id: str, products: Iterable[Product]) -> None:
    """Lock the parents of these products until the transaction ends, so that no two take the same place."""
    rows = _rows(products)
    if rows:
        await conn.execute(ADD, merchant_id, json.dumps(rows))
        await conn.execute(LOCK, merchant_id, [row["parent_id"] for row in rows])


async def load(conn: Connection, merchant_id: str, products: Iterable[Product], claims: VariantClaims) -> None:
    """Add the parents of these products to the claims, as far as they are not there."""
    parents = claims.unknown(each.variant for each in products)
    if not parents:
        return
    members: dict[str, dict[str, Variant]] = {each: {} for each in parents}
    for row in await conn.fetch(MEMBERS, merchant_id, parents):
        variant = Variant(row["parent_id"], "", json.loads(row["options"]))
        members[row["parent_id"]][row["product_id"]] = variant
    for parent_id, variants in members.items():
        claims.add(parent_id, variants)


async def save(conn: Connection, merchant_id: str, products: Iterable[Product]) -> None:
    """Give the parents of these products their names; the last product of a parent decides."""
    rows = _rows(products)
    if rows:
        await conn.execute(SAVE, merchant_id, json.dumps(rows))


async def groups(conn: Connection, merchant_id: str, parent_ids: Iterable[str]) -> dict[str, ItemGroup]:
    """Return the item groups of these parents, as far as the parents are known."""
    rows = await conn.fetch(GROUPS, merchant_id, list(parent_ids))
    return {row["parent_id"]: _group(row) for row in rows}


async def place(conn: Connection, merchant_id: str, steps: Sequence[Step]) -> list[Step]:
    """Return the steps once the parents of their variants have the item groups of the items, without binding them."""
    group_ids = await group_ids_of(conn, merchant_id, steps)
    return [in_group(step, group_ids) for step in steps]


async def group_ids_of(conn: Connection, merchant_id: str, steps: Sequence[Step]) -> dict[str, str]:
    """Return the item group of each parent of these variants: its own, else that of their items, if it is free."""
    parents = {step.record.product.variant.group for step in steps if step.record.product.variant}
    if not parents:
        return {}
    found, inside = await groups(conn, merchant_id, parents), members(steps)
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


async def save_group(conn: Connection, merchant_id: str, group: ItemGroup) -> None:
    """Save what Clover has of the item group."""
    attributes = None if group.attributes is None else json.dumps(_attributes(group.attributes))
    await conn.execute(
        SAVE_GROUP, merchant_id, group.parent_id, group.id, group.shown_name, attributes, group.creating_since
    )


async def with_items(conn: Connection, merchant_id: str, group_ids: Iterable[str]) -> set[str]:
    """Return those of these item groups that have an item in Clover."""
    return {row["group_id"] for row in await conn.fetch(WITH_ITEMS, merchant_id, list(group_ids))}


async def parents_of_items(conn: Connection, merchant_id: str, item_ids: Sequence[str]) -> list[str]:
    """Return the parents in whose item groups these items are, or were before they were deleted."""
    rows = await conn.fetch(PARENTS_OF_ITEMS, merchant_id, item_ids) if item_ids else []
    return [row["parent_id"] for row in rows]


async def unused_groups(conn: Connection, merchant_id: str, parent_ids: Sequence[str]) -> dict[str, str | None]:
    """Return the item group of each of these parents that has neither a product nor an item, by parent."""
    rows = await conn.fetch(UNUSED, merchant_id, parent_ids)
    return {row["parent_id"]: row["item_group_id"] for row in rows}


async def forget(conn: Connection, merchant_id: str, parent_id: str) -> None:
    """Record that the item group of the parent was deleted, and with it the parent, unless it has a product again."""
    await conn.execute(LOCK, merchant_id, [parent_id])
    await conn.execute(FORGET, merchant_id, parent_id)


async def items_of(conn: Connection, merchant_id: str, group_id: str) -> list[str]:
    """Return the items of this item group."""
    return [row["item_id"] for row in await conn.fetch(OF_GROUP, merchant_id, group_id)]


async def save_options(conn: Connection, merchant_id: str, options: Mapping[str, Mapping[str, str]]) -> None:
    """Save the options of these items, which other answers do not show."""
    rows = [{"item_id": item_id, "options": each} for item_id, each in sorted(options.items())]
    if rows:
        await conn.execute(SAVE_OPTIONS, merchant_id, json.dumps(rows))


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
    )


def _rows(products: Iterable[Product]) -> list[dict[str, object]]:
    variants = {each.variant.group: each.variant for each in products if each.variant}
    return [
        {"parent_id": group, "name": each.name, "option_names": list(each.options)}
        for group, each in sorted(variants.items())
    ]


def variant(parent_id: str | None, options: str | None, parent: str | None) -> Variant | None:
    """Return the variant of a row of `product` and the JSON of its parent's name and options."""
    if parent_id is None or options is None or parent is None:
        return None
    values, shared = json.loads(options), json.loads(parent)
    ordered = [*(name for name in shared["option_names"] if name in values), *values]
    return Variant(parent_id, shared["name"], {name: values[name] for name in ordered})


def group_id(parent: str | None) -> str | None:
    """Return the item group of the JSON of a parent."""
    found: str | None = json.loads(parent)["item_group_id"] if parent else None
    return found
