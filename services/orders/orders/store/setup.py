"""The order type and tender last seen in each merchant's Clover, and until when creating pauses there."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from common.db.unit import Connection, Unit
from orders.domain.setup import Setup
from orders.domain.taxes import MerchantTaxes

FIND = "SELECT order_type_id, tender_id, checked_at, missing_since, taxes FROM setup WHERE merchant_id = $1"
SAVE = """
INSERT INTO setup (merchant_id, order_type_id, tender_id, checked_at, missing_since, taxes)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (merchant_id) DO UPDATE SET order_type_id = excluded.order_type_id, tender_id = excluded.tender_id,
    checked_at = excluded.checked_at, missing_since = excluded.missing_since, taxes = excluded.taxes
"""

PAUSE = "SELECT pauses, paused_until FROM setup WHERE merchant_id = $1"
SAVE_PAUSE = """
INSERT INTO setup (merchant_id, pauses, paused_until) VALUES ($1, $2, $3)
ON CONFLICT (merchant_id) DO UPDATE SET pauses = excluded.pauses, paused_until = excluded.paused_until
"""


_TAXES = TypeAdapter(MerchantTaxes)


@dataclass(frozen=True)
class Pause:
    """No order is created for a merchant before `until`; `count` is the number of such pauses in a row."""

    count: int = 0
    until: datetime | None = None


async def find(conn: Connection, merchant_id: str) -> Setup:
    """Return the setup as last seen in the merchant's Clover."""
    row = await conn.fetchrow(FIND, merchant_id)
    if row is None:
        return Setup()
    taxes = _TAXES.validate_json(row["taxes"]) if row["taxes"] else MerchantTaxes()
    return Setup(row["order_type_id"], row["tender_id"], row["checked_at"], row["missing_since"], taxes)


async def save(unit: Unit, merchant_id: str, setup: Setup) -> None:
    """Store the result of a look at the setup."""
    await unit.conn.execute(
        SAVE,
        merchant_id,
        setup.order_type_id,
        setup.tender_id,
        setup.checked_at,
        setup.missing_since,
        _TAXES.dump_json(setup.taxes).decode(),
    )


async def pause(conn: Connection, merchant_id: str) -> Pause:
    """Return the pause in creating the merchant's orders."""
    row = await conn.fetchrow(PAUSE, merchant_id)
    return Pause(count=row["pauses"], until=row["paused_until"]) if row else Pause()


async def save_pause(unit: Unit, merchant_id: str, count: int, wait: timedelta) -> None:
    """Pause creating the merchant's orders for so long; zero ends the pauses."""
    await unit.conn.execute(SAVE_PAUSE, merchant_id, count, unit.now + wait)
