"""Sales that Clover made itself: their parts as published, and up to when each merchant's Clover was read."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from common.db.unit import Connection, Unit
from orders.domain.sale_changes import Change
from orders.domain.sales import Counted, Part, Published

FIND_WATCH = "SELECT since, read_until, sweep_from FROM sales_watch WHERE merchant_id = $1"
WATCH = """
INSERT INTO sales_watch (merchant_id, since, read_until) VALUES ($1, $2, $2)
ON CONFLICT (merchant_id) DO UPDATE SET since = sales_watch.since RETURNING since, read_until, sweep_from
"""
SWEPT_TO = "UPDATE sales_watch SET sweep_from = $2 WHERE merchant_id = $1"
SWEPT = """
UPDATE sales_watch SET sweep_from = NULL, read_until = greatest(read_until, $2) WHERE merchant_id = $1
"""

# A deleted sale counts as known from before: `since` moves up with it, so no sale is published a second time.
PRUNE = """
WITH old AS (
    SELECT clover_order_id FROM sale WHERE merchant_id = $1 AND modified_at < $2 ORDER BY modified_at LIMIT $3
), parts AS (
    DELETE FROM sale_part USING old WHERE merchant_id = $1 AND sale_part.clover_order_id = old.clover_order_id
), sales AS (
    DELETE FROM sale USING old WHERE merchant_id = $1 AND sale.clover_order_id = old.clover_order_id
)
UPDATE sales_watch SET since = greatest(since, $2) WHERE merchant_id = $1
"""
PORTION = 1000
"""Sales that are pruned in one transaction."""

OURS = """
SELECT clover_order_id FROM source_order WHERE merchant_id = $1 AND clover_order_id = ANY($2)
"""
OUR_REFERENCES = "SELECT reference FROM source_order WHERE merchant_id = $1 AND reference = ANY($2)"
OF_PAYMENTS = """
SELECT part_id, clover_order_id FROM sale_part WHERE merchant_id = $1 AND part_id = ANY($2) AND kind = 'payment'
"""

SALES = """
SELECT clover_order_id, currency, modified_at, missing_since FROM sale
WHERE merchant_id = $1 AND clover_order_id = ANY($2)
"""
PARTS = """
SELECT clover_order_id, kind, part_id, item_id, quantity, amount FROM sale_part
WHERE merchant_id = $1 AND clover_order_id = ANY($2) AND (quantity <> 0 OR amount <> 0)
"""
SAVE = """
INSERT INTO sale (merchant_id, clover_order_id, currency, sold_at, modified_at)
SELECT $1, id, currency, sold_at, modified_at
FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[]) AS new (id, currency, sold_at, modified_at)
ORDER BY id ON CONFLICT (merchant_id, clover_order_id) DO UPDATE SET modified_at = excluded.modified_at,
    missing_since = NULL
"""
# A part that no longer counts stays as zero, so that a late webhook of its payment still leads to its order.
SAVE_PARTS = """
INSERT INTO sale_part (merchant_id, clover_order_id, kind, part_id, item_id, quantity, amount)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[]) AS part
ON CONFLICT (merchant_id, clover_order_id, kind, part_id) DO UPDATE SET
    item_id = excluded.item_id, quantity = excluded.quantity, amount = excluded.amount
