"""The plan of an order: the writes that its target still needs, decided from our order and Clover's."""

from collections.abc import Mapping
from dataclasses import replace

from common import messages
from orders.domain.clover_order import LOCKED, PAID_STATES, CloverOrder, CloverRow
from orders.domain.order import Order, RequestedAction
from orders.domain.payments import PlannedPayment
from orders.domain.progress import Progress, State
from orders.domain.repair import mispriced
from orders.domain.row_ids import row_id, row_ids
from orders.domain.source import title
from orders.domain.writes import (
    BY_NAME,
    AddLines,
    AttachCustomer,
    CreateCustomer,
    CreateOrder,
    Delete,
    Lock,
    Pay,
    RemoveLine,
    UpdateOrder,
    Write,
)

MOST_PAYMENTS = 1000
"""Payments of one order, those that edits add included."""


def target(order: Order) -> State:
    """Return the state that the order goes to next."""
    if order.requested_action is RequestedAction.CANCEL:
        return State.CANCELLED
    if order.progress.state in {State.PAID, State.UNPAID}:
        return State.DONE
    return State.PAID if order.charge.is_covered else State.UNPAID


def missing(order: Order, clover_order: CloverOrder) -> list[Write]:
    """List the writes that the target still needs, in the order in which they are sent."""
    match target(order):
        case State.CANCELLED:
            return [Delete(order.reference)] if order.progress.clover_order_id else []
        case State.DONE:
            # Clover locks an order that is paid (reported by clients); we lock it where it did not.
            is_open = _unpaid(order, clover_order) is None and clover_order.state != LOCKED
            return [Lock(order.reference)] if is_open else []
        case _:
            create = [] if order.progress.clover_order_id else [CreateOrder(order.reference)]
            # Nothing is paid on a free order, so that Clover does not lock it: it would look like an open tab.
            lock = [Lock(order.reference)] if order.charge.is_free and clover_order.state != LOCKED else []
            pay = _payments(order, clover_order)
            lines = [*_removed(order, clover_order), *_lines(order, clover_order), *_header(order, clover_order)]
            return [*create, *lines, *_customer(order), *pay, *lock]


def shortfall(order: Order, clover_order: CloverOrder) -> str | None:
    """Explain why the order has not reached its target although nothing is missing; None when it has."""
    match target(order):
        case State.CANCELLED:
            return None
        case State.DONE:
            wrong, said = _not_completed(order, clover_order), "reason.order_not_completed"
        case _:
            wrong, said = differences(order, clover_order), "reason.order_differs"
            if not wrong and _missing_rows(order, clover_order):
                wrong = [messages.for_locale().text("difference.strange_lines")]
    return messages.for_locale().text(said, differences="; ".join(wrong)) if wrong else None


def under_way(progress: Progress) -> Write | None:
    """Return the write whose end is not known; None when there is none."""
    return BY_NAME[progress.sending](progress.sending_key or "") if progress.sending else None


def any_row_there(write: AddLines, order: Order, clover_order: CloverOrder) -> bool:
    """Return whether Clover shows a row of this write."""
    return not set(write.numbers) <= set(_missing_rows(order, clover_order))


def with_applied(write: Write, order: Order, clover_order: CloverOrder) -> CloverOrder:
    """Return Clover's order with the rows of a write that was applied since it was read."""
    if isinstance(write, RemoveLine):
        return replace(clover_order, rows=tuple(each for each in clover_order.rows if each.ours != write.key))
    if not isinstance(write, AddLines):
        return clover_order
    added = tuple(CloverRow(row_id(order, number)) for number in write.numbers)
    return replace(clover_order, rows=(*clover_order.rows, *added))


def _missing_rows(order: Order, clover_order: CloverOrder) -> list[int]:
    """List the numbers of the rows that Clover does not show."""
    shown = {each.ours for each in clover_order.rows}
    return [number for number, ours in enumerate(row_ids(order), 1) if ours not in shown]


def _lines(order: Order, clover_order: CloverOrder) -> list[AddLines]:
    runs: list[tuple[int, int]] = []
    for number in _missing_rows(order, clover_order):
        first, last = runs[-1] if runs else (0, -1)
        if number == last + 1 and number - first < order.progress.lines_a_call:
            runs[-1] = (first, number)
        else:
            runs.append((number, number))
    return [AddLines(f"{first}-{last}", without_items=order.progress.refused_skus) for first, last in runs]


def _customer(order: Order) -> list[Write]:
    if order.customer is None or order.progress.customer_settled:
        return []
    attach = AttachCustomer(order.reference)
    return [attach] if order.progress.clover_customer_id else [CreateCustomer(order.reference), attach]


def _removed(order: Order, clover_order: CloverOrder) -> list[RemoveLine]:
    """List the rows of ours that an edit took away, and those at a price of Clover's own, to be added without items."""
    refused = order.progress.refused_skus
    wrong = [(each.ours, each.id) for row, each in mispriced(order, clover_order) if row.sku in refused]
    if order.progress.edited:
        kept = set(row_ids(order))
        wrong += [(ours, its) for ours, its in clover_order.line_ids.items() if ours not in kept]
    return [RemoveLine(ours, its) for ours, its in wrong if ours and its]


