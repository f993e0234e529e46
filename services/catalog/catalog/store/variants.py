"""The variants of products: the parents with their names and options, and the options of items."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence

from catalog.domain.products import Product
from catalog.domain.variants import StoredVariant, Variant, VariantClaims, parents
from common.db.unit import Connection
from common.errors import Invalid

# In one order in all transactions, and before the products, so that none deadlock.
ADD = """
INSERT INTO product_group (merchant_id, parent_id, name, option_names)
SELECT $1, parent_id, '', '{}' FROM unnest($2::text[]) AS parent_id ORDER BY parent_id COLLATE "C"
ON CONFLICT DO NOTHING
"""
LOCK = "SELECT FROM product_group WHERE merchant_id = $1 AND parent_id = ANY($2::text[]) ORDER BY parent_id FOR UPDATE"
# Without the SKU of a product whose item was deleted: it gives way to another product with it.
MEMBERS = """
SELECT parent_id, product_id, options, CASE WHEN deleted_item_id IS NULL THEN sku ELSE '' END AS sku
FROM product WHERE merchant_id = $1 AND parent_id = ANY($2::text[])
ORDER BY product_id
"""
PARENTS_OF = """
SELECT DISTINCT parent_id FROM product
WHERE merchant_id = $1 AND product_id = ANY($2::text[]) AND parent_id IS NOT NULL
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
NAMES = """
SELECT parent_id, name FROM product_group parent WHERE merchant_id = $1 AND parent_id = ANY($2::text[])
    AND EXISTS (SELECT FROM product WHERE product.merchant_id = $1 AND product.parent_id = parent.parent_id)
"""
RENAME = """
UPDATE product_group SET name = given.former
FROM unnest($2::text[], $3::text[], $4::text[]) AS given (parent_id, ours, former)
WHERE merchant_id = $1 AND product_group.parent_id = given.parent_id AND name = given.ours
"""
OTHERWISE_NAMED = """
SELECT parent_id FROM product_group JOIN unnest($2::text[], $3::text[]) AS given (parent_id, former) USING (parent_id)
WHERE merchant_id = $1 AND name <> given.former
"""
PRODUCTS = "SELECT product_id FROM product WHERE merchant_id = $1 AND parent_id = ANY($2::text[]) ORDER BY product_id"
SAVE_OPTIONS = """
UPDATE item SET options = given.options FROM jsonb_to_recordset($2::jsonb) AS given (item_id text, options jsonb)
WHERE merchant_id = $1 AND item.item_id = given.item_id
"""


async def check(conn: Connection, merchant_id: str, product: Product) -> None:
    """Lock the parent of the product. Raises Invalid when the product does not fit its other variants."""
    claims = VariantClaims()
    await lock(conn, merchant_id, parents([product]))
    await load(conn, merchant_id, [product], claims)
    if problem := claims.claim(product):
        raise Invalid([problem])


async def lock(conn: Connection, merchant_id: str, parent_ids: Collection[str]) -> None:
    """Lock these parents until the transaction ends, so that no two products take the same place.

    One that is new has no name until `save`.
    """
    if parent_ids:
        await conn.execute(ADD, merchant_id, list(parent_ids))
        await conn.execute(LOCK, merchant_id, list(parent_ids))


async def parents_of(conn: Connection, merchant_id: str, product_ids: Sequence[str]) -> set[str]:
    """Return the parents that these products have now."""
    return {row["parent_id"] for row in await conn.fetch(PARENTS_OF, merchant_id, product_ids)}


async def load(conn: Connection, merchant_id: str, products: Iterable[Product], claims: VariantClaims) -> None:
    """Add the parents of these products to the claims, as far as they are not there."""
    unknown = claims.unknown(each.variant for each in products)
    if not unknown:
        return
    members: dict[str, list[StoredVariant]] = {each: [] for each in unknown}
    for row in await conn.fetch(MEMBERS, merchant_id, unknown):
        variant = Variant(row["parent_id"], "", json.loads(row["options"]))
        members[row["parent_id"]].append(StoredVariant(row["product_id"], row["sku"], variant))
    for parent_id, variants in members.items():
        claims.add(parent_id, variants)


async def save(conn: Connection, merchant_id: str, products: Iterable[Product]) -> None:
    """Give the parents of these products their names; the last product of a parent decides."""
    rows = _rows(products)
    if rows:
        await conn.execute(SAVE, merchant_id, json.dumps(rows))


async def names(conn: Connection, merchant_id: str, products: Iterable[Product]) -> dict[str, str]:
    """Return the names that the parents of these products have, as far as products of them exist."""
    parents = {each.variant.group for each in products if each.variant}
    rows = await conn.fetch(NAMES, merchant_id, list(parents)) if parents else []
    return {row["parent_id"]: row["name"] for row in rows}


async def rename_back(conn: Connection, merchant_id: str, names: Mapping[str, tuple[str, str]]) -> set[str]:
    """Give these parents, which are locked, the second name if they still have the first one.

    Return those that have another name since.
    """
    ours, former = [each for each, _ in names.values()], [each for _, each in names.values()]
    await conn.execute(RENAME, merchant_id, list(names), ours, former)
    return {row["parent_id"] for row in await conn.fetch(OTHERWISE_NAMED, merchant_id, list(names), former)}


async def of_parents(conn: Connection, merchant_id: str, parent_ids: Iterable[str]) -> list[str]:
    """Return the products of these parents."""
    return [row["product_id"] for row in await conn.fetch(PRODUCTS, merchant_id, list(parent_ids))]


async def save_options(conn: Connection, merchant_id: str, options: Mapping[str, Mapping[str, str]]) -> None:
    """Save the options of these items, which other answers do not show."""
    rows = [{"item_id": item_id, "options": each} for item_id, each in sorted(options.items())]
    if rows:
        await conn.execute(SAVE_OPTIONS, merchant_id, json.dumps(rows))


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


def _rows(products: Iterable[Product]) -> list[dict[str, object]]:
    variants = {each.variant.group: each.variant for each in products if each.variant}
    return [
        {"parent_id": group, "name": each.name, "option_names": list(each.options)}
        for group, each in sorted(variants.items())
    ]
