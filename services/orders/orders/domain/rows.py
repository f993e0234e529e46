"""The rows of an order in Clover: one per unit, or one for a whole line where there would be too many."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import blake2s
from itertools import chain

from orders.domain.parts import Part
from orders.domain.source import Amount, clipped, is_whole
from orders.domain.sums import whole, wholes

MOST_ROWS = 2500
"""The rows that Clover takes in one order, one per unit. Its pages say 2,500 and 3,000 (documented)."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the order in Clover, worth `price`. `thousandths` is the quantity of goods that are sold by weight."""

    name: str
    sku: str
    price: int
    rates: tuple[str, ...] = ()
    thousandths: int | None = None
    unit_price: int | None = None
    id: str = ""


def spread(priced: Sequence[tuple[Part, Amount]], ids: Sequence[tuple[str, ...]]) -> list[Row]:
    """Return one row per unit, or one for a whole line where there would be more than Clover takes."""
    amounts = wholes(amount for _, amount in priced)
    units = [int(part.quantity) if is_whole(part.quantity) else 1 for part, _ in priced]
    single = _single(units)
    return list(
        chain.from_iterable(
            _units(part, max(amount, 0), rates, count if number not in single else 1)
            for number, ((part, _), amount, rates, count) in enumerate(zip(priced, amounts, ids, units, strict=True))
        )
    )


def _single(units: Sequence[int]) -> set[int]:
    """Return the numbers of the lines that go as one row each, the largest first, so that all fit."""
    single, count = set[int](), sum(units)
    for number in sorted(range(len(units)), key=lambda each: -units[each]):
        if count <= MOST_ROWS - 1:  # one row may be added for rounding
            break
        single.add(number)
        count -= units[number] - 1
    return single


def _units(part: Part, amount: int, rates: tuple[str, ...], count: int) -> list[Row]:
    """Spread an amount over the rows of a line; the first ones take the cents that are left over."""
    if count == 1 and part.quantity != 1:
        return [_of_many(part, amount, rates)]
    low, rest = divmod(amount, count)
    row = Row(clipped(part.name), part.sku, low, rates)
    return [*[replace(row, price=low + 1)] * rest, *[row] * (count - rest)]


def _of_many(part: Part, amount: int, rates: tuple[str, ...]) -> Row:
    """Return one row for several units, named "100 × Mug". By weight it can be the item, if its price is exact."""
    quantity = Decimal(part.quantity)
    name, thousandths = clipped(f"{quantity.normalize():f} × {part.name}"), quantity * 1000
    price = whole(amount / quantity)
    if not is_whole(quantity) and is_whole(thousandths) and whole(price * quantity) == amount:
        return Row(name, part.sku, amount, rates, int(thousandths), price)
    return Row(name, "", amount, rates)


def with_ids(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Give each row an id by its content, so that a row that an edit leaves alone keeps its id."""
    seen: Counter[str] = Counter()
    named = []
    digests: dict[int, str] = {}  # units of a line share their row
    for row in rows:
        digest = digests.get(id(row)) or digests.setdefault(id(row), _digest(row))
        seen[digest] += 1
        named.append(replace(row, id=f"{digest}-{seen[digest]}"))
    return tuple(named)


def _digest(row: Row) -> str:
    said = "\n".join(map(str, (row.name, row.sku, row.price, row.rates, row.thousandths)))
    return blake2s(said.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
