"""Publishes the sales that Clover made itself: by webhook at once, and by sweep those that no webhook reported."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from common.clover.transport import MerchantApi
from common.contracts.envelope import Event
from common.contracts.orders import PosRefundRecorded, PosSaleRecorded, ReturnedLine, SoldLine
from common.contracts.problems import Code
from common.db import merchants
from common.db.unit import Priority, Unit
from common.errors import NotFound
from common.work.batch import Batch
from orders import store
from orders.clover import sales as clover
from orders.clover.sale_responses import SaleResponse
from orders.deps import Deps
from orders.domain.sale_changes import Change, Line, Movement, decide, deleted
from orders.domain.sales import Sale
from orders.kinds import FIND_SETUP, READ_SALE, SALES_KEY, SETUP_KEY, SWEEP_SALES

OVERLAP = timedelta(minutes=2)
"""Part of the last sweep that is read again: Clover's lists lag behind (reported), and its times have no fractions."""

WINDOW = timedelta(days=90)
"""How far back Clover lists orders (documented)."""

CREDITS_FROM = timedelta(days=1)
"""Part of the time before a sweep whose credits are read again: one that is voided shows no other time than its own."""

KEPT = WINDOW + timedelta(days=30)
"""How long the parts of a sale are kept after its last change."""

SLICE_SECONDS = 1.0
"""A sweep pauses after this long, so that webhooks of the same merchant are not kept waiting."""

SOON = timedelta(seconds=20)
"""The delay of a sweep for payments whose order is not known, so that one sweep serves many of them."""

MISSING_FOR = timedelta(minutes=1)
"""An order counts as deleted once Clover did not find it for this long: a single 404 is weak evidence."""

LINES_AN_EVENT = 500
"""Lines of one event; an order may have 3,000, and a body of 256 KiB is refused by its receivers."""

LABEL = "Clover order {order_id}"


async def read_sale(batch: Batch, deps: Deps) -> None:
    """Read these orders and publish the changes of their sales.

    Clover sends no webhook when an order type or a tender changes. A missing one is looked for when orders change, as
    the merchant is at work in Clover then.
    """
    async with batch.database.connection() as conn:
        ours = await store.sales.ours(conn, batch.merchant_id, batch.keys)
        setup = await store.setup.find(conn, batch.merchant_id)
    if setup.missing_since:
        async with batch.unit() as unit:
            unit.mark(FIND_SETUP, batch.merchant_id, SETUP_KEY, priority=Priority.LIVE)
    order_ids = [key for key in batch.keys_untried_first if key not in ours]
    if not order_ids:
        return
    batch.subjects |= {each: LABEL.format(order_id=each) for each in order_ids}
    async with deps.clover.session(batch.merchant_id, batch.priority) as api:
        # One call lists many orders; a single one is read by its id, which no index delays.
        found = await clover.find(api, order_ids) if len(order_ids) > 1 else []
        await _publish(batch, api, found)
        listed, missing = {each.id for each in found}, list[str]()

        async def read(order_id: str) -> None:
            try:
                await _publish(batch, api, [await clover.show(api, order_id)])
            except NotFound:
                missing.append(order_id)

        await batch.for_each(
            [each for each in order_ids if each not in listed],
            read,
            rejected=Code.SALE_UNREADABLE,
            concurrency=lambda: api.concurrency,
        )
    await _note_missing(batch, missing)


async def find_payment(batch: Batch, deps: Deps) -> None:  # noqa: ARG001 - the form of a sync function
    """Sweep soon if the order of a payment is not known by now: its webhook was lost, or is late."""
    async with batch.unit() as unit:
        known = await store.sales.of_payments(unit.conn, batch.merchant_id, batch.keys)
        if set(batch.keys) - set(known):
            unit.mark(SWEEP_SALES, batch.merchant_id, SALES_KEY, priority=Priority.BULK, due=unit.now + SOON)


async def sweep_sales(batch: Batch, deps: Deps) -> None:
    """Read every order that changed since the last sweep, and those that were deleted; end with the connection."""
    async with batch.unit() as unit:
        if not await merchants.known(unit.conn, [batch.merchant_id]):
            return
        currency = (await merchants.find(unit.conn, batch.merchant_id)).currency
        watch = await store.sales.watch(unit, batch.merchant_id)
    begin = max(watch.read_until - OVERLAP, batch.now - WINDOW)
    latest, over = watch.sweep_from or begin, deps.database.clock.monotonic() + SLICE_SECONDS
    async with deps.clover.session(batch.merchant_id, batch.priority) as api:
        async for page in clover.changed_since(api, latest):
            await _publish(batch, api, await _not_ours(batch, page.orders))
            reached = max([latest, *(each.modified_at for each in page.orders)])
            async with batch.unit() as unit:
                unit.mark(READ_SALE, batch.merchant_id, page.odd)
                if reached > latest:
                    await store.sales.swept_to(unit, batch.merchant_id, reached)
            if reached > latest and deps.database.clock.monotonic() > over:
                batch.repeat(SALES_KEY, timedelta(0))
                return
            latest = reached
        gone = await clover.deleted_since(api, begin)
        given_back = await clover.credits_since(api, begin - CREDITS_FROM)
    async with batch.unit() as unit:
        await _record(unit, batch.merchant_id, [each.sale(currency) for each in given_back])
        await _publish_deleted(unit, batch.merchant_id, {each.id: each.deleted_at for each in gone})
        # Only Clover's times count: ours may be wrong, and one ahead of Clover's would hide all that follows.
        read_until = max([watch.read_until, *([latest] if latest > begin else []), *(each.deleted_at for each in gone)])
        await store.sales.swept(unit, batch.merchant_id, read_until)
        await store.sales.prune(unit, batch.merchant_id, read_until - KEPT)
    batch.repeat(SALES_KEY, deps.sales_sweep)


