"""Publishes the sales that Clover made itself: by webhook at once, and by sweep what no webhook reported."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from common.clover.transport import MerchantApi
from common.contracts.envelope import Event
from common.contracts.orders import PosRefundRecorded, PosSaleRecorded, ReturnedLine, SoldLine
from common.contracts.problems import Code
from common.db import merchants
from common.db.unit import Priority, Unit
from common.errors import NotFound, Rejected, Throttled, Transient, Undecodable
from common.work.batch import Batch
from orders import store
from orders.clover import sales as clover
from orders.clover.sales import SaleResponse
from orders.deps import Deps
from orders.domain.sales import Change, Line, Movement, Sale, decide, deleted
from orders.kinds import FIND_SETUP, READ_SALE, SALES_KEY, SETUP_KEY, SWEEP_SALES

OVERLAP = timedelta(minutes=2)
"""Part of the last sweep that is read again: Clover's lists lag behind (reported), and its times have no fractions."""

WINDOW = timedelta(days=90)
"""How far back Clover lists orders (documented)."""

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
    """Read these orders and publish what changed about their sales.

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
        listed = {each.id for each in found}
        missing = [each for each in order_ids if each not in listed and await _is_missing(batch, api, each)]
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
        watch = await store.sales.watch(unit, batch.merchant_id)
    begin = max(watch.read_until - OVERLAP, batch.now - WINDOW)
    latest, over = watch.sweep_from or begin, deps.database.clock.monotonic() + SLICE_SECONDS
    async with deps.clover.session(batch.merchant_id, batch.priority) as api:
        async for page in clover.changed_since(api, latest):
            await _publish(batch, api, await _not_ours(batch, page.orders))
            reached = max([latest, *(each.sale(()).modified_at for each in page.orders)])
            async with batch.unit() as unit:
                unit.mark(READ_SALE, batch.merchant_id, page.odd)
                await store.sales.swept_to(unit, batch.merchant_id, reached)
            if reached > latest and deps.database.clock.monotonic() > over:
                batch.repeat(SALES_KEY, timedelta(0))
                return
            latest = reached
        gone = await clover.deleted_since(api, begin)
    async with batch.unit() as unit:
        await _publish_deleted(unit, batch.merchant_id, {each.id: each.deleted_at for each in gone})
        await store.sales.swept(unit, batch.merchant_id, max([latest, *(each.deleted_at for each in gone)]))
    batch.repeat(SALES_KEY, deps.sales_sweep)


async def _is_missing(batch: Batch, api: MerchantApi, order_id: str) -> bool:
    """Read one order and publish its sale. Returns whether Clover does not find it."""
    try:
        await _publish(batch, api, [await clover.show(api, order_id)])
    except NotFound:
        return True
    except (Rejected, Undecodable) as error:
        batch.hold(order_id, Code.SALE_UNREADABLE, str(error))
    except Throttled:
        raise
    except Transient as error:
        batch.failed(order_id, error)
    return False


async def _not_ours(batch: Batch, shown: Sequence[SaleResponse]) -> list[SaleResponse]:
    async with batch.database.connection() as conn:
        ours = await store.sales.ours(conn, batch.merchant_id, [each.id for each in shown])
    return [each for each in shown if each.id not in ours]


async def _publish(batch: Batch, api: MerchantApi, shown: Sequence[SaleResponse]) -> None:
    """Publish what changed about the sales of these orders, except those of ours."""
    sales = [sale for each in shown if (sale := await clover.whole(api, each)) is not None]
    if not sales:
        return
    async with batch.unit() as unit:
        references = [sale.reference for sale in sales if sale.reference]
        ours = await store.sales.our_references(unit.conn, batch.merchant_id, references)
        await _record(unit, batch.merchant_id, [sale for sale in sales if sale.reference not in ours])


async def _record(unit: Unit, merchant_id: str, sales: Sequence[Sale]) -> None:
    """Store what is to be published of these sales, and publish it."""
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
    """Return the events of the change; one with very many lines is published in several, the money with the first."""
    ids = {"merchant_id": merchant_id, "clover_order_id": change.order_id, "currency": change.currency}
    for amount, lines in _portions(change.sold):
        sold = [SoldLine(**_line(line, skus)) for line in lines]
        yield PosSaleRecorded(**ids, amount=amount, sold_at=change.sold_at, lines=sold)
    for amount, lines in _portions(change.returned):
        returned = [ReturnedLine(**_line(line, skus), cause=line.cause) for line in lines]
        yield PosRefundRecorded(**ids, amount=amount, returned_at=change.returned_at, lines=returned)


def _portions(movement: Movement) -> Iterator[tuple[int, Sequence[Line]]]:
    if movement:
        yield movement.amount, movement.lines[:LINES_AN_EVENT]
    for start in range(LINES_AN_EVENT, len(movement.lines), LINES_AN_EVENT):
        yield 0, movement.lines[start : start + LINES_AN_EVENT]


def _line(line: Line, skus: Mapping[str, str]) -> dict[str, Any]:
    return {
        "line_item_id": line.id,
        "item_id": line.item_id,
        "sku": skus.get(line.item_id) if line.item_id else None,
        "quantity": line.quantity,
        "amount": line.amount,
    }
