"""Takes orders to Clover step by step, each as far as it can go."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import structlog

from common.clover.transport import MerchantApi
from common.contracts.orders import OrderCancelled, OrderCompleted, OrderRejected, OrderSynced
from common.contracts.problems import Code
from common.db.lease import LeaseLost
from common.errors import (
    Again,
    Ambiguous,
    Forbidden,
    Held,
    NotFound,
    Permanent,
    Rejected,
    Throttled,
    Transient,
)
from common.work.batch import Batch
from orders import clover, store
from orders.deps import Deps
from orders.domain.order import Order, Wish
from orders.domain.progress import Progress, State, Step
from orders.domain.seen import LINES_A_CALL, LOCKED, SUCCESS, Payment, Seen, differences, next_step, not_completed
from orders.domain.source import Line, units
from orders.sync.naming import REFUSALS, Naming
from orders.sync.pauses import Pausing, Stop
from orders.sync.setup import SetupCheck
from orders.sync.writing import Writer

log = structlog.get_logger()


class Courier:
    """Takes the orders of one batch to Clover, one after another.

    Before a write that must not be doubled the order says so in the database, and what is not known to have ended
    is looked up before anything else is sent for it.
    """

    def __init__(self, batch: Batch, deps: Deps, api: MerchantApi, pauses: int) -> None:
        self._batch = batch
        self._deps = deps
        self._api = api
        self._pausing = Pausing(batch, pauses)
        self._writer = Writer(batch, self._pausing)
        self._setup = SetupCheck(batch, api, self._pausing)
        self._naming = Naming(deps, api, self._writer)
        self._stopped: Stop | Forbidden | None = None

    async def take(self, order: Order) -> None:
        """Bring the order as far as it can go, and tell the batch how it fared."""
        if self._stopped is None:
            await self._try(order)
        if isinstance(self._stopped, Stop):
            self._batch.retry(order.source_id, self._stopped.after, self._stopped.problem)
        elif self._stopped is not None:
            self._batch.hold(order.source_id, Code.CONNECTION_LOST, str(self._stopped))

    async def _try(self, order: Order) -> None:
        try:
            try:
                await self._bring(order)
            except Ambiguous:
                await self._bring(await self._writer.reread(order))
        except LeaseLost:
            raise
        except Stop as stop:
            self._stopped = stop
        except Forbidden as error:
            if self._api.answered:  # a permission is missing, which concerns this order alone
                self._batch.hold(order.source_id, Code.CONNECTION_LOST, str(error))
            else:
                self._stopped = error
        except Held as held:
            self._batch.hold(order.source_id, Code(held.problem))
        except Again as again:
            self._batch.retry(order.source_id, again.after, again.problem)
        except Permanent as error:
            await self._reject(await self._writer.reread(order), str(error))
        except (Transient, Ambiguous) as error:
            self._batch.failed(order.source_id, error)

    async def _bring(self, order: Order) -> None:
        if order.wish is Wish.CANCEL:
            await self._cancel(order)
            return
        order = await self._certain(await self._resumed(order))
        seen: Seen | None = None
        if order.progress.state is State.READY:
            order = await self._create(order)
            seen = Seen()
        if order.progress.state is State.CREATED:
            order, seen = await self._fill(order, seen or await clover.show_order(self._api, order))
        if order.wish is Wish.COMPLETE:
            await self._complete(order, seen or await clover.show_order(self._api, order))

    async def _resumed(self, order: Order) -> Order:
        """What was rejected and is taken again, somebody has asked for."""
        if order.progress.state is not State.REJECTED:
            return order
        return await self._writer.save(order, order.progress.resumed(), "retried")

    async def _certain(self, order: Order) -> Order:
        """The order with no write in doubt. Raises Again while Clover must be asked once more."""
        if order.progress.sending is None:
            return order
        if order.progress.doubt_since is None:  # the process that was sending is gone
            order = await self._writer.save(order, order.progress.in_doubt(self._batch.now), "unknown")
        try:
            applied = await self._look(order)
        except REFUSALS as error:
            if order.progress.sending is not Step.CUSTOMER:
                raise
            return await self._naming.leave_out(order, error)
        if applied is not None:
            return await self._writer.save(order, applied, "found", str(order.progress.sending))
        progress = order.progress.not_seen(self._batch.now, self._deps.settle)
        order = await self._writer.save(order, progress, "not found")
        if progress.sending is not None:
            told = Code.CLOVER_UNREACHABLE if progress.is_long_in_doubt else None
            raise Again(progress.look_again_after(self._batch.now, self._deps.settle), told)
        return order

    async def _look(self, order: Order) -> Progress | None:
        """What Clover shows of the write in doubt: the progress it made, None when there is nothing of it."""
        progress = order.progress
        match progress.sending:
            case Step.ORDER:
                found = await self._by_reference(order)
                return progress.created(found) if found else None
            case Step.CUSTOMER:
                found = await self._naming.made(order)
                return progress.with_customer(found) if found else None
            case Step.LINES:
                seen = await clover.show_order(self._api, order)
                return progress.with_lines(seen.lines) if seen.lines > progress.lines_sent else None
            case _:
                seen = await clover.show_order(self._api, order)
                return None if seen.needs_payment(order) else progress.answered()

    async def _by_reference(self, order: Order) -> str | None:
        try:
            found = await clover.find_orders(self._api, order.reference)
        except Throttled as error:  # any other failure is this order's alone
            raise await self._pausing.stop(error) from error
        if len(found) > 1:
            log.error("several orders in Clover carry one reference", reference=order.reference, found=len(found))
        return found[0] if found else None

    async def _create(self, order: Order) -> Order:
        """Create the order without its lines. When Clover takes no calls for now, nothing is created after it."""
        setup = await self._setup.ready()
        try:
            order, clover_order_id = await self._writer.send(
                order, Step.ORDER, lambda: clover.create_order(self._api, order, setup)
            )
        except Rejected:
            if await self._setup.has_changed(setup):
                raise Stop(timedelta(0)) from None
            raise
        await self._pausing.over()
        return await self._writer.save(order, order.progress.created(clover_order_id), "created", clover_order_id)

    async def _fill(self, order: Order, seen: Seen) -> tuple[Order, Seen]:
        """Write what is missing, then hold what Clover shows against the source."""
        wrote = False
        while (step := next_step(order, seen)) is not None:
            order, seen = await self._write(step, order, seen)
            wrote = True
        seen = await clover.show_order(self._api, order) if wrote else seen
        if wrong := differences(order, seen):
            raise Rejected(f"Not as in the source: {'; '.join(wrong)}.")
        synced = OrderSynced(
            merchant_id=order.merchant_id,
            source_id=order.source_id,
            clover_order_id=order.clover_id,
            total=order.source.money,
        )
        return await self._writer.save(order, order.progress.paid(), "paid", "", synced), seen

    async def _write(self, step: Step, order: Order, seen: Seen) -> tuple[Order, Seen]:
        match step:
            case Step.LINES:
                return await self._add_lines(order, seen)
            case Step.CUSTOMER | Step.ATTACH:
                return await self._naming.name(step, order), seen
            case _:
                return await self._pay(order, seen)

    async def _add_lines(self, order: Order, seen: Seen) -> tuple[Order, Seen]:
        lines = units(order.source.lines)[seen.lines :][:LINES_A_CALL]
        async with self._batch.database.connection() as conn:
            items = await store.links(conn, order.merchant_id, {line.sku for line in lines})
        order = replace(order, progress=replace(order.progress, lines_sent=seen.lines))
        try:
            sent = await self._send_lines(order, lines, items)
        except (Rejected, NotFound):
            if not items:
                raise
            # Most often an item was deleted in Clover; what was sold is sold, by its name then.
            sent = await self._send_lines(order, lines, {})
            names = ", ".join(sorted(items))
            await self._writer.save(sent, sent.progress, "items left out", f"Clover did not take the items of {names}")
        count = seen.lines + len(lines)
        order = await self._writer.save(sent, sent.progress.with_lines(count), "lines", f"{count} in Clover")
        return order, replace(seen, lines=count)

    async def _send_lines(self, order: Order, lines: Sequence[Line], items: Mapping[str, str]) -> Order:
        sent, _ = await self._writer.send(
            order, Step.LINES, lambda: clover.add_lines(self._api, order.clover_id, lines, items)
        )
        return sent

    async def _pay(self, order: Order, seen: Seen) -> tuple[Order, Seen]:
        setup = await self._setup.ready()
        try:
            order, _ = await self._writer.send(
                order, Step.PAYMENT, lambda: clover.pay(self._api, order.clover_id, order, setup)
            )
        except Rejected:
            if await self._setup.has_changed(setup):
                raise Again(timedelta(0)) from None
            raise
        order = await self._writer.save(order, order.progress.answered(), "payment")
        payment = Payment(order.reference, order.source.total, SUCCESS)
        return order, replace(seen, payments=(*seen.payments, payment))

    async def _complete(self, order: Order, seen: Seen) -> None:
        """Clover locks an order that is paid (reported by clients); where it did not, we do."""
        if seen.unpaid(order) is None and seen.state != LOCKED:
            await clover.lock_order(self._api, order.clover_id)
            seen = await clover.show_order(self._api, order)
        if wrong := not_completed(order, seen):
            raise Rejected(f"It cannot be completed: {'; '.join(wrong)}.")
        event = OrderCompleted(
            merchant_id=order.merchant_id, source_id=order.source_id, clover_order_id=order.clover_id
        )
        await self._writer.save(order, order.progress.done(), "done", "", event)

    async def _cancel(self, order: Order) -> None:
        """Delete the order in Clover if it got there; deleting it twice does no harm."""
        if order.progress.clover_order_id is None:
            order = await self._certain(order)
        if order.progress.clover_order_id is not None:
            try:
                await clover.delete_order(self._api, order.progress.clover_order_id)
            except NotFound:
                log.info("an order to be cancelled was already gone", reference=order.reference)
        event = OrderCancelled(
            merchant_id=order.merchant_id,
            source_id=order.source_id,
            clover_order_id=order.progress.clover_order_id,
        )
        await self._writer.save(order, order.progress.cancelled(), "cancelled", "", event)

    async def _reject(self, order: Order, reason: str) -> None:
        """Let it wait for a person, with the reason. What is paid or not known keeps its state."""
        self._batch.hold(order.source_id, Code.ORDER_REJECTED, reason)
        if order.wish is Wish.CANCEL or order.progress.sending is not None or order.progress.state is State.PAID:
            return
        event = OrderRejected(merchant_id=order.merchant_id, source_id=order.source_id, reason=reason)
        await self._writer.save(order, order.progress.rejected(reason), "rejected", reason, event)
