"""Which rows in Clover are which of ours.

Every row carries an id of ours in `userData`. Whether every Clover returns that field is not verified, so where it does
not, rows are known by Clover's ids of them, which were recorded when they were added.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace

from orders.domain.clover_order import CloverOrder, CloverRow
from orders.domain.order import Order
from orders.domain.rows import Row
from orders.domain.writes import AddLines


def row_id(order: Order, number: int) -> str:
    """Return the id of ours for a row, which Clover stores with the line item."""
    return f"{order.reference}-{order.charge.rows[number - 1].id}"


def row_ids(order: Order) -> list[str]:
    """Return the ids of ours for all rows."""
    return [f"{order.reference}-{row.id}" for row in order.charge.rows]


def rows(write: AddLines, order: Order) -> list[tuple[str, Row]]:
    """Return the rows of this write, each with the id of ours."""
    return [(row_id(order, number), order.charge.rows[number - 1]) for number in write.numbers]


def identified(order: Order, shown: CloverOrder) -> CloverOrder:
    """Return Clover's order with our ids of its rows, also where Clover does not return them.

    A row that nothing was recorded of, as the answer was lost, is known by its name and price. While an order is first
    written any other row counts as one of ours too, so that none is added twice; later it may be a cashier's.
    """
    if shown.shows_our_ids:
        return shown
    recorded = order.progress.line_ids
    known = [replace(each, ours=recorded.get(each.id or "")) for each in shown.rows]
    taken = {each.ours for each in known}
    left = [(ours, row) for ours, row in zip(row_ids(order), order.charge.rows, strict=True) if ours not in taken]
    return replace(shown, rows=matched(known, left, in_turn=not order.progress.edited))


def recorded_ids(added: Sequence[CloverRow], ours: Sequence[tuple[str, Row]]) -> dict[str, str]:
    """Return our ids of added rows by Clover's; empty where Clover returns ours itself, or does not show the rows."""
    if any(each.ours for each in added):
        return {}
    return {each.id: each.ours for each in matched(added, ours, in_turn=True) if each.id and each.ours}


def matched(shown: Sequence[CloverRow], ours: Sequence[tuple[str, Row]], *, in_turn: bool) -> tuple[CloverRow, ...]:
    """Return the rows with ids of ours by name and price; `in_turn` gives those that are left to any other rows."""
    alike: defaultdict[tuple[str | None, int | None], deque[str]] = defaultdict(deque)
    for row_id_, row in ours:
        # Goods by weight stand there at the price of one unit, or at their whole price as a custom line.
        for price in {row.price, row.price if row.unit_price is None else row.unit_price}:
            alike[row.name, price].append(row_id_)
    left = dict.fromkeys(row_id_ for row_id_, _ in ours)
    found = [_known_as(each, alike[each.name, each.price], left) for each in shown]
    if not in_turn:
        return tuple(found)
    rest = deque(left)
    return tuple(_known_as(each, rest, left) for each in found)


def _known_as(row: CloverRow, ids: deque[str], left: dict[str, None]) -> CloverRow:
    """Return the row with the first of these ids that is left."""
    while ids and ids[0] not in left:
        ids.popleft()
    if row.ours or not ids:
        return row
    del left[ids[0]]
    return replace(row, ours=ids.popleft())
