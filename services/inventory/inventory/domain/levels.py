"""The stock level of one item."""

from dataclasses import dataclass

MAX_QUANTITY = 10**15
"""Limit of every count in thousandths, above and below zero."""


@dataclass(frozen=True)
class Level:
    """The stock of one item in thousandths; `sku` is empty while the item has no link.

    `on_hand` is the sum of the item's movements, None while it was never counted. `shadow` is the last Clover count
    that is accounted for, None while Clover never showed one. Both count as zero in sums, but None is not zero.
    `counted_locally` says that the item was counted in QuickSync before Clover showed a count.
    """

    item_id: str
    sku: str = ""
    on_hand: int | None = None
    shadow: int | None = None
    version: int = 0
    counted_locally: bool = False

    @property
    def needs_push(self) -> bool:
        """Whether Clover has yet to receive our number."""
        return self.on_hand is not None and self.on_hand != self.shadow

    @property
    def pending(self) -> int:
        """The change that Clover has yet to receive."""
        return (self.on_hand or 0) - (self.shadow or 0)
