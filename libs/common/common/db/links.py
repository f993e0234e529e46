"""The links between Clover items and SKUs, copied from catalog's events and compared with catalog's rows.

A row is the last link of one item, with the version that catalog gave it. A row that is not newer changes nothing, and
among the items linked to one SKU the newest has it. So the end depends neither on the order of events nor on repeats.
"""

from collections.abc import Collection, Iterable, Mapping

from common.catalog_client import ItemLink
from common.contracts.catalog import ProductLinked, ProductUnlinked
from common.db.unit import Connection, Unit

# Sorted, so that two transactions do not deadlock.
SAVE = """
INSERT INTO item_link (merchant_id, item_id, sku, product_id, version, linked, replaced_by)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::boolean[], $7::text[])
    AS given (item_id, sku, product_id, version, linked, replaced_by)
ORDER BY item_id
ON CONFLICT (merchant_id, item_id) DO UPDATE SET sku = excluded.sku, product_id = excluded.product_id,
    version = excluded.version, linked = excluded.linked, replaced_by = excluded.replaced_by
WHERE excluded.version > item_link.version
RETURNING item_id
"""
OWNERS = """
SELECT DISTINCT ON (sku) sku, item_id FROM item_link
WHERE merchant_id = $1 AND sku = ANY($2) AND linked ORDER BY sku, version DESC
"""
POSITION = "SELECT version FROM link_position WHERE merchant_id = $1"
SAVE_POSITION = """
INSERT INTO link_position (merchant_id, version) VALUES ($1, $2)
ON CONFLICT (merchant_id) DO UPDATE SET version = excluded.version WHERE excluded.version > link_position.version
"""
BEHIND = """
SELECT theirs.merchant_id FROM unnest($1::text[], $2::bigint[]) AS theirs (merchant_id, version)
LEFT JOIN link_position ours USING (merchant_id) WHERE coalesce(ours.version, 0) < theirs.version
"""


def link_of(event: ProductLinked | ProductUnlinked) -> ItemLink:
    """Return the row that this event describes."""
    return ItemLink(
        item_id=event.item_id,
        sku=event.sku,
        product_id=event.product_id,
        version=event.version,
        linked=isinstance(event, ProductLinked),
        replaced_by=event.replaced_by if isinstance(event, ProductUnlinked) else None,
    )


async def save(unit: Unit, merchant_id: str, links: Iterable[ItemLink]) -> list[ItemLink]:
    """Save these links; return those that are news, oldest first."""
    newest: dict[str, ItemLink] = {}
    for each in sorted(links, key=lambda link: link.version):
        newest[each.item_id] = each
    given = list(newest.values())
    rows = await unit.conn.fetch(
        SAVE,
        merchant_id,
        [each.item_id for each in given],
        [each.sku for each in given],
        [each.product_id for each in given],
        [each.version for each in given],
        [each.linked for each in given],
        [each.replaced_by for each in given],
    )
    saved = {row["item_id"] for row in rows}
    return [each for each in sorted(given, key=lambda link: link.version) if each.item_id in saved]


async def owners(conn: Connection, merchant_id: str, skus: Collection[str]) -> dict[str, str]:
    """Return the item that each of these SKUs is linked to, by SKU."""
    return {row["sku"]: row["item_id"] for row in await conn.fetch(OWNERS, merchant_id, list(skus))}


async def position(conn: Connection, merchant_id: str) -> int:
    """Return the version up to which the merchant's links were compared."""
    return await conn.fetchval(POSITION, merchant_id) or 0


async def save_position(unit: Unit, merchant_id: str, version: int) -> None:
    """Note that the merchant's links were compared up to this version."""
    await unit.conn.execute(SAVE_POSITION, merchant_id, version)


async def behind(conn: Connection, versions: Mapping[str, int]) -> set[str]:
    """Return those of these merchants, given with catalog's last versions, whose links are to be compared."""
    rows = await conn.fetch(BEHIND, list(versions), list(versions.values()))
    return {row["merchant_id"] for row in rows}
