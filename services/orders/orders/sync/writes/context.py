"""The means by which the writes of one batch are sent."""

from dataclasses import dataclass, field

from common.clover.transport import MerchantApi
from common.errors import Transient
from common.seal import Sealer
from common.work.batch import Batch
from orders.sync.setup import SetupCheck
from orders.sync.turns import InOrder, Turns

HEAD_START = 0.1
"""Seconds by which each creation leaves before the next: longer than one takes to be refused. With a slow Clover,
creations would otherwise come one after another, at fewer calls than are granted."""


@dataclass(frozen=True)
class WriteContext:
    """The means by which writes are sent. `items` maps linked SKUs to their Clover items.

    Orders are pushed side by side, but created in the order in which they came (`creations`), and those of one customer
    take turns to find or create them (`customers`).
    """

    api: MerchantApi
    setup: SetupCheck
    sealer: Sealer
    items: dict[str, str]
    batch: Batch
    creations: InOrder = field(default_factory=lambda: InOrder(Transient, head_start=HEAD_START))
    customers: Turns = field(default_factory=Turns)