async def _not_ours(batch: Batch, shown: Sequence[SaleResponse]) -> list[SaleResponse]:
    async with batch.database.connection() as conn:
        ours = await store.sales.ours(conn, batch.merchant_id, [each.id for each in shown])
    return [each for each in shown if each.id not in ours]


async def _publish(batch: Batch, api: MerchantApi, shown: Sequence[SaleResponse]) -> None:
    """Publish the changes of the sales of these orders, except those of ours."""
    sales = [sale for each in shown if (sale := await clover.whole(api, each)) is not None]
    if not sales:
        return
    async with batch.unit() as unit:
        references = [sale.reference for sale in sales if sale.reference]
        ours = await store.sales.our_references(unit.conn, batch.merchant_id, references)
        await _record(unit, batch.merchant_id, [sale for sale in sales if sale.reference not in ours])


async def _record(unit: Unit, merchant_id: str, sales: Sequence[Sale]) -> None:
    """Store the new state of these sales, and publish their changes."""
    if not sales:
        return
    since = (await store.sales.watch(unit, merchant_id)).since.replace(microsecond=0)  # as exact as Clover's times
    stored = await store.sales.find(unit.conn, merchant_id, [sale.id for sale in sales])
    published = {order_id: each.published for order_id, each in stored.items()}
    await store.sales.note_found(unit, merchant_id, [key for key, each in stored.items() if each.missing_since])
    changes = [change for sale in sales if (change := decide(sale, published.get(sale.id), since))]
    await store.sales.save(unit, merchant_id, changes, stored)
    items = {line.item_id for each in changes for line in (*each.sold.lines, *each.returned.lines) if line.item_id}
    skus = await store.links.of_items(unit.conn, merchant_id, items) if items else {}
    for change in changes:
        unit.emit(*_events(merchant_id, change, skus))


async def _publish_deleted(unit: Unit, merchant_id: str, deleted_at: dict[str, datetime]) -> None:
    """Publish that the sales of these orders are void."""
    stored = await store.sales.find(unit.conn, merchant_id, deleted_at)
    sales = [deleted(key, each.currency, each.published, deleted_at[key]) for key, each in stored.items()]
    await _record(unit, merchant_id, sales)


async def _note_missing(batch: Batch, order_ids: Sequence[str]) -> None:
    """Look again for orders that Clover does not find, and publish those as void that were missing for long."""
    if not order_ids:
        return
    async with batch.unit() as unit:
        await store.sales.note_missing(unit, batch.merchant_id, order_ids)
        stored = await store.sales.find(unit.conn, batch.merchant_id, order_ids)
        counted = {key: each for key, each in stored.items() if each.published.parts}
        missing = {key: each.missing_since for key, each in counted.items() if each.missing_since}
        long = {key: since for key, since in missing.items() if unit.now - since >= MISSING_FOR}
        await _publish_deleted(unit, batch.merchant_id, long)
    for order_id in missing.keys() - long.keys():
        batch.retry(order_id, MISSING_FOR)


def _events(merchant_id: str, change: Change, skus: Mapping[str, str]) -> Iterator[Event]:
    """Return the events of the change; one with very many lines is published in several."""
    ids = {"merchant_id": merchant_id, "clover_order_id": change.order_id, "currency": change.currency}
    for part in change.sold.portions(LINES_AN_EVENT):
        sold = [SoldLine(**_line(line, skus)) for line in part.lines]
        yield PosSaleRecorded(**ids, **_money(part), sold_at=change.sold_at, lines=sold)
    for part in change.returned.portions(LINES_AN_EVENT):
        returned = [ReturnedLine(**_line(line, skus), cause=line.cause) for line in part.lines]
        yield PosRefundRecorded(**ids, **_money(part), returned_at=change.returned_at, lines=returned)


def _money(movement: Movement) -> dict[str, int]:
    return {
        "amount": movement.amount,
        "added_tax": movement.added_tax,
        "contained_tax": movement.contained_tax,
        "tips": movement.tips,
        "other": movement.other,
    }


def _line(line: Line, skus: Mapping[str, str]) -> dict[str, Any]:
    return {
        "line_item_id": line.id,
        "item_id": line.item_id,
        "sku": skus.get(line.item_id) if line.item_id else None,
        "quantity": line.quantity,
        "amount": line.amount,
    }
