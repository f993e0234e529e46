"""Changes of Clover's count that sales explain, and others."""

from datetime import timedelta

import pytest
from tests.unit.inventory.values import ITEM, NOW

from inventory.domain.counts import apply_clover_count
from inventory.domain.ledger import Movement
from inventory.domain.levels import Level
from inventory.domain.sales import TillSale, last_count


def shown(*counts: int) -> list[Movement]:
    """The lines of an item of which Clover shows these counts, one a minute."""
    level, lines = Level(ITEM), []
    for minute, count in enumerate(counts):
        change = apply_clover_count(level, count, NOW + timedelta(minutes=minute))
        level = change.level
        assert change.movement is not None
        lines.append(change.movement)
    return lines


def sale(delta: int, sold: float, reported: float) -> TillSale:
    """A sale at this minute that was reported at that one."""
    return TillSale(ITEM, delta, NOW + timedelta(minutes=sold), NOW + timedelta(minutes=reported))


SALES = {
    "a sale": ([10, 7], [sale(-3, 1, 1.1)], 0),
    "reported an hour later": ([10, 7], [sale(-3, 1, 60)], 0),
    "read after the report": ([10, 7], [sale(-3, 0.5, 0.6)], 0),
    "paid half an hour after the goods were put on the order": ([10, 9, 7], [sale(-3, 31, 31)], 0),
    "two sales and one read": ([10, 7], [sale(-1, 0.8, 1), sale(-2, 0.9, 1)], 0),
    "a return": ([10, 12], [sale(2, 1, 1)], 0),
    "nothing was sold": ([10, 7], [], 1),
    "less was sold": ([10, 7], [sale(-2, 1, 1)], 1),
    "sold the day before": ([10, 7], [sale(-3, -1440, -1440)], 1),
    "sold the day after": ([10, 7], [sale(-3, 1440, 1440)], 1),
    "a sale is no delivery": ([10, 13], [sale(-3, 1, 1)], 1),
    "counted between two sales": ([10, 9, 5, 4], [sale(-1, 1, 1), sale(-1, 3, 3)], 2),
    "one sale explains one line, the nearer one": ([10, 9, 8], [sale(-1, 2, 2)], 1),
    "and not the one after it": ([10, 9, 8], [sale(-1, 1, 3)], 2),
}


@pytest.mark.parametrize(("counts", "sales", "last"), SALES.values(), ids=SALES)
def test_a_change_that_sales_do_not_explain_is_a_count(counts: list[int], sales: list[TillSale], last: int) -> None:
    """The last such line is the last count of a person; without any it is the first count."""
    lines = shown(*counts)

    assert last_count(lines, sales) is lines[last]
