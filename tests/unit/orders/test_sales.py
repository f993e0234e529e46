"""Sales in Clover: what counts as sold, and that the events published add up to it in any sequence of looks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contracts.orders import ReturnCause
from orders.domain.sale_changes import Change, decide, deleted
from orders.domain.sales import Counted, Money, Published, Row, Sale

SINCE = datetime(2026, 11, 23, tzinfo=UTC)
LATER = SINCE + timedelta(hours=1)
TEA, CAKE = "TEA0000000001", "CAKE000000001"


def at(seconds: int) -> datetime:
    return LATER + timedelta(seconds=seconds)


def row(row_id: str = "R1", price: int = 500, item: str | None = TEA, **other: Any) -> Row:
    return Row(row_id, item, 1000, price, at(0), **other)


def sale(*rows: Row, paid: int = 0, **other: Any) -> Sale:
    payments = (Money("P1", paid, at(1)),) if paid else ()
    usual: dict[str, Any] = {"total": sum(each.amount for each in rows), "state": "open", "payments": payments}
    return Sale("0RDER00000001", "USD", at(1), rows=rows, **(usual | other))


PAID = sale(row(), row("R2", 300, CAKE), paid=800, state="locked", payment_state="PAID")


def publish(*seen: Sale, since: datetime = SINCE) -> tuple[list[Change], Published | None]:
    """Return what is published of an order that is seen in these states, one after another."""
    changes: list[Change] = []
    published = None
    for each in seen:
        change = decide(each, published, since)
        if change is not None:
            changes.append(change)
            published = Published(change.parts, change.modified_at)
    return changes, published


def sums(changes: Sequence[Change]) -> Counter[Any]:
    """Return the quantity and the price of each row, and the money, that the changes add up to."""
    total: Counter[Any] = Counter()
    for change in changes:
        for movement, sign in ((change.sold, 1), (change.returned, -1)):
            total["money"] += sign * movement.amount
            for line in movement.lines:
                total[line.id, line.item_id, "quantity"] += sign * line.quantity
                total[line.id, line.item_id, "amount"] += sign * line.amount
    return Counter({key: value for key, value in total.items() if value})


def truth(shown: Sale) -> Counter[Any]:
    """Return the same of the order as Clover shows it."""
    if shown.is_deleted or not shown.is_paid:
        return Counter()
    total: Counter[Any] = Counter(money=shown.paid - sum(each.amount for each in shown.refunds))
    for each in shown.rows:
        if each.cause is None:
            total[each.id, each.item_id, "quantity"] += each.quantity
            total[each.id, each.item_id, "amount"] += each.amount
    return Counter({key: value for key, value in total.items() if value})


@pytest.mark.parametrize(
    ("shown", "counts"),
    [
        (PAID, True),
        (replace(PAID, payment_state=None), True),  # its payments cover the total
        (replace(PAID, state="open"), True),
        (replace(PAID, payment_state="PARTIALLY_REFUNDED", total=500), True),
        (sale(row(), paid=499, state="locked", payment_state="PARTIALLY_PAID"), True),  # cash rounded at the till
        (sale(row(), paid=499, payment_state="PARTIALLY_PAID"), False),
        (sale(row(), paid=250, state="locked", payment_state="PARTIALLY_PAID"), False),
        (sale(row(), state="locked", payment_state="OPEN"), False),  # the receipt of a parked tab was printed
        (sale(row(), payment_state="OPEN"), False),  # a price check
        (sale(row(), payment_state="PAID"), False),  # its payment was voided
        (replace(PAID, is_test=True), False),
    ],
)
def test_only_paid_orders_are_sales(shown: Sale, counts: bool) -> None:
    """Price checks, parked tabs and half-paid orders sell nothing."""
    changes, _ = publish(shown)
    assert bool(changes) == counts
    assert sums(changes) == truth(shown)


def test_a_later_change_is_published_by_its_difference() -> None:
    """A refund of one row publishes that row and its money, and nothing of the rest."""
    refund = Money("F1", 300, at(5), ("R2",))
    rows = (row(), row("R2", 300, CAKE, cause=ReturnCause.REFUNDED))
    refunded = replace(PAID, modified_at=at(5), rows=rows, refunds=(refund,), payment_state="PARTIALLY_REFUNDED")
    [sold, back], _ = publish(PAID, PAID, refunded, PAID, refunded)

    assert [(line.id, line.quantity) for line in sold.sold.lines] == [("R1", 1000), ("R2", 1000)]
    assert not back.sold
    assert [(line.id, line.item_id, line.cause) for line in back.returned.lines] == [("R2", CAKE, "refunded")]
    assert (sold.sold.amount, back.returned.amount, back.returned_at) == (800, 300, at(5))


def test_an_exchange_returns_one_row_and_sells_another() -> None:
    """The old row goes back and the new one is sold; no money moves if they cost the same."""
    exchanged = replace(
        PAID, modified_at=at(9), rows=(row(cause=ReturnCause.EXCHANGED), *PAID.rows[1:], row("R3", 500, CAKE))
    )
    [_, change], _ = publish(PAID, exchanged)

    assert [(line.id, line.cause) for line in change.returned.lines] == [("R1", ReturnCause.EXCHANGED)]
    assert [line.id for line in change.sold.lines] == ["R3"]
    assert (change.sold.amount, change.returned.amount) == (0, 0)


def test_a_paid_order_that_grows_keeps_what_was_sold() -> None:
    """A row that is not paid yet takes nothing back from the sale, and counts once it is paid."""
    grown = replace(PAID, modified_at=at(9), rows=(*PAID.rows, row("R3")), total=1300, payment_state="PARTIALLY_PAID")
    settled = replace(grown, payments=(*PAID.payments, Money("P2", 500, at(12))), payment_state="PAID")
    changes, _ = publish(PAID, grown, settled)

    assert [[line.id for line in each.sold.lines] for each in changes] == [["R1", "R2"], ["R3"]]
    assert not any(each.returned for each in changes)


def test_what_happened_before_the_watch_is_not_published() -> None:
    """A sale from before the connection is noted; its refund afterwards is published."""
    refund = Money("F1", 300, at(5), ("R2",))
    rows = (row(), row("R2", 300, CAKE, cause=ReturnCause.REFUNDED))
    refunded = replace(PAID, modified_at=at(5), rows=rows, refunds=(refund,), payment_state="PARTIALLY_REFUNDED")
    [noted], _ = publish(PAID, since=at(3))
    [back], _ = publish(refunded, since=at(3))
    [known], _ = publish(refunded, since=at(7))

    assert not any((noted.sold, noted.returned, known.sold, known.returned, back.sold))
    assert [line.id for line in back.returned.lines] == ["R2"]
    assert back.returned.amount == 300


def test_a_sale_from_before_the_watch_that_grows_is_published_by_its_growth() -> None:
    """Sales paid before are known; a tab with a deposit from before is a sale once it is paid."""
    new = replace(row("R3"), created_at=at(20))
    grown = replace(
        PAID, modified_at=at(21), rows=(*PAID.rows, new), payments=(*PAID.payments, Money("P2", 500, at(21)))
    )
    [change], _ = publish(replace(grown, total=1300), since=at(10))
    tab = replace(PAID, modified_at=at(21), payments=(Money("P1", 100, at(1)), Money("P2", 700, at(21))))
    [sold], _ = publish(tab, since=at(10))

    assert ([line.id for line in change.sold.lines], change.sold.amount, change.returned.amount) == (["R3"], 500, 0)
    assert ([line.id for line in sold.sold.lines], sold.sold.amount) == (["R1", "R2"], 800)


def test_a_deleted_order_is_void() -> None:
    """Everything that was published of it goes back, once."""
    [sold], published = publish(PAID)
    assert published is not None
    gone = deleted(PAID.id, "USD", published, at(20))
    [change], _ = publish_more(published, gone, gone)

    assert sums([sold, change]) == Counter()
    assert {line.cause for line in change.returned.lines} == {ReturnCause.VOIDED}


def publish_more(published: Published | None, *seen: Sale) -> tuple[list[Change], Published | None]:
    changes = []
    for each in seen:
        if (change := decide(each, published, SINCE)) is not None:
            changes.append(change)
            published = Published(change.parts, change.modified_at)
    return changes, published


# One order's life at the till, as the states that Clover shows one after another.


def _paid_state(shown: Sale) -> Sale:
    back = sum(each.amount for each in shown.refunds)
    if shown.payments and shown.paid >= (shown.total or 0):
        state = "PAID" if not back else "REFUNDED" if back >= shown.paid else "PARTIALLY_REFUNDED"
    else:
        state = "PARTIALLY_PAID" if shown.payments else "OPEN"
    return replace(shown, payment_state=state)


def _step(shown: Sale, number: int, act: str, chosen: int) -> Sale:
    moment = at(number)
    kept = [each for each in shown.rows if each.cause is None]
    one = kept[chosen % len(kept)] if kept else None
    others = tuple(each for each in shown.rows if each is not one)
    left = shown.paid - sum(each.amount for each in shown.refunds)
    match act:
        case "add":
            shown = replace(shown, rows=(*shown.rows, replace(row(f"R{number}", 100 * chosen), created_at=moment)))
        case "pay":
            payment = Money(f"P{number}", max((shown.total or 0) - shown.paid, 0), moment)
            shown = replace(shown, payments=(*shown.payments, payment), state="locked")
        case "refund" if one and left >= one.amount and shown.is_paid:
            refund = Money(f"F{number}", one.amount, moment, (one.id,))
            refunded = replace(one, cause=ReturnCause.REFUNDED)
            shown = replace(shown, rows=(*others, refunded), refunds=(*shown.refunds, refund))
        case "give back" if left and shown.is_paid:
            shown = replace(shown, refunds=(*shown.refunds, Money(f"F{number}", 1 + chosen % left, moment)))
        case "exchange" if one and shown.is_paid:
            new = replace(one, id=f"R{number}", created_at=moment, item_id=CAKE)
            shown = replace(shown, rows=(*others, replace(one, cause=ReturnCause.EXCHANGED), new))
        case "void row" if one:
            shown = replace(shown, rows=others)
        case "weigh again" if one:
            shown = replace(shown, rows=(*others, replace(one, quantity=1000 + chosen, amount=one.amount + chosen)))
        case "void payment" if shown.payments:
            shown = replace(shown, payments=shown.payments[:-1])
        case "delete":
            shown = replace(shown, is_deleted=True)
    total = sum(each.amount for each in shown.rows if each.cause is None)
    return _paid_state(replace(shown, total=total, modified_at=moment))


ACTS = ("add", "pay", "pay", "refund", "give back", "exchange", "void row", "weigh again", "void payment", "delete")


@given(
    acts=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 9)), max_size=12),
    seen=st.lists(st.integers(0, 14), max_size=20),
)
def test_what_is_published_adds_up_to_what_clover_shows(acts: list[tuple[str, int]], seen: list[int]) -> None:
    """Any states in any sequence, seen never, once or often: once the last is seen, the sums are Clover's."""
    states = [_paid_state(sale(row(), row("R2", 300, CAKE)))]
    for number, (act, chosen) in enumerate([*acts, ("pay", 0)], start=10):
        states.append(_step(states[-1], number, act, chosen))
    watched = [states[min(place, len(states) - 1)] for place in seen]
    changes, published = publish(*watched, states[-1], *watched, states[-1])

    assert sums(changes) == truth(states[-1])
    assert all(each.sold or each.returned for each in changes)
    for key, part in (published.parts if published else {}).items():
        assert part.amount <= 0 if key[0] is Counted.REFUND else part.amount >= 0
