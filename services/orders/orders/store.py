"""Every SQL statement of the orders schema."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from datetime import datetime, timedelta

import asyncpg

from common.contracts.problems import Code
from common.db.unit import Connection, Unit
from orders.domain.order import ENDED, Order, Shown, Wish
from orders.domain.progress import Progress, State, Step
from orders.domain.setup import Setup
from orders.domain.source import Line, Source

INSERT = """
INSERT INTO source_order (merchant_id, source_id, received_at, channel, store, number, currency, lines, total,
    placed_at, customer, reference)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING RETURNING arrival
"""

FIND = "SELECT * FROM source_order WHERE merchant_id = $1 AND source_id = ANY($2)"
FIND_AND_LOCK = "SELECT * FROM source_order WHERE merchant_id = $1 AND source_id = $2 FOR UPDATE"

# Only from the state it was read in: a cancellation may have come in between.
SAVE = """
UPDATE source_order SET state = $4, sending = $5, doubt_since = $6, looks = $7, attempts = $8, lines_sent = $9,
    clover_order_id = $10, clover_customer_id = $11, reason = $12, customer_settled = $13, doubts = $14
WHERE merchant_id = $1 AND source_id = $2 AND state = $3 RETURNING wish
"""
SAVE_WISH = "UPDATE source_order SET wish = $3 WHERE merchant_id = $1 AND source_id = $2"

INSERT_STEP = "INSERT INTO step (merchant_id, source_id, at, name, detail) VALUES ($1, $2, $3, $4, $5)"
STEPS = "SELECT at, name, detail FROM step WHERE merchant_id = $1 AND source_id = $2 ORDER BY id"

VIEW = """
SELECT o.*, w.held, w.problem, w.error, w.due_at FROM source_order o
LEFT JOIN work w ON w.merchant_id = o.merchant_id AND w.kind = 'push_order' AND w.key = o.source_id
WHERE o.merchant_id = $1
"""
VIEW_ONE = f"{VIEW} AND o.source_id = $2"
LIST = f"{VIEW} AND o.arrival > $2 ORDER BY o.arrival LIMIT $3"
LIST_HELD = f"{VIEW} AND o.arrival > $2 AND w.held AND o.state <> ALL($4) ORDER BY o.arrival LIMIT $3"
LIST_STATE = f"""
{VIEW} AND o.arrival > $2 AND o.state = $4 AND ($4 = ANY($5) OR w.held IS NOT TRUE) ORDER BY o.arrival LIMIT $3
"""

SETUP = "SELECT order_type_id, tender_id, checked_at, missing_since FROM setup WHERE merchant_id = $1"
SAVE_SETUP = """
INSERT INTO setup (merchant_id, order_type_id, tender_id, checked_at, missing_since) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (merchant_id) DO UPDATE SET order_type_id = excluded.order_type_id, tender_id = excluded.tender_id,
    checked_at = excluded.checked_at, missing_since = excluded.missing_since
"""
ANY_WAITING = "SELECT EXISTS (SELECT FROM work WHERE merchant_id = $1 AND held AND problem = ANY($2))"

PAUSE = "SELECT pauses, paused_until FROM setup WHERE merchant_id = $1"
SAVE_PAUSE = """
INSERT INTO setup (merchant_id, pauses, paused_until) VALUES ($1, $2, $3)
ON CONFLICT (merchant_id) DO UPDATE SET pauses = excluded.pauses, paused_until = excluded.paused_until
"""

SAVE_LINK = """
INSERT INTO link (merchant_id, sku, item_id) VALUES ($1, $2, $3)
ON CONFLICT (merchant_id, sku) DO UPDATE SET item_id = excluded.item_id
"""
LINKS = "SELECT sku, item_id FROM link WHERE merchant_id = $1 AND sku = ANY($2)"


@dataclass(frozen=True)
class Viewed:
    """An order with what the work table knows of it: whether it is held, under which problem, why, until when."""

    order: Order
    arrival: int
    received_at: datetime
    held: bool
    problem: Code | None
    error: str | None
    due_at: datetime | None


@dataclass(frozen=True)
class Happened:
    """One line of an order's timeline."""

    at: datetime
    name: str
    detail: str


@dataclass(frozen=True)
class Pause:
    """Nothing is created for a merchant before `until`; `count` is how many such pauses there were in a row."""

    count: int = 0
    until: datetime | None = None


async def insert(unit: Unit, order: Order) -> bool:
    """Keep a new order; whether it was new in its id and its reference."""
    source = order.source
    new = await unit.conn.fetch(
        INSERT,
        order.merchant_id,
        order.source_id,
        unit.now,
        source.channel,
        source.store,
        source.number,
        source.currency,
        json.dumps([asdict(line) for line in source.lines]),
        source.total,
        source.placed_at,
        order.customer,
        order.reference,
    )
    if new:
        note_step(unit, order.merchant_id, order.source_id, "received")
    return bool(new)


async def find(conn: Connection, merchant_id: str, source_ids: Collection[str]) -> list[Order]:
    """Those of these orders that there are, in the order asked for."""
    rows = await conn.fetch(FIND, merchant_id, list(source_ids))
    found = {row["source_id"]: _order(row) for row in rows}
    return [found[each] for each in source_ids if each in found]


