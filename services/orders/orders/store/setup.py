"""The order type and tender last seen in each merchant's Clover, and the merchant's choices for its orders."""

from pydantic import TypeAdapter

from common.db.unit import Connection, Unit
from orders.domain.setup import Books, Setup
from orders.domain.taxes import MerchantTaxes
from orders.domain.waiting import UnlinkedSkus

FIND = """
SELECT order_type_id, tender_id, checked_at, missing_since, currency, taxes FROM setup WHERE merchant_id = $1
"""
SAVE = """
INSERT INTO setup (merchant_id, order_type_id, tender_id, checked_at, missing_since, currency, taxes)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (merchant_id) DO UPDATE SET order_type_id = excluded.order_type_id, tender_id = excluded.tender_id,
    checked_at = excluded.checked_at, missing_since = excluded.missing_since,
    currency = excluded.currency, taxes = excluded.taxes
"""

UNLINKED_SKUS = "SELECT unlinked_skus FROM setup WHERE merchant_id = $1"
SAVE_UNLINKED_SKUS = """
INSERT INTO setup (merchant_id, unlinked_skus) VALUES ($1, $2)
ON CONFLICT (merchant_id) DO UPDATE SET unlinked_skus = excluded.unlinked_skus
"""

_TAXES = TypeAdapter(MerchantTaxes)


async def find(conn: Connection, merchant_id: str) -> Setup:
    """Return the setup as last seen in the merchant's Clover."""
    row = await conn.fetchrow(FIND, merchant_id)
    if row is None:
        return Setup()
    taxes = _TAXES.validate_json(row["taxes"]) if row["taxes"] else MerchantTaxes()
    return Setup(
        row["order_type_id"], row["tender_id"], row["checked_at"], row["missing_since"], Books(row["currency"], taxes)
    )


async def save(unit: Unit, merchant_id: str, setup: Setup) -> None:
    """Store the result of a look at the setup."""
    await unit.conn.execute(
        SAVE,
        merchant_id,
        setup.order_type_id,
        setup.tender_id,
        setup.checked_at,
        setup.missing_since,
        setup.books.currency,
        _TAXES.dump_json(setup.books.taxes).decode(),
    )


async def unlinked_skus(conn: Connection, merchant_id: str) -> UnlinkedSkus:
    """Return the merchant's choice for orders with unlinked SKUs."""
    return UnlinkedSkus(await conn.fetchval(UNLINKED_SKUS, merchant_id) or UnlinkedSkus.SEND)


async def save_unlinked_skus(unit: Unit, merchant_id: str, choice: UnlinkedSkus) -> None:
    """Store the merchant's choice for orders with unlinked SKUs."""
    await unit.conn.execute(SAVE_UNLINKED_SKUS, merchant_id, choice)