"""
NOTE_MISSING = """
UPDATE sale SET missing_since = $3
WHERE merchant_id = $1 AND clover_order_id = ANY($2) AND missing_since IS NULL
"""
NOTE_FOUND = "UPDATE sale SET missing_since = NULL WHERE merchant_id = $1 AND clover_order_id = ANY($2)"

PAGE = """
SELECT position, clover_order_id, currency, sold_at FROM sale
WHERE merchant_id = $1 AND position > $2 ORDER BY position LIMIT $3
"""


@dataclass(frozen=True)
class Watch:
    """Sales of a merchant are published from `since` on; all changes up to `read_until` by Clover's clock were read.

    Goods sold before `since` are known without an event, or were published and are pruned.

    A sweep that is not finished continues at `sweep_from`.
    """

    since: datetime
    read_until: datetime
    sweep_from: datetime | None


@dataclass(frozen=True)
class StoredSale:
    """A sale as it was published. `missing_since` is when Clover first did not find its order."""

    published: Published
    currency: str
    missing_since: datetime | None


@dataclass(frozen=True)
class ShownSale:
    """A sale as the API lists it. `position` grows in the order in which sales were first published."""

    position: int
    clover_order_id: str
    currency: str
    sold_at: datetime
    published: Published


async def watch(unit: Unit, merchant_id: str) -> Watch:
    """Return how the merchant is watched, from now on if it was not."""
    found = await unit.conn.fetch(FIND_WATCH, merchant_id)
    [row] = found or await unit.conn.fetch(WATCH, merchant_id, unit.now)
    return Watch(**row)


async def swept_to(unit: Unit, merchant_id: str, until: datetime) -> None:
    """Note how far the sweep under way has come."""
    await unit.conn.execute(SWEPT_TO, merchant_id, until)


async def swept(unit: Unit, merchant_id: str, until: datetime) -> None:
    """Note that a sweep has ended: all changes up to this time were read."""
    await unit.conn.execute(SWEPT, merchant_id, until)


async def prune(unit: Unit, merchant_id: str, before: datetime) -> None:
    """Delete sales that did not change since this time, at most PORTION of them."""
    await unit.conn.execute(PRUNE, merchant_id, before, PORTION)


async def ours(conn: Connection, merchant_id: str, clover_order_ids: Collection[str]) -> set[str]:
    """Return those of these orders in Clover that are known to be orders of ours."""
    return {row["clover_order_id"] for row in await conn.fetch(OURS, merchant_id, list(clover_order_ids))}


async def our_references(conn: Connection, merchant_id: str, references: Collection[str]) -> set[str]:
    """Return those of these references that are of orders of ours."""
    return {row["reference"] for row in await conn.fetch(OUR_REFERENCES, merchant_id, list(references))}


async def of_payments(conn: Connection, merchant_id: str, payment_ids: Collection[str]) -> Mapping[str, str]:
    """Return the order of each of these payments that was published."""
    rows = await conn.fetch(OF_PAYMENTS, merchant_id, list(payment_ids))
    return {row["part_id"]: row["clover_order_id"] for row in rows}


async def find(conn: Connection, merchant_id: str, clover_order_ids: Collection[str]) -> dict[str, StoredSale]:
    """Return those of these sales of which something was published."""
    rows = await conn.fetch(SALES, merchant_id, list(clover_order_ids))
    parts = await _parts(conn, merchant_id, [row["clover_order_id"] for row in rows])
    return {
        row["clover_order_id"]: StoredSale(
            Published(parts[row["clover_order_id"]], row["modified_at"]), row["currency"], row["missing_since"]
        )
        for row in rows
    }


async def save(unit: Unit, merchant_id: str, changes: Sequence[Change], published: Mapping[str, StoredSale]) -> None:
    """Store the published state of these sales; `published` holds the state published before."""
    if not changes:
        return
    await unit.conn.execute(
        SAVE,
        merchant_id,
        [each.id for each in changes],
        [each.currency for each in changes],
        [each.sold_at for each in changes],
        [each.modified_at for each in changes],
    )
    rows = [row for each in changes for row in _changed(each, published.get(each.id))]
    columns = list(zip(*rows, strict=True)) or [()] * 6
    await unit.conn.execute(SAVE_PARTS, merchant_id, *map(list, columns))


async def note_missing(unit: Unit, merchant_id: str, clover_order_ids: Collection[str]) -> None:
    """Note that Clover does not find these orders now."""
    await unit.conn.execute(NOTE_MISSING, merchant_id, list(clover_order_ids), unit.now)


async def note_found(unit: Unit, merchant_id: str, clover_order_ids: Collection[str]) -> None:
    """Note that Clover finds these orders again."""
    if clover_order_ids:
        await unit.conn.execute(NOTE_FOUND, merchant_id, list(clover_order_ids))


async def page(conn: Connection, merchant_id: str, after: int, limit: int) -> list[ShownSale]:
    """Return the merchant's sales in the order in which they were first published, starting after `after`."""
    rows = await conn.fetch(PAGE, merchant_id, after, limit)
    parts = await _parts(conn, merchant_id, [row["clover_order_id"] for row in rows])
    return [ShownSale(**row, published=Published(parts[row["clover_order_id"]], row["sold_at"])) for row in rows]


async def _parts(
    conn: Connection, merchant_id: str, clover_order_ids: Collection[str]
) -> Mapping[str, dict[tuple[Counted, str], Part]]:
    found: dict[str, dict[tuple[Counted, str], Part]] = defaultdict(dict)
    for row in await conn.fetch(PARTS, merchant_id, list(clover_order_ids)):
        part = Part(row["quantity"], row["amount"], row["item_id"])
        found[row["clover_order_id"]][Counted(row["kind"]), row["part_id"]] = part
    return found


def _changed(change: Change, published: StoredSale | None) -> Iterable[tuple[str, Counted, str, str | None, int, int]]:
    """Return the rows of the parts that differ from those published before."""
    before = published.published.parts if published else {}
    for key in sorted(before.keys() | change.parts.keys()):
        part = change.parts.get(key, Part(0, 0, before[key].item_id if key in before else None))
        if part != before.get(key):
            yield change.id, *key, part.item_id, part.quantity, part.amount
