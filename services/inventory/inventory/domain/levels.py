"""The stock level of one item."""

from dataclasses import dataclass

MAX_QUANTITY = 10**15
"""Limit of every count in thousandths, above and below zero."""


@dataclass(frozen=True)
class Level:
    """The stock of one item in thousandths; `sku` is empty while the item has no link.

    `on_hand` is the quantity in stock, None while the item was never counted. `shadow` is the last Clover count that is
    accounted for, None while Clover never showed one. None is not zero: an item without a count is never pushed.

    `unread_delta` is the sum of the adjustments recorded before Clover's count was first read. They are added to that
    count; once Clover showed that it has none, `unread_delta` is None and adjustments are history until a count.
    `inherited` is the count of the SKU's previous item, for an item without a count in Clover. Clover refused to show
    an item that `is_refused`: it may be deleted.
    """

    item_id: str
    sku: str = ""
    on_hand: int | None = None
    shadow: int | None = None
    version: int = 0
    unread_delta: int | None = 0
    inherited: int | None = None
    is_refused: bool = False

    @property
    def needs_push(self) -> bool:
        """Whether Clover has yet to receive our number."""
        return self.on_hand is not None and self.on_hand != self.shadow

    @property
    def pending(self) -> int:
        """The change that Clover has yet to receive."""
        if self.on_hand is None:
            return self.unread_delta or 0
        return self.on_hand - (self.shadow or 0)

    @property
    def expected(self) -> int | None:
        """The count of the item, or the one it inherits unless Clover has one; None without either."""
        if self.on_hand is None and self.inherited is not None:
            return self.inherited + (self.unread_delta or 0)
        return self.on_hand
