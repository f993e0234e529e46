"""Products whose item a person must choose, and the choices."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import asyncpg

from catalog.domain.items import ItemFields
from catalog.domain.link_choices import Choice, LinkChoice, LinkState
from catalog.domain.matching_pairs import Conflict, ConflictKind
from catalog.domain.products import Matching
from common.db.unit import Connection

# One row per product, deleted when the product was planned again without a conflict.
CLEAR_CONFLICTS = "DELETE FROM link_conflict WHERE merchant_id = $1 AND product_id = ANY($2::text[])"
SAVE_CONFLICTS = """
INSERT INTO link_conflict (merchant_id, product_id, kind, item_ids, product_ids, proposal, by_barcode)
SELECT $1, product_id, kind, ARRAY(SELECT jsonb_array_elements_text(item_ids)),
    ARRAY(SELECT jsonb_array_elements_text(product_ids)), proposal, by_barcode
FROM jsonb_to_recordset($2::jsonb)
    AS found (product_id text, kind text, item_ids jsonb, product_ids jsonb, proposal text, by_barcode boolean)
"""
IN_CONFLICT = """
SELECT product_id FROM link_conflict JOIN product USING (merchant_id, product_id)
WHERE merchant_id = $1 AND link_conflict.item_ids && $2::text[] AND product.item_id IS NULL
"""
REQUEST = """
INSERT INTO link_choice (merchant_id, product_id, choice, item_id)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[]) AS given (product_id, choice, item_id) ORDER BY product_id
ON CONFLICT (merchant_id, product_id) DO UPDATE SET choice = excluded.choice, item_id = excluded.item_id
"""
CHOICES = """
SELECT product_id, choice, item_id FROM link_choice
WHERE merchant_id = $1 AND product_id = ANY($2::text[]) ORDER BY position FOR UPDATE
"""
FINISH = "DELETE FROM link_choice WHERE merchant_id = $1 AND product_id = $2"
DETACH = """
UPDATE product SET item_id = NULL, last_pushed = NULL, seen = NULL, deleted_item_id = NULL, matching = $3,
    item_group_id = NULL, is_outside_group = false, unanswered = NULL
WHERE merchant_id = $1 AND product_id = $2
"""
ATTACH = """
UPDATE product SET item_id = $3, last_pushed = $4, seen = NULL, deleted_item_id = NULL, creating_since = NULL,
    creating_sku = NULL, matching = 'automatic', item_group_id = $5, unanswered = NULL
WHERE merchant_id = $1 AND product_id = $2
"""
ACCEPT_STRUCTURE = "UPDATE product SET is_outside_group = $3 WHERE merchant_id = $1 AND product_id = $2"
STATES = {
    LinkState.LINKED: "choice.choice IS NULL AND product.item_id IS NOT NULL",
    LinkState.UNLINKED: "choice.choice IS NULL AND product.item_id IS NULL AND product.matching = 'apart'",
    LinkState.CONFLICT: "choice.choice IS NULL AND product.item_id IS NULL AND product.matching = 'automatic' "
    "AND conflict.kind IS NOT NULL",
    LinkState.PENDING: "(choice.choice IS NOT NULL OR product.item_id IS NULL AND product.matching <> 'apart' "
    "AND (conflict.kind IS NULL OR product.matching = 'create'))",
}
"""The condition of each state, of which one is true; lists are filtered by them, so that indexes serve."""

LINKS = f"""
SELECT product.product_id, product.name, product.sku, product.price, product.barcode, product.item_id,
    product.held_reason, conflict.kind, conflict.item_ids, conflict.product_ids, conflict.proposal, conflict.by_barcode,
    CASE {" ".join(f"WHEN {condition} THEN '{state}'" for state, condition in STATES.items())} END AS state
FROM product LEFT JOIN link_conflict conflict USING (merchant_id, product_id)
    LEFT JOIN link_choice choice USING (merchant_id, product_id)
