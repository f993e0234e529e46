"""Inventory's slice of Clover: counts of items, read one by one or in pages, and written absolutely."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import structlog

from common.clover.paging import LARGEST_PAGE, Endless
from common.clover.transport import Answered, MerchantApi, Unread
from common.errors import NotFound, Rejected, Throttled, Transient, Undecodable
from common.quantity import decimal
from inventory.domain import LARGEST

log = structlog.get_logger()

GIVE_UP = 2
"""So many failures in one batch are Clover's, not an item's."""

GONE = "Clover no longer has item {item_id}; most often it was deleted there. Link the product again, or remove it."
ABSURD = "Clover shows a count for item {item_id} that is beyond 10^12; correct it in Clover."


class ItemReference(Answered):
    """Which item a count is of."""

    id: str


class ItemStock(Answered):
    """A count: never-counted items have no `quantity` (recorded). `stockCount` is rounded and not used (documented)."""

    item: ItemReference
    quantity: Decimal | None = None


@dataclass
class Reading:
    """What was read: counts in thousandths (None: no count), why some have none to read, in words, and what failed."""

    counts: dict[str, int | None] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    failed: dict[str, Transient] = field(default_factory=dict)

    @property
    def given_up(self) -> bool:
        """Whether so much failed that nothing more was asked for."""
        return len(self.failed) >= GIVE_UP

    def add(self, other: "Reading") -> None:
        """Take over what another reading says."""
        self.counts.update(other.counts)
        self.refused.update(other.refused)
        self.failed.update(other.failed)


async def read_counts(api: MerchantApi, item_ids: Sequence[str], known: int) -> Reading:
    """The counts of these items, and of others where they come along.

    Read one by one or the whole collection by pages, whichever costs fewer calls; `known` is how many items the
    merchant has, as far as we know.
    """
    if len(item_ids) <= known // LARGEST_PAGE + 1:
        return await _one_by_one(api, item_ids)
    reading = Reading()
    async for page in read_pages(api):
        reading.add(page)
    # A page may lose rows while others are added or deleted, so what is missing is asked for by itself.
    missing = [each for each in item_ids if each not in reading.counts and each not in reading.refused]
    reading.add(await _one_by_one(api, missing))
    return reading


async def read_pages(api: MerchantApi) -> AsyncIterator[Reading]:
    """The counts of all items, page by page, as far as Clover lets us: one client tells of an end after 1,000."""
    try:
        async for stocks in api.pages("item_stocks", ItemStock):
            yield _reading(stocks)
    except (Rejected, Endless) as error:
        log.warning("counts cannot be read to their end", reason=str(error))


def _reading(stocks: Sequence[ItemStock]) -> Reading:
    reading = Reading()
    for stock in stocks:
        try:
            reading.counts[stock.item.id] = _count(stock)
        except Rejected as error:
            reading.refused[stock.item.id] = str(error)
    return reading


async def read_count(api: MerchantApi, item_id: str) -> int | None:
    """The count of one item, None where it has none. Raises NotFound, or Rejected for a count that cannot be."""
    try:
        return _count(await api.get(f"item_stocks/{item_id}", ItemStock))
    except NotFound:
        raise NotFound(GONE.format(item_id=item_id)) from None


async def write_count(api: MerchantApi, item_id: str, count: int) -> None:
    """Overwrite the count, negative and decimal allowed (recorded). Clover has no delta and no compare-and-set."""
    try:
        await api.post(f"item_stocks/{item_id}", {"quantity": decimal(count)}, Unread)
    except NotFound:
        raise NotFound(GONE.format(item_id=item_id)) from None


async def _one_by_one(api: MerchantApi, item_ids: Sequence[str]) -> Reading:
    reading = Reading()
    for item_id in item_ids:
        try:
            reading.counts[item_id] = await read_count(api, item_id)
        except (NotFound, Rejected, Undecodable) as error:
            reading.refused[item_id] = str(error)
        except Throttled:
            raise
        except Transient as error:
            reading.failed[item_id] = error
            if reading.given_up:
                break
    return reading


def _count(stock: ItemStock) -> int | None:
    """Clover counts in doubles, so that 0.1 + 0.2 comes as 0.30000000000000004: rounded to the thousandth."""
    if stock.quantity is None:
        return None
    count = round(stock.quantity * 1000)
    if abs(count) > LARGEST:
        raise Rejected(ABSURD.format(item_id=stock.item.id))
    return count
