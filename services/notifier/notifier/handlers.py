"""What notifier does when something happened elsewhere: its feed, its problems, and marks for the e-mails."""

from common.contracts.catalog import MerchantConnected, ProductLinked
from common.contracts.envelope import Event
from common.contracts.inventory import StockChanged, StockPushed
from common.contracts.notifier import RecheckRequested
from common.contracts.orders import OrderCancelled, OrderCompleted, OrderRejected, OrderSynced
from common.contracts.problems import Code, ProblemClosed, ProblemOpened
from common.db.inbox import Handlers
from common.db.merchants import on_merchant_connected as know_merchant
from common.db.unit import Unit
from common.ids import uuid7
from common.work import table
from notifier import store
from notifier.domain import mails, problems
from notifier.domain.mails import LEARN_CONTACT, SEND_MAIL, MailKind
from notifier.domain.problems import Report, Step


async def on_activity(event: Event, unit: Unit) -> None:
    store.add_activity(unit, event)


async def on_merchant_connected(event: MerchantConnected, unit: Unit) -> None:
    await know_merchant(event, unit)
    store.add_activity(unit, event)
    unit.mark(LEARN_CONTACT, event.merchant_id, "contact")


async def on_problem_opened(event: ProblemOpened, unit: Unit) -> None:
    await _follow(event, Report(event.opened_at, event.waiting, 0, closed=False, revision=event.revision), unit)


async def on_problem_closed(event: ProblemClosed, unit: Unit) -> None:
    await _follow(event, Report(event.opened_at, 0, event.resumed_count, closed=True), unit)


async def on_recheck_requested(event: RecheckRequested, unit: Unit) -> None:
    if event.code is Code.EMAIL_REJECTED:
        await table.release(unit, event.merchant_id, event.code)


async def _follow(event: ProblemOpened | ProblemClosed, report: Report, unit: Unit) -> None:
    seq = await store.take_place(unit.conn, event.merchant_id)  # first: it keeps others of this merchant waiting
    cause = await store.cause(unit.conn, event)
    after = problems.follow(cause, report)
    if after is None:
        return
    problem_id = cause.problem_id or uuid7()
    await store.save(unit, event, problem_id, report, after, seq)
    unit.notify(store.FEED)
    if after.step is Step.CHANGED:
        return
    store.add_activity(
        unit, event.model_copy(update={"resumed_count": after.done} if isinstance(event, ProblemClosed) else {})
    )
    if mails.is_mailed(event.code):
        key = mails.mail_key(problem_id, MailKind(after.step))
        unit.mark(SEND_MAIL, event.merchant_id, key, due=unit.now + mails.SETTLE)
    if after.step is Step.SOLVED:  # an e-mail that was refused is too late now
        await table.drop(unit, event.merchant_id, SEND_MAIL, mails.mail_key(problem_id, MailKind.OPENED))


HANDLERS: Handlers = {
    MerchantConnected: on_merchant_connected,
    ProductLinked: on_activity,
    StockChanged: on_activity,
    StockPushed: on_activity,
    OrderSynced: on_activity,
    OrderCompleted: on_activity,
    OrderCancelled: on_activity,
    OrderRejected: on_activity,
    ProblemOpened: on_problem_opened,
    ProblemClosed: on_problem_closed,
    RecheckRequested: on_recheck_requested,
}
