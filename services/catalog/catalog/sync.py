"""Brings products to Clover, within grants that catalog takes from its own table."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID, uuid4

import structlog
from pydantic import SecretStr

from catalog import clover, store
from catalog.domain.products import Entry, ItemFields
from catalog.domain.quota import Limits
from common.clover.grants import Grant, patiently
from common.clover.transport import Clover, MerchantApi
from common.contracts.catalog import ProductLinked
from common.contracts.problems import Code
from common.db.database import Database
from common.errors import Ambiguous, Conflict, Forbidden, NotFound, Permanent, Throttled, Transient
from common.seal import NotOpened, Sealer
from common.work.batch import Batch, Kind

log = structlog.get_logger()

LOOK_AGAIN = timedelta(seconds=5)
"""How often a create with no known end is looked for."""


def token_context(merchant_id: str) -> str:
    """What a sealed API token is bound to."""
    return f"clover-token|{merchant_id}"


def email_context(merchant_id: str) -> str:
    """What a sealed account address is bound to."""
    return f"account-email|{merchant_id}"


@dataclass(frozen=True)
class LocalGrants:
    """Grants straight from catalog's table: for its own worker, and for the services that ask over HTTP."""

    database: Database
    sealer: Sealer
    limits: Limits
    lasts: timedelta
    holder: UUID = field(default_factory=uuid4)

    async def take(self, merchant_id: str) -> Grant:
        """See common.clover.grants.Grants."""
        try:
            return await patiently(lambda: self.lease(merchant_id, self.holder, "catalog"), self.database.clock)
        except NotFound as error:
            raise Forbidden(str(error)) from error

    async def give_back(self, grant: Grant) -> None:
        """See common.clover.grants.Grants."""
        try:
            await self.end(UUID(grant.grant_id))
        except Transient as error:
            log.warning("a grant is left to expire", reason=str(error))

    async def lease(self, merchant_id: str, holder: UUID, service: str) -> Grant:
        """Raises Throttled while there is no room, NotFound when the merchant is not connected, Forbidden."""
        async with self.database.connection() as conn:
            known = await store.find_connection(conn, merchant_id)
        try:
            token = self.sealer.open(known.token, context=token_context(merchant_id)).decode()
        except NotOpened as error:
            raise Forbidden("The stored access to Clover cannot be opened; connect Clover again.") from error
        return await self.lease_with(token, known.region, merchant_id, holder, service)

    async def lease_with(self, token: str, region: str, merchant_id: str, holder: UUID, service: str) -> Grant:
        """The same with a token that need not be kept."""
        async with self.database.unit() as unit:
            taken = await store.take_grant(unit.conn, self.limits, merchant_id, holder, service, self.lasts)
        if taken is None:  # raised only now, so that the place in line is committed
            raise Throttled("All calls Clover allows are taken.")
        grant_id, share = taken
        return Grant(
            grant_id=str(grant_id),
            merchant_id=merchant_id,
            region=region,
            access_token=token,
            rate=share.rate,
            concurrency=share.concurrency,
            expires_in=self.lasts.total_seconds(),
        )

    async def end(self, grant_id: UUID) -> None:
        """Let others have it; one that is gone already may be ended again."""
        async with self.database.connection() as conn:
            await store.give_back(conn, grant_id)


@dataclass(frozen=True)
class TrialGrants:
    """Grants with a token that is not kept yet, to find out what it opens."""

    grants: LocalGrants
    token: SecretStr
    region: str
    holder: UUID = field(default_factory=uuid4)

    async def take(self, merchant_id: str) -> Grant:
        """See common.clover.grants.Grants."""
        token = self.token.get_secret_value()
        return await patiently(
            lambda: self.grants.lease_with(token, self.region, merchant_id, self.holder, "catalog"),
            self.grants.database.clock,
        )

    async def give_back(self, grant: Grant) -> None:
        """See common.clover.grants.Grants."""
        await self.grants.give_back(grant)


@dataclass(frozen=True)
class Deps:
    """What catalog's functions work with. `trial` speaks to Clover with a token that is not kept yet."""

    database: Database
    sealer: Sealer
    grants: LocalGrants
    clover: Clover
    trial: Callable[[TrialGrants], Clover]
    create_settles: timedelta