WHERE merchant_id = $1
"""  # noqa: S608 - conditions of ours


@dataclass(frozen=True)
class LinkRow:
    """A product with its item, or with the obstacle to one."""

    product_id: str
    name: str
    sku: str
    price: int
    barcode: str | None
    item_id: str | None
    state: LinkState
    reason: str | None
    conflict: Conflict | None


async def save_conflicts(conn: Connection, merchant_id: str, found: Mapping[str, Conflict | None]) -> None:
    """Save the conflict of each of these products; None for one that has none."""
    await conn.execute(CLEAR_CONFLICTS, merchant_id, sorted(found))
    rows = [{"product_id": name, **asdict(each)} for name, each in sorted(found.items()) if each]
    if rows:
        await conn.execute(SAVE_CONFLICTS, merchant_id, json.dumps(rows))


async def in_conflict(conn: Connection, merchant_id: str, item_ids: Collection[str]) -> list[str]:
    """Return the products that wait for a decision about one of these items."""
    return [row["product_id"] for row in await conn.fetch(IN_CONFLICT, merchant_id, list(item_ids))]


async def request(conn: Connection, merchant_id: str, choices: Iterable[LinkChoice]) -> None:
    """Save these decisions, one for each product, to be carried out."""
    rows = [(each.product_id, each.choice, each.item_id) for each in choices]
    if rows:
        await conn.execute(REQUEST, merchant_id, *map(list, zip(*rows, strict=True)))


async def choices(conn: Connection, merchant_id: str, product_ids: Sequence[str]) -> list[LinkChoice]:
    """Return the decisions about these products, oldest first."""
    rows = await conn.fetch(CHOICES, merchant_id, product_ids)
    return [LinkChoice(row["product_id"], Choice(row["choice"]), row["item_id"]) for row in rows]


async def finish(conn: Connection, merchant_id: str, product_id: str) -> None:
    """Delete the decision about this product: it was carried out."""
    await conn.execute(FINISH, merchant_id, product_id)


async def detach(conn: Connection, merchant_id: str, product_id: str, matching: Matching) -> None:
    """Take the item from the product."""
    await conn.execute(DETACH, merchant_id, product_id, matching)


async def attach(
    conn: Connection, merchant_id: str, product_id: str, item_id: str, known: ItemFields, group_id: str | None
) -> None:
    """Give the product this item of this item group, which no other product has and which Clover shows like this."""
    await conn.execute(ATTACH, merchant_id, product_id, item_id, json.dumps(asdict(known)), group_id)


async def accept_structure(conn: Connection, merchant_id: str, product_id: str, *, is_outside_group: bool) -> None:
    """Record whether a person linked the product to an item that is not in the item group of its parent."""
    await conn.execute(ACCEPT_STRUCTURE, merchant_id, product_id, is_outside_group)


async def page(conn: Connection, merchant_id: str, state: LinkState | None, after: str, limit: int) -> list[LinkRow]:
    """Return the products in this state of their link, or in any, after this id."""
    sql = f"{LINKS} AND product_id > $2 AND ({STATES[state] if state else 'true'}) ORDER BY product_id LIMIT $3"
    return [_row(row) for row in await conn.fetch(sql, merchant_id, after, limit)]


async def find(conn: Connection, merchant_id: str, product_ids: Collection[str]) -> dict[str, LinkRow]:
    """Return those of these products that exist, by id."""
    rows = await conn.fetch(f"{LINKS} AND product_id = ANY($2::text[])", merchant_id, list(product_ids))
    return {row["product_id"]: _row(row) for row in rows}


def _row(row: asyncpg.Record) -> LinkRow:
    conflict = row["kind"] and Conflict(
        ConflictKind(row["kind"]),
        tuple(row["item_ids"]),
        row["proposal"],
        tuple(row["product_ids"]),
        row["by_barcode"],
    )
    return LinkRow(
        product_id=row["product_id"],
        name=row["name"],
        sku=row["sku"],
        price=row["price"],
        barcode=row["barcode"],
        item_id=row["item_id"],
        state=LinkState(row["state"]),
        reason=row["held_reason"],
        conflict=conflict or None,
    )
