"""What the orders service works with."""

from dataclasses import dataclass
from datetime import timedelta

from common.clover.transport import Clover
from common.db.database import Database
from common.seal import Sealer


@dataclass(frozen=True)
class Deps:
    """What orders works with. `settle` is how long a write with no known end is asked about before it is repeated."""

    database: Database
    clover: Clover
    sealer: Sealer
    reference_key: bytes
    settle: timedelta


def customer_context(merchant_id: str, source_id: str) -> str:
    """What a sealed customer is bound to."""
    return f"order-customer|{merchant_id}|{source_id}"
