"""Erases personal data on request."""

from datetime import datetime

import structlog

from common.db.unit import Unit

log = structlog.get_logger()

# An order that is still to be sent goes without its customer, and is known to when it is sent to us again.
ERASE_CUSTOMERS = """
UPDATE source_order SET customer = NULL, erased = true
WHERE merchant_id = $1 AND received_at < $2 AND customer IS NOT NULL
RETURNING reference
"""


async def erase_customers(unit: Unit, merchant_id: str, before: datetime) -> None:
    """Erase the sealed customers and the notes of the orders received before this time."""
    erased = await unit.conn.fetch(ERASE_CUSTOMERS, merchant_id, before)
    log.info("customers erased on request", merchant_id=merchant_id, orders=len(erased))