def _header(order: Order, clover_order: CloverOrder) -> list[UpdateOrder]:
    """Only an edit overwrites Clover's values: any other difference is shown, never absorbed."""
    if not order.progress.edited:
        return []
    charge = order.charge
    is_same = (clover_order.total, clover_order.title) == (charge.total, title(order.source))
    is_taxed_so = clover_order.tax_removed in {None, charge.tax_removed}
    is_noted = not order.progress.note_changed
    return [] if is_same and is_taxed_so and is_noted else [UpdateOrder(order.reference)]


def _payments(order: Order, clover_order: CloverOrder) -> list[Pay]:
    """List the payments that Clover does not show, as far as they are not covered by others.

    An amount that an edit adds to a payment in Clover, where it cannot change, is one more payment. So the payments of
    an edit may be divided otherwise in Clover than in the source; their sum is the same.
    """
    missing = order.charge.paid - clover_order.paid
    if missing <= 0:
        return []
    keys = [order.reference, *(f"{order.reference}-{number}" for number in range(2, MOST_PAYMENTS))]
    shown = {each.reference for each in clover_order.payments}
    planned = dict(zip(keys, order.charge.payments, strict=False))
    left = {key: payment for key, payment in planned.items() if key not in shown}
    if left and not order.progress.edited:
        return [Pay(key, payment) for key, payment in left.items()]
    free = next(key for key in keys[len(planned) :] if key not in shown)
    return _completing(missing, order.charge.tip - order.progress.recorded_tip, left, free)


def _completing(missing: int, tip: int, left: Mapping[str, PlannedPayment], free: str) -> list[Pay]:
    """Return payments that add up to the missing amount: those that are left, and another. The first has the tip."""
    pays = list[Pay]()
    for key, payment in {**left, free: PlannedPayment(missing)}.items():
        amount = min(payment.amount, missing)
        if amount > 0:
            part = replace(payment, amount=amount, tip=0 if pays else max(tip, 0), tax=min(payment.tax, amount))
            pays.append(Pay(key, part))
            missing -= amount
    return pays


def payment_shown(key: str, order: Order, clover_order: CloverOrder) -> tuple[int, int] | None:
    """Return the amount and tip of the payment with this id of ours, 0 if others cover the order, else None."""
    ours = [(each.amount, each.tip) for each in clover_order.payments if each.reference == key]
    if ours:
        return ours[0]
    return (0, 0) if clover_order.paid >= order.charge.paid else None


def _unpaid(order: Order, clover_order: CloverOrder) -> str | None:
    """The reason why the order does not count as paid. Without a payment state the sum of payments decides."""
    state, charge = clover_order.payment_state, order.charge
    if charge.is_free or state == "PAID":
        return None
    # Clover may not look at its payments again when an edit lowers the total.
    is_decided_by_sum = state is None or state in PAID_STATES or order.revision > 0
    if is_decided_by_sum and clover_order.paid >= charge.total:
        return None
    texts = messages.for_locale()
    return texts.text("difference.payment_state", shown=state) if state else texts.text("difference.no_payment_state")


def differences(order: Order, clover_order: CloverOrder) -> list[str]:
    """List how Clover's order differs from the source, with both numbers; empty when it is exact and as paid."""
    charge, texts, wrong = order.charge, messages.for_locale(), []

    def money(amount: int) -> str:
        return texts.money(amount, order.source.currency)

    lines, shown = len(charge.rows), len(clover_order.rows)
    if clover_order.total is None:
        wrong.append(texts.text("difference.no_total", ours=money(charge.total)))
    elif clover_order.total != charge.total:
        wrong.append(texts.text("difference.total", ours=money(charge.total), shown=money(clover_order.total)))
    if shown != lines:
        wrong.append(texts.text("difference.units", ours=lines, shown=shown))
    elif clover_order.price is not None and charge.price is not None and clover_order.price != charge.price:
        wrong.append(texts.text("difference.lines", ours=money(charge.price), shown=money(clover_order.price)))
    paid = max(charge.paid, order.progress.recorded_paid)  # an edit that costs less leaves the payments as they are
    if clover_order.paid != paid:
        wrong.append(texts.text("difference.paid", ours=money(paid), shown=money(clover_order.paid)))
    elif charge.is_covered and (unpaid := _unpaid(order, clover_order)):
        wrong.append(unpaid)
    return wrong


def _not_completed(order: Order, clover_order: CloverOrder) -> list[str]:
    """List why Clover does not count the order as completed. A locked order may still be unpaid (reported)."""
    wrong = []
    if unpaid := _unpaid(order, clover_order):
        wrong.append(unpaid)
    if clover_order.state != LOCKED:
        wrong.append(messages.for_locale().text("difference.open"))
    return wrong
