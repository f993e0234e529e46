"""Reads and writes the stock counts of items in Clover."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import structlog

from common import messages
from common.clover.transport import Answered, MerchantApi, Unread
from common.errors import NotFound, Rejected, Undecodable
from common.quantity import decimal
from inventory.domain.levels import MAX_QUANTITY

log = structlog.get_logger()


class ItemReference(Answered):
    """The item that a count belongs to."""

    id: str


class ItemStock(Answered):
    """The count of an item. `quantity` is missing if the item was never counted (recorded).

    Clover also sends `stockCount`, which is rounded to whole units (documented) and therefore not used.
    """

    item: ItemReference
    quantity: Decimal | None = None


@dataclass
class Reading:
    """The result of reading counts, by item id.

    `counts` are in thousandths, None for an item without a count. `refused` holds the reasons why Clover has no
    usable count of an item, in words for the merchant.
    """

    counts: dict[str, int | None] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StockPage:
    """A page of counts, and the offset of the next one."""

    reading: Reading
    end: int
    is_last: bool


async def read_page(api: MerchantApi, offset: int) -> StockPage:
    """Read the counts of all items at this offset.

    A public client of Clover reports that paging stops after 1,000 items (unconfirmed), so a refusal only ends it.
    """
    try:
        page = await api.page("item_stocks", ItemStock, offset)
    except Rejected as error:
        log.warning("paging of counts ended early", reason=str(error))
        return StockPage(Reading(), offset, is_last=True)
    return StockPage(_reading(page.elements), offset + len(page.elements), is_last=page.is_last)


def _reading(stocks: Sequence[ItemStock]) -> Reading:
    reading = Reading()
    for stock in stocks:
        try:
            reading.counts[stock.item.id] = _count(stock)
        except Rejected as error:
            reading.refused[stock.item.id] = str(error)
    return reading


async def read_count(api: MerchantApi, item_id: str) -> int | None:
    """Read the count of one item in thousandths; None if it has none.

    Raises NotFound for a deleted item and Rejected for a count beyond the limit.
    """
    try:
        return _count(await api.get(f"item_stocks/{item_id}", ItemStock))
    except NotFound:
        raise _gone(item_id) from None


async def write_count(api: MerchantApi, item_id: str, count: int) -> None:
    """Overwrite the count of an item, in thousandths.

    Clover takes negative and decimal counts (recorded). It has neither deltas nor a compare-and-set.
    """
    try:
        await api.post(f"item_stocks/{item_id}", {"quantity": decimal(count)}, Unread)
    except NotFound:
        raise _gone(item_id) from None


async def read_one(api: MerchantApi, item_id: str) -> Reading:
    """Read the count of one item."""
    try:
        return Reading(counts={item_id: await read_count(api, item_id)})
    except (NotFound, Rejected, Undecodable) as error:
        return Reading(refused={item_id: str(error)})


def _count(stock: ItemStock) -> int | None:
    """Return the count rounded to thousandths: Clover adds doubles, so 0.1 + 0.2 arrives as 0.30000000000000004."""
    if stock.quantity is None:
        return None
    count = round(stock.quantity * 1000)
    if abs(count) > MAX_QUANTITY:
        raise Rejected(messages.for_locale().text("reason.count_too_large", item_id=stock.item.id))
    return count


def _gone(item_id: str) -> NotFound:
    return NotFound(messages.for_locale().text("reason.item_deleted", item_id=item_id))
