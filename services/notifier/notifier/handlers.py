"""The events notifier consumes: it writes its feed and its problems, and marks the emails to send."""

from collections.abc import Sequence
from uuid import UUID

from common.contracts.catalog import (
    ContactChanged,
    EditReverted,
    ItemCreated,
    ItemDeleted,
    MerchantConnected,
    MerchantDisconnected,
    ProductChanged,
    ProductLinked,
)
from common.contracts.envelope import Event
from common.contracts.inventory import StockChanged, StockPushed
from common.contracts.notifier import RecheckRequested
from common.contracts.orders import CancellationRefused, OrderCancelled, OrderCompleted, OrderRejected, OrderSynced
from common.contracts.problems import Code, ProblemClosed, ProblemOpened
from common.db import merchants
from common.db.inbox import Handlers
from common.db.unit import Unit
from common.ids import uuid7
from common.work import table
from notifier.domain.activity import entries
from notifier.domain.mail import FIRST_MAIL_DELAY, MailKind, first_mail_delay, is_mailed, mail_key
from notifier.domain.problems import Report, Step, apply_report
from notifier.kinds import REFRESH_CONTACT, SEND_MAIL
from notifier.store import contacts, feed, problems


async def on_activity(event: Event, unit: Unit) -> None:
    feed.add_activity(unit, event)
    unit.notify(feed.FEED)


async def on_edit_in_clover(event: Event, unit: Unit) -> None:
    """Show the edit; one that concerns many items is one entry."""
    unit.gather(_add_edits, event.merchant_id, event)
    unit.notify(feed.FEED)


async def _add_edits(unit: Unit, merchant_id: str, edits: Sequence[Event]) -> None:  # noqa: ARG001 - a gathered one
    for event, others in entries(edits):
        if others:
            await feed.add_summary(unit, event, others)
        else:
            feed.add_activity(unit, event)


async def on_merchant_connected(event: MerchantConnected, unit: Unit) -> None:
    if await merchants.save(unit, event):
        await table.release(unit, event.merchant_id, Code.CONNECTION_LOST)
        await on_activity(event, unit)
        unit.mark(REFRESH_CONTACT, event.merchant_id, "contact")


async def on_merchant_disconnected(event: MerchantDisconnected, unit: Unit) -> None:
    """Erase the address, as catalog does. Emails that are due have no recipient any more and are dropped."""
    if await merchants.save(unit, event):
        await on_activity(event, unit)
        await contacts.delete_contact(unit, event.merchant_id)


async def on_contact_changed(event: ContactChanged, unit: Unit) -> None:
    unit.mark(REFRESH_CONTACT, event.merchant_id, "contact")


async def on_problem_opened(event: ProblemOpened, unit: Unit) -> None:
    report = Report(
        event.opened_at,
        event.waiting,
        resumed_count=0,
        closed=False,
        revision=event.revision,
        affected=tuple(event.affected),
        failing_since=event.failing_since,
    )
    await _apply(event, report, unit)


async def on_problem_closed(event: ProblemClosed, unit: Unit) -> None:
    report = Report(event.opened_at, waiting=0, resumed_count=event.resumed_count, closed=True)
    await _apply(event, report, unit)


async def on_recheck_requested(event: RecheckRequested, unit: Unit) -> None:
    if event.code is Code.EMAIL_REJECTED:  # the address may be corrected by now; the waiting emails then go to it
        unit.mark(REFRESH_CONTACT, event.merchant_id, "contact")
    if event.code is Code.EMAIL_DELAYED:
        await table.release(unit, event.merchant_id, event.code)


async def _apply(event: ProblemOpened | ProblemClosed, report: Report, unit: Unit) -> None:
    seq = await feed.next_seq(unit.conn, event.merchant_id)  # first, as it locks out other reports of this merchant
    cause = await problems.find_cause(unit.conn, event)
    change = apply_report(cause, report)
    if change is None:
        return
    problem_id = cause.problem_id or uuid7()
    await problems.save_change(unit, event, problem_id, report, change, seq)
    unit.notify(feed.FEED)
    if change.step is Step.CHANGED:
        return
    if isinstance(event, ProblemClosed):  # the feed shows the sum over all services
        event = event.model_copy(update={"resumed_count": change.resumed_count})
    feed.add_activity(unit, event)
    if is_mailed(event.code):
        opened, key = change.step is Step.OPENED, mail_key(problem_id, MailKind(change.step))
        due = unit.now + (first_mail_delay(event.code) if opened else FIRST_MAIL_DELAY)
        unit.mark(SEND_MAIL, event.merchant_id, key, due=due)
    if change.step is Step.RESOLVED:
        await _forget_opening(unit, event.merchant_id, problem_id)


async def _forget_opening(unit: Unit, merchant_id: str, problem_id: UUID) -> None:
    """Drop the email about the beginning if it is refused; if it is delayed, let the worker drop it now."""
    key = mail_key(problem_id, MailKind.OPENED)
    if not await table.drop(unit, merchant_id, SEND_MAIL, key):
        await table.retry(unit, merchant_id, SEND_MAIL, key)


HANDLERS: Handlers = {
    ContactChanged: on_contact_changed,
    MerchantConnected: on_merchant_connected,
    MerchantDisconnected: on_merchant_disconnected,
    ProductLinked: on_activity,
    ProductChanged: on_edit_in_clover,
    EditReverted: on_edit_in_clover,
    ItemCreated: on_edit_in_clover,
    ItemDeleted: on_edit_in_clover,
    StockChanged: on_activity,
    StockPushed: on_activity,
    OrderSynced: on_activity,
    OrderCompleted: on_activity,
    OrderCancelled: on_activity,
    CancellationRefused: on_activity,
    OrderRejected: on_activity,
    ProblemOpened: on_problem_opened,
    ProblemClosed: on_problem_closed,
    RecheckRequested: on_recheck_requested,
}
