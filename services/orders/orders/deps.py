"""The dependencies of orders' handlers, routes and sync functions."""

from dataclasses import dataclass
from datetime import timedelta

from common.catalog_client import CatalogClient
from common.clover.transport import Clover
from common.db.database import Database
from common.seal import Sealer
from orders.store.payloads import Payloads


@dataclass(frozen=True)
class Deps:
    """The dependencies of orders.

    `settle` is how long a write without an answer is looked up before it is repeated, `product_wait` how long an order
    waits for products that are on their way to Clover, `sales_sweep` the pause between two sweeps for sales.
    A held order expires at `age_limit`, which is announced `expiry_notice` before.
    """

    database: Database
    clover: Clover
    sealer: Sealer
    payloads: Payloads
    reference_key: bytes
    settle: timedelta
    catalog: CatalogClient
    product_wait: timedelta
    sales_sweep: timedelta
    age_limit: timedelta
    expiry_notice: timedelta
