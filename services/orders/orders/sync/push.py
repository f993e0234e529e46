"""Pushes an order into Clover as far as it can go: the first missing write is noted, sent, and its end recorded."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from common import messages
from common.clover.transport import MerchantApi
from common.contracts.envelope import Event
from common.contracts.orders import CancellationRefused, OrderCancelled, OrderCompleted, OrderRejected, OrderSynced
from common.contracts.problems import Code
from common.errors import (
    Again,
    AllAgain,
    Ambiguous,
    Forbidden,
    Held,
    OutOfService,
    Permanent,
    Rejected,
    TimedOut,
    Transient,
    Unavailable,
)
from common.work.batch import Batch
from orders import clover, store
from orders.deps import Deps
from orders.domain.clover_order import CloverOrder
from orders.domain.obstacles import obstacle
from orders.domain.order import Order, RequestedAction
from orders.domain.plan import missing, shortfall, target, under_way, with_applied
from orders.domain.progress import Progress, State
from orders.domain.repair import has_other_taxes, repair, tax_by_shown_rates
from orders.domain.timeline import Entry, TimelineEvent
from orders.domain.writes import CreateOrder, Write
from orders.sync.writes import WRITES, WriteContext

Answer = Transient | Permanent | Again | Ambiguous
NOT_APPLIED = (Transient, Permanent, Again)
"""The errors of a write that surely changed nothing."""

REACHED = {
    State.PAID: TimelineEvent.PAID,
    State.UNPAID: TimelineEvent.UNPAID,
    State.DONE: TimelineEvent.COMPLETED,
    State.CANCELLED: TimelineEvent.CANCELLED,
}


class OrderPusher:
    """Pushes one order.

    A write that must not be doubled is committed as under way before its first byte leaves. While its end is not
    known it is looked up, and nothing else is sent for its order.
    """

    def __init__(self, batch: Batch, deps: Deps, api: MerchantApi, context: WriteContext) -> None:
        self._batch = batch
        self._settle = deps.settle
        self._payloads = deps.payloads
        self._api = api
        self._context = context

    async def push(self, order: Order) -> None:
        """Bring the order as far as it can go, and give the batch its outcome."""
        try:
            try:
                ended = await self._advance(order)
            except Ambiguous:
                ended = await self._advance(await self._reread(order))
            drop_cancelled(self._batch, [ended])
        except Forbidden as error:
            if not self._api.answered:
                raise
            # A permission is missing, which concerns this order alone.
            raise Held(Code.CONNECTION_LOST, str(error)) from error
        except Permanent as error:
            await self._refused(order, str(error))

    async def _advance(self, order: Order) -> Order:
        """Send the missing writes until the order has reached its targets, and return it."""
        order = await self._resolve_doubt(await self._restart(order))
        shown = await self._lookup(order)
        while order.waits:
            tried: set[Write] = set()
            while write := next((each for each in missing(order, shown) if each not in tried), None):
                tried.add(write)
                order, applied = await self._attempt(write, order)
                if applied:
                    shown = with_applied(write, order, shown)
            if tried:
                shown = await self._lookup(order)
            if target(order) in {State.PAID, State.UNPAID} and (repaired := repair(order, shown)):
                order = await self._record(order, *repaired)
            else:
                order = await self._conclude(order, shown)
        return order

    async def _restart(self, order: Order) -> Order:
        """Start a rejected order anew: it is only queued again when a person asks for it."""
        if order.progress.state is not State.REJECTED or order.requested_action is RequestedAction.CANCEL:
            return order
        return await self._record(order, order.progress.restarted(), Entry(TimelineEvent.RETRIED))

    async def _resolve_doubt(self, order: Order) -> Order:
        """Look up the write whose answer was lost. Raises Again while Clover must be asked once more."""
        write = under_way(order.progress)
        if write is None or (order.progress.clover_order_id and order.requested_action is RequestedAction.CANCEL):
            return order
        calls = WRITES[type(write)]
        if order.progress.doubt_since is None:  # the process that was sending is gone
            doubt = order.progress.in_doubt(self._batch.now)
            order = await self._record(order, doubt, Entry(TimelineEvent.OUTCOME_UNKNOWN, write.name))
        try:
            found = await calls.find(self._context, write, order)
        except Permanent as error:
            if not write.optional:
                raise
            return await self._record(order, *await calls.refused(self._context, write, order, error))
        if found is not None:
            return await self._record(order, found, Entry(TimelineEvent.LOOKUP_FOUND, write.name))
        # A look-up that cannot find the order is no reason to send it again. One that is cancelled is not sent.
        if order.progress.is_out_of_sight(self._batch.now) and order.requested_action is not RequestedAction.CANCEL:
            raise Rejected(messages.for_locale().text("reason.order_out_of_sight"))
        progress = order.progress.not_seen(self._batch.now, self._settle)
        order = await self._record(order, progress, Entry(TimelineEvent.LOOKUP_EMPTY, write.name))
        if progress.sending is not None:
            problem = Code.CLOVER_UNREACHABLE if progress.is_long_in_doubt else None
            raise Again(progress.next_lookup_after(self._batch.now, self._settle), problem)
        return order

    async def _lookup(self, order: Order) -> CloverOrder:
        """Read the order from Clover; one that is not there yet, or only to be deleted, needs no call."""
        if order.progress.clover_order_id is None or target(order) is State.CANCELLED:
            return CloverOrder()
        return await clover.show_order(self._api, order)

    async def _attempt(self, write: Write, order: Order) -> tuple[Order, bool]:
        """Send the write, an order's creation in its turn, and record its end. Also returns whether it was applied."""
        if not isinstance(write, CreateOrder):
            return await self._send(write, order)
        async with self._context.creations.turn() as turn:
            return await self._send(write, order, turn.begin_head_start)

    async def _send(self, write: Write, order: Order, leaves: Callable[[], None] = lambda: None) -> tuple[Order, bool]:
        setup = self._context.setup
        look = setup.ready if isinstance(write, CreateOrder) else setup.known
        used = await look() if write.needs_setup else None
        if used and isinstance(write, CreateOrder) and (problem := obstacle(order.source, used.books)):
            await setup.look_later()  # no webhook is sure to come when the currency changes
            raise Held(*problem)
        order, answer = await self._call(write, order, leaves)
        if isinstance(answer, Progress):
            return await self._record(order, answer, _entry(write.applied_as, write.key)), True
        if isinstance(answer, Ambiguous):
            if write.once:
                doubt = order.progress.in_doubt(self._batch.now)
                await self._record(order, doubt, Entry(TimelineEvent.OUTCOME_UNKNOWN, write.name))
            raise answer
        order = await self._record(order, order.progress.not_applied(), Entry(TimelineEvent.SEND_REFUSED, write.name))
        if used and isinstance(answer, Rejected) and await setup.has_changed_since(used):
            raise AllAgain(timedelta(0)) from answer
        if not (write.has_fallback and isinstance(answer, Permanent)):
            raise answer
        refused = await WRITES[type(write)].refused(self._context, write, order, answer)
        return await self._record(order, *refused), False

    async def _call(self, write: Write, order: Order, leaves: Callable[[], None]) -> tuple[Order, Progress | Answer]:
        """Send the write, and return the order as it was then, with the progress or the error that came of it."""
        calls = WRITES[type(write)]
        try:
            if write.has_check:
                await calls.check(self._context, write, order)
        except NOT_APPLIED as error:
            return order, error
        async with self._permitted(write) as context:
            if write.once:
                self._api.check_writes()
                order = await self._record(order, self._begun(write, order), _entry(write.sent_as, write.key))
            leaves()
            try:
                return order, await calls.send(context, write, order)
            except (*NOT_APPLIED, Ambiguous) as error:
                return order, error

    @asynccontextmanager
    async def _permitted(self, write: Write) -> AsyncIterator[WriteContext]:
        """Wait for the permit of a write of one call: after a crash, those that are noted may have left, and few wait.

        When there is none to be had all orders wait, so that none overtakes another.
        """
        async with AsyncExitStack() as permit:
            context = self._context
            if write.is_one_call:
                try:
                    reserved = await permit.enter_async_context(self._api.reserve(1))
                except (Unavailable, TimedOut) as error:
                    raise OutOfService(str(error), error.retry_after) from error
                context = replace(context, api=reserved)
            yield context

    def _begun(self, write: Write, order: Order) -> Progress:
        progress = order.progress.begin(write)
        if isinstance(write, CreateOrder):
            return progress.with_taxes(self._context.setup.last.books.taxes.needed_by(order.source))
        return progress

    async def _conclude(self, order: Order, shown: CloverOrder) -> Order:
        """Record that the order has reached its target. Raises Rejected when Clover shows something else."""
        if wrong := shortfall(order, shown):
            raise Rejected(wrong)
        if target(order) in {State.PAID, State.UNPAID} and has_other_taxes(order, shown):
            said = messages.for_locale().text("reason.own_contained_taxes")
            taxed = order.progress.taxed(tax_by_shown_rates(order, shown))
            order = await self._record(order, taxed, Entry(TimelineEvent.TAXES_CHANGED, said))
        state, progress, source = target(order), order.progress, order.source
        if not shown.shows_our_ids:
            progress = replace(progress, line_ids={its: ours for ours, its in shown.line_ids.items()})
        ids: dict[str, Any] = {**order.ids, "clover_order_id": progress.clover_order_id}
        event: Event
        match state:
            case State.CANCELLED:
                event = OrderCancelled(**ids)
            case State.DONE:
                event = OrderCompleted(**ids)
            case _:
                due = max(order.charge.total - order.charge.paid, 0)
                event = OrderSynced(**ids, currency=source.currency, total=source.total, due=due)
        return await self._record(order, progress.reached(state), Entry(REACHED[state]), event)

    async def _refused(self, order: Order, reason: str) -> None:
        """Let the order wait for a person with Clover's reason, and record the refusal."""
        now = await self._reread(order)
        cancels = now.requested_action is RequestedAction.CANCEL
        self._batch.hold(order.reference, Code.CANCELLATION_REFUSED if cancels else Code.ORDER_REJECTED, reason)
        if now.revision != order.revision:  # the refusal was about the order as it was before its correction
            return
        if cancels:
            refused = CancellationRefused(**order.ids, clover_order_id=now.clover_id, reason=reason)
            await self._record(now, now.progress, Entry(TimelineEvent.CANCEL_REFUSED, reason), refused)
        elif now.progress.sending is None and now.progress.state not in {
            State.PAID,
            State.UNPAID,
        }:  # these keep their state
            event = OrderRejected(**order.ids, reason=reason)
            await self._record(now, now.progress.rejected(reason), Entry(TimelineEvent.REJECTED, reason), event)

    async def _record(self, order: Order, progress: Progress, entry: Entry | None, *events: Event) -> Order:
        """Commit the order's progress. Raises Again when the order was cancelled or corrected meanwhile."""
        async with self._batch.unit() as unit:
            if not await store.orders.record(unit, order, progress):
                raise Again(timedelta(0))
            if entry is not None:
                store.timeline.add(unit, order.merchant_id, order.reference, entry)
            unit.emit(*events)
        return replace(order, progress=progress)

    async def _reread(self, order: Order) -> Order:
        """Read the order from the database; one pushed without its customer stays without."""
        async with self._batch.database.connection() as conn:
            [found] = await store.orders.find(conn, self._payloads, order.merchant_id, [order.reference])
        return replace(found, customer=order.customer)


def drop_cancelled(batch: Batch, orders: Iterable[Order]) -> None:
    """Drop the cancelled ones of these orders: no problem they waited under counts them as gone through.

    A cancellation that was refused before has gone through now, so it is counted.
    """
    counted = {row.key for row in batch.rows if row.problem == Code.CANCELLATION_REFUSED}
    for order in orders:
        if order.progress.state is State.CANCELLED and order.reference not in counted:
            batch.drop(order.reference)


def _entry(event: TimelineEvent | None, detail: str) -> Entry | None:
    return Entry(event, detail) if event else None
