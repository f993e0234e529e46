"""The means by which the writes of one batch are sent."""

from collections.abc import Mapping
from dataclasses import dataclass

from common.clover.transport import MerchantApi
from common.errors import Permanent
from common.seal import Sealer
from orders.domain.order import Order
from orders.domain.progress import Progress
from orders.domain.timeline import Entry
from orders.domain.writes import Write
from orders.sync.pauses import MerchantPause
from orders.sync.setup import SetupCheck


@dataclass(frozen=True)
class WriteContext:
    """The means by which writes are sent. `items` maps linked SKUs to their Clover items."""

    api: MerchantApi
    setup: SetupCheck
    pause: MerchantPause
    sealer: Sealer
    items: Mapping[str, str]


async def refused(_context: WriteContext, _write: Write, _order: Order, error: Permanent) -> tuple[Progress, Entry]:
    """Let the refusal stand. A write without which the order can go on has a `refused` of its own."""
    raise error
