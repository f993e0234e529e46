"""Every SQL statement on catalog's own tables."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg

from catalog.domain.products import Entry, Held, ItemFields, Product, Status
from catalog.domain.quota import WINDOW, Claim, Limits, Share, State, divide
from common.contracts.problems import Code
from common.db.unit import Connection
from common.errors import Invalid, NotFound
from common.money import Money

PUSH_PRODUCT = "push_product"
"""The kind of work that brings a product to Clover; its key is the product id."""

TICKET = timedelta(seconds=1)
"""How long a place in the queue for a grant is kept for somebody who does not ask again."""

ON_ITS_WAY = timedelta(seconds=0.5)
"""How much longer than its holder is told a grant is counted, because the answer takes its time to get there."""

SAVE_CONNECTION = """
INSERT INTO connection (merchant_id, name, token, email, connected_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (merchant_id) DO UPDATE SET
    name = excluded.name, token = excluded.token, email = excluded.email, connected_at = excluded.connected_at
RETURNING xmax = 0 AS new
"""
FIND_CONNECTION = """
SELECT merchant_id, account_id, region, currency, timezone, name, token, email, connected_at
FROM connection JOIN merchant USING (merchant_id) WHERE merchant_id = $1
"""

# One at a time divides the quota. Losing the last moment's grants in a crash of the database is harmless: it takes
# longer to come back than they live; so nobody waits for the disk.
LOCK_GRANTS = """
SELECT set_config('synchronous_commit', 'off', true), pg_advisory_xact_lock(hashtext('catalog.grants')),
    clock_timestamp() AS now
"""
CLAIMS = """
WITH expired AS (DELETE FROM grants WHERE expires_at <= $1)
SELECT grant_id, holder, merchant_id, state, since, rate, concurrency FROM grants WHERE expires_at > $1
"""
SAVE_CLAIM = """
INSERT INTO grants (merchant_id, holder, grant_id, service, state, since, rate, concurrency, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (merchant_id, holder) DO UPDATE SET
    grant_id = excluded.grant_id, service = excluded.service, state = excluded.state, since = excluded.since,
    rate = excluded.rate, concurrency = excluded.concurrency, expires_at = excluded.expires_at
"""
GIVE_BACK = """
UPDATE grants SET state = 'returned', rate = 0, concurrency = 0, expires_at = since + $2
WHERE grant_id = $1 AND state = 'holding'
"""

ENTRIES = """
SELECT p.product_id, p.name, p.sku, p.price, p.currency, p.status, p.barcode, p.updated_at, p.item_id, p.sent,
    p.creating_since, p.creating_sku, w.problem, w.error, coalesce(w.held, false) AS held
FROM product p LEFT JOIN work w ON w.merchant_id = p.merchant_id AND w.kind = 'push_product' AND w.key = p.product_id
WHERE p.merchant_id = $1
"""
SAVE_PRODUCT = """
INSERT INTO product (merchant_id, product_id, name, sku, price, currency, status, barcode, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (merchant_id, product_id) DO UPDATE SET
    name = excluded.name, sku = excluded.sku, price = excluded.price, currency = excluded.currency,
    status = excluded.status, barcode = excluded.barcode, updated_at = excluded.updated_at
WHERE (product.name, product.sku, product.price, product.currency, product.status, product.barcode)
    IS DISTINCT FROM (excluded.name, excluded.sku, excluded.price, excluded.currency, excluded.status, excluded.barcode)
"""
SAVE_SENT = """
UPDATE product SET item_id = $3, sent = $4, creating_since = NULL, creating_sku = NULL
WHERE merchant_id = $1 AND product_id = $2
"""
NOTE_CREATE = "UPDATE product SET creating_since = $3, creating_sku = $4 WHERE merchant_id = $1 AND product_id = $2"
OWNER = "SELECT product_id FROM product WHERE merchant_id = $1 AND item_id = $2"


@dataclass(frozen=True)
class CloverConnection:
    """How to speak to a merchant's Clover, and for whom. `token` and `email` are sealed."""

    merchant_id: str
    account_id: str
    region: str
    currency: str
    timezone: str
    name: str
    token: bytes = field(repr=False)
    email: bytes = field(repr=False)
    connected_at: datetime


async def owning_account(conn: Connection, merchant_id: str) -> str | None:
    """The account the merchant belongs to, held fast for the rest of the transaction; None when it is new."""
    account: str | None = await conn.fetchval(
        "SELECT account_id FROM merchant WHERE merchant_id = $1 FOR UPDATE", merchant_id
    )
    return account


async def save_connection(
    conn: Connection, merchant_id: str, name: str, token: bytes, email: bytes, now: datetime
) -> bool:
    """Remember how to speak to the merchant; whether this is the first time."""
    return bool(await conn.fetchval(SAVE_CONNECTION, merchant_id, name, token, email, now))


async def find_connection(conn: Connection, merchant_id: str) -> CloverConnection:
    """The connection. Raises NotFound when the merchant is not connected."""
    row = await conn.fetchrow(FIND_CONNECTION, merchant_id)
    if row is None:
        raise NotFound(f"There is no merchant {merchant_id} here.")
    return CloverConnection(**row)


async def take_grant(
    conn: Connection, limits: Limits, merchant_id: str, holder: UUID, service: str, lasts: timedelta
) -> tuple[UUID, Share] | None:
    """A share of Clover's limits for this holder, or its renewal; None while there is no room, and a place in line.

    A renewal that is refused leaves the grant as it is until it expires.
    """
    [locked] = await conn.fetch(LOCK_GRANTS)
    now = locked["now"]
    rows = {(row["merchant_id"], row["holder"]): row for row in await conn.fetch(CLAIMS, now)}
    own = rows.pop((merchant_id, holder), None)
    state = own["state"] if own else None
    since = own["since"] if own and state == State.WAITING else now
    share = divide(limits, [_claim(row) for row in rows.values()], merchant_id, since, now)
    if share is None:
        if state != State.HOLDING:
            await conn.execute(
                SAVE_CLAIM, merchant_id, holder, uuid4(), service, State.WAITING, since, 0.0, 0, now + TICKET
            )
        return None
    grant_id, began = (own["grant_id"], own["since"]) if own and state == State.HOLDING else (uuid4(), now)
    until = now + lasts + ON_ITS_WAY
    await conn.execute(
        SAVE_CLAIM,
        merchant_id,
        holder,
        grant_id,
        service,
        State.HOLDING,
        began,
        share.rate,
        share.concurrency,
        until,
    )
    return grant_id, share


async def give_back(conn: Connection, grant_id: UUID) -> None:
    """Let others have this share; that its first call is not a second old yet stays known."""
    await conn.execute(GIVE_BACK, grant_id, WINDOW)


async def save_product(conn: Connection, merchant_id: str, product: Product, now: datetime) -> Entry:
    """Keep the product as it is wanted. Raises Invalid when another product has its SKU."""
    try:
        await conn.execute(
            SAVE_PRODUCT,
            merchant_id,
            product.product_id,
            product.name,
            product.sku,
            product.price.amount,
            product.price.currency,
            product.status,
            product.barcode,
            now,
        )
    except asyncpg.UniqueViolationError:
        raise Invalid.field(
            "sku", "belongs to another product of this merchant", "Give each product a SKU of its own."
        ) from None
    return await find_product(conn, merchant_id, product.product_id)


async def find_product(conn: Connection, merchant_id: str, product_id: str) -> Entry:
    """The product. Raises NotFound."""
    row = await conn.fetchrow(f"{ENTRIES} AND p.product_id = $2", merchant_id, product_id)
    if row is None:
        raise NotFound(f"There is no product {product_id} of this merchant here.")
    return _entry(row)


async def list_products(conn: Connection, merchant_id: str, after: str, limit: int) -> list[Entry]:
    """The products after this id, in the order of their ids."""
    sql = f"{ENTRIES} AND p.product_id > $2 ORDER BY p.product_id LIMIT $3"
    return [_entry(row) for row in await conn.fetch(sql, merchant_id, after, limit)]


async def products(conn: Connection, merchant_id: str, product_ids: Sequence[str]) -> list[Entry]:
    """Those of these products that exist, in the order given."""
    sql = f"{ENTRIES} AND p.product_id = ANY($2::text[]) ORDER BY array_position($2::text[], p.product_id)"
    return [_entry(row) for row in await conn.fetch(sql, merchant_id, product_ids)]


async def save_sent(conn: Connection, merchant_id: str, product_id: str, item_id: str, sent: ItemFields) -> None:
    """The product is this item, and Clover has these fields of it."""
    await conn.execute(SAVE_SENT, merchant_id, product_id, item_id, json.dumps(asdict(sent)))


async def note_create(
    conn: Connection, merchant_id: str, product_id: str, since: datetime | None, sku: str | None
) -> None:
    """An item with this SKU is about to be created for the product; None: it surely was not."""
    await conn.execute(NOTE_CREATE, merchant_id, product_id, since, sku)


async def owner(conn: Connection, merchant_id: str, item_id: str) -> str | None:
    """The product that is linked to this item already, if any."""
    found: str | None = await conn.fetchval(OWNER, merchant_id, item_id)
    return found


def _claim(row: asyncpg.Record) -> Claim:
    return Claim(row["merchant_id"], State(row["state"]), row["since"], row["rate"], row["concurrency"])


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(
        product=Product(
            product_id=row["product_id"],
            name=row["name"],
            sku=row["sku"],
            price=Money(amount=row["price"], currency=row["currency"]),
            status=Status(row["status"]),
            barcode=row["barcode"],
        ),
        updated_at=row["updated_at"],
        item_id=row["item_id"],
        sent=ItemFields(**json.loads(row["sent"])) if row["sent"] else None,
        creating_since=row["creating_since"],
        creating_sku=row["creating_sku"],
        held=Held(Code(row["problem"]), row["error"] or "") if row["held"] else None,
    )