async def push_product(batch: Batch, deps: Deps) -> None:
    """Create or update the Clover items of these products, linking what is there already."""
    async with deps.database.connection() as conn:
        entries = await store.products(conn, batch.merchant_id, batch.keys_untried_first)
    due = [entry for entry in entries if entry.is_due]
    if not due:
        return
    async with deps.clover.session(batch.merchant_id) as api:
        for entry in due:
            try:
                await _push(batch, deps, api, entry)
            except (Throttled, Forbidden, Conflict):
                raise
            except Permanent as error:
                batch.hold(entry.product.product_id, Code.PRODUCT_REJECTED, str(error))
            except (Transient, Ambiguous) as error:
                batch.failed_or_raise(entry.product.product_id, error)


async def _push(batch: Batch, deps: Deps, api: MerchantApi, entry: Entry) -> None:
    if entry.item_id:
        await _update(batch, api, entry, entry.item_id, entry.sent)
    else:
        await _find_or_create(batch, deps, api, entry)


async def _find_or_create(batch: Batch, deps: Deps, api: MerchantApi, entry: Entry) -> None:
    """Link the item that carries the SKU; create one only when there is none, and none can still turn up.

    One whose creation is in doubt carries the SKU it was created with, whatever the product's is by now.
    """
    sku = entry.creating_sku or entry.product.sku
    found = await clover.items_with_sku(api, sku)
    settles = entry.creating_since and entry.creating_since + deps.create_settles
    if len(found) > 1:
        reason = f"Clover has {len(found)} items with the SKU {sku}; keep one, or give each its own."
        batch.hold(entry.product.product_id, Code.PRODUCT_REJECTED, reason)
    elif found:
        await _link(batch, api, entry, found[0])
    elif settles and batch.now < settles:
        batch.retry(entry.product.product_id, min(LOOK_AGAIN, settles - batch.now))
    elif sku != entry.product.sku:
        await _find_or_create(batch, deps, api, replace(entry, creating_since=None, creating_sku=None))
    else:
        await _create(batch, api, entry)


async def _link(batch: Batch, api: MerchantApi, entry: Entry, item: clover.Item) -> None:
    product_id, known = entry.product.product_id, entry.taken_over(item.fields())
    async with batch.unit() as unit:
        owner = await store.owner(unit.conn, batch.merchant_id, item.id)
        if owner is None:
            await store.save_sent(unit.conn, batch.merchant_id, product_id, item.id, known)
            unit.emit(_linked(batch, entry, item.id))
    if owner is not None:
        reason = f"The item in Clover with the SKU {entry.product.sku} belongs to the product {owner}."
        batch.hold(product_id, Code.PRODUCT_REJECTED, reason)
        return
    await _update(batch, api, entry, item.id, known)


async def _create(batch: Batch, api: MerchantApi, entry: Entry) -> None:
    """Create the item, having noted that we are about to: whatever happens then, it is looked for first."""
    product_id = entry.product.product_id
    async with batch.unit() as unit:
        await store.note_create(unit.conn, batch.merchant_id, product_id, unit.now, entry.product.sku)
    try:
        item = await clover.create_item(api, entry.wanted)
    except (Permanent, Transient):  # not Ambiguous: nothing was created
        async with batch.unit() as unit:
            await store.note_create(unit.conn, batch.merchant_id, product_id, None, None)
        raise
    async with batch.unit() as unit:
        await store.save_sent(unit.conn, batch.merchant_id, product_id, item.id, entry.wanted)
        unit.emit(_linked(batch, entry, item.id))


async def _update(batch: Batch, api: MerchantApi, entry: Entry, item_id: str, known: ItemFields | None) -> None:
    """Send the fields that differ from what Clover has; sending them twice does no harm."""
    changes = entry.wanted.changes_from(known)
    if not changes:
        return
    await clover.update_item(api, item_id, changes)
    async with batch.unit() as unit:
        await store.save_sent(unit.conn, batch.merchant_id, entry.product.product_id, item_id, entry.wanted)
        if "sku" in changes:
            unit.emit(_linked(batch, entry, item_id))


def _linked(batch: Batch, entry: Entry, item_id: str) -> ProductLinked:
    return ProductLinked(
        merchant_id=batch.merchant_id,
        product_id=entry.product.product_id,
        sku=entry.product.sku,
        item_id=item_id,
    )


SYNC = [Kind(store.PUSH_PRODUCT, push_product, refused=Code.PRODUCT_REJECTED)]
