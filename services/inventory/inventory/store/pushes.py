"""Records pushes to Clover, and finds the items that need one."""

from collections.abc import Sequence
from datetime import datetime

from common.db.unit import Connection, Unit
from inventory.domain.pushes import Push, PushOutcome

NEEDED = """
SELECT item_id FROM level
WHERE merchant_id = $1 AND on_hand IS NOT NULL AND on_hand IS DISTINCT FROM shadow
    AND ($2::text[] IS NULL OR item_id = ANY($2))
UNION
SELECT item_id FROM push
WHERE merchant_id = $1 AND outcome IS NULL AND ($2::text[] IS NULL OR item_id = ANY($2))
"""
OPEN = """
SELECT push_id, item_id, base, target, opened_at, deadline
FROM push WHERE merchant_id = $1 AND item_id = ANY($2) AND outcome IS NULL
"""
ADD = """
INSERT INTO push (merchant_id, push_id, item_id, base, target, opened_at, deadline)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
CLOSE = "UPDATE push SET outcome = $3, closed_at = $4 WHERE merchant_id = $1 AND push_id = $2"
EXTEND_DEADLINE = "UPDATE push SET deadline = $3 WHERE merchant_id = $1 AND push_id = $2"


async def items_to_push(conn: Connection, merchant_id: str, among: Sequence[str] | None = None) -> list[str]:
    """Return the items, all or among these, whose number Clover has yet to receive or whose push is open."""
    return [row["item_id"] for row in await conn.fetch(NEEDED, merchant_id, among)]


async def open_pushes(conn: Connection, merchant_id: str, item_ids: Sequence[str]) -> dict[str, Push]:
    """Return the open pushes of these items, by item id."""
    return {row["item_id"]: Push(**row) for row in await conn.fetch(OPEN, merchant_id, item_ids)}


async def add_push(unit: Unit, merchant_id: str, push: Push) -> None:
    """Record a write before it is sent. The database refuses a second open push of an item."""
    await unit.conn.execute(
        ADD, merchant_id, push.push_id, push.item_id, push.base, push.target, push.opened_at, push.deadline
    )


async def close_push(unit: Unit, merchant_id: str, push: Push, outcome: PushOutcome) -> None:
    """Record the outcome of this push."""
    await unit.conn.execute(CLOSE, merchant_id, push.push_id, outcome, unit.now)


async def extend_deadline(unit: Unit, merchant_id: str, push: Push, deadline: datetime) -> None:
    """The write of this push may arrive until then."""
    await unit.conn.execute(EXTEND_DEADLINE, merchant_id, push.push_id, deadline)