async def find_and_lock(conn: Connection, merchant_id: str, source_id: str) -> Order | None:
    """The order, which nobody else changes before this transaction ends."""
    row = await conn.fetchrow(FIND_AND_LOCK, merchant_id, source_id)
    return _order(row) if row else None


async def save(unit: Unit, before: Order, after: Progress) -> bool:
    """Write how far the order got; False when it is no longer in the state it was read in."""
    saved = await unit.conn.fetch(SAVE, before.merchant_id, before.source_id, before.progress.state, *astuple(after))
    return bool(saved)


async def save_wish(unit: Unit, order: Order, wish: Wish) -> None:
    """Remember what the source wants of the order."""
    await unit.conn.execute(SAVE_WISH, order.merchant_id, order.source_id, wish)
    note_step(unit, order.merchant_id, order.source_id, f"{wish} asked for")


def note_step(unit: Unit, merchant_id: str, source_id: str, name: str, detail: str = "") -> None:
    """Add a line to the order's timeline."""
    unit.write(INSERT_STEP, merchant_id, source_id, unit.now, name, detail)


async def timeline(conn: Connection, merchant_id: str, source_id: str) -> list[Happened]:
    """What happened to the order, oldest first."""
    return [Happened(**row) for row in await conn.fetch(STEPS, merchant_id, source_id)]


async def view(conn: Connection, merchant_id: str, source_id: str) -> Viewed | None:
    """The order as it is shown."""
    row = await conn.fetchrow(VIEW_ONE, merchant_id, source_id)
    return _viewed(row) if row else None


async def page(conn: Connection, merchant_id: str, state: Shown | None, after: int, limit: int) -> list[Viewed]:
    """The merchant's orders in this state, or all, in order of arrival, from the one after `after`."""
    match state:
        case None:
            rows = await conn.fetch(LIST, merchant_id, after, limit)
        case Shown.HELD:
            rows = await conn.fetch(LIST_HELD, merchant_id, after, limit, list(ENDED))
        case _:
            rows = await conn.fetch(LIST_STATE, merchant_id, after, limit, state, list(ENDED))
    return [_viewed(row) for row in rows]


async def setup(conn: Connection, merchant_id: str) -> Setup:
    """What the merchant's Clover had when last looked at."""
    row = await conn.fetchrow(SETUP, merchant_id)
    return Setup(**row) if row else Setup()


async def save_setup(unit: Unit, merchant_id: str, found: Setup) -> None:
    """Remember what a look found."""
    await unit.conn.execute(
        SAVE_SETUP, merchant_id, found.order_type_id, found.tender_id, found.checked_at, found.missing_since
    )


async def any_waiting(conn: Connection, merchant_id: str, codes: Sequence[Code]) -> bool:
    """Whether anything of the merchant waits for one of these problems."""
    return bool(await conn.fetchval(ANY_WAITING, merchant_id, list(codes)))


async def pause(conn: Connection, merchant_id: str) -> Pause:
    """Until when nothing is created for the merchant."""
    row = await conn.fetchrow(PAUSE, merchant_id)
    return Pause(*row) if row else Pause()


async def save_pause(unit: Unit, merchant_id: str, count: int, wait: timedelta) -> None:
    """Create nothing for the merchant for so long; no wait ends the pauses."""
    await unit.conn.execute(SAVE_PAUSE, merchant_id, count, unit.now + wait)


def save_link(unit: Unit, merchant_id: str, sku: str, item_id: str) -> None:
    """This SKU is this item."""
    unit.write(SAVE_LINK, merchant_id, sku, item_id)


async def links(conn: Connection, merchant_id: str, skus: Collection[str]) -> Mapping[str, str]:
    """The Clover items of those of these SKUs that are linked."""
    rows = await conn.fetch(LINKS, merchant_id, list(skus))
    return {row["sku"]: row["item_id"] for row in rows}


def _order(row: asyncpg.Record) -> Order:
    source = Source(
        channel=row["channel"],
        store=row["store"],
        number=row["number"],
        currency=row["currency"],
        lines=tuple(Line(**line) for line in json.loads(row["lines"])),
        total=row["total"],
        customer=None,
        placed_at=row["placed_at"],
    )
    progress = Progress(
        state=State(row["state"]),
        sending=Step(row["sending"]) if row["sending"] else None,
        doubt_since=row["doubt_since"],
        looks=row["looks"],
        attempts=row["attempts"],
        lines_sent=row["lines_sent"],
        clover_order_id=row["clover_order_id"],
        clover_customer_id=row["clover_customer_id"],
        reason=row["reason"],
        customer_settled=row["customer_settled"],
        doubts=row["doubts"],
    )
    wish = Wish(row["wish"]) if row["wish"] else None
    return Order(row["merchant_id"], row["source_id"], row["reference"], source, row["customer"], wish, progress)


def _viewed(row: asyncpg.Record) -> Viewed:
    problem = Code(row["problem"]) if row["held"] and row["problem"] else None
    return Viewed(
        _order(row), row["arrival"], row["received_at"], bool(row["held"]), problem, row["error"], row["due_at"]
    )
