"""The means by which the writes of one batch are sent."""

from dataclasses import dataclass

from common.clover.transport import MerchantApi
from common.seal import Sealer
from common.work.batch import Batch
from orders.sync.pauses import MerchantPause
from orders.sync.setup import SetupCheck


@dataclass(frozen=True)
class WriteContext:
    """The means by which writes are sent. `items` maps linked SKUs to their Clover items."""

    api: MerchantApi
    setup: SetupCheck
    pause: MerchantPause
    sealer: Sealer
    items: dict[str, str]
    batch: Batch
