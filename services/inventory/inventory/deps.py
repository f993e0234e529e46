"""The dependencies of inventory's routes and sync functions."""

from dataclasses import dataclass
from datetime import timedelta

from common.catalog_client import CatalogClient
from common.clock import Clock
from common.clover.transport import Clover
from common.db.database import Database


@dataclass(frozen=True)
class Deps:
    """`clover_timeout` limits each call to Clover; `sweep_interval` is the pause between two sweeps of a merchant."""

    database: Database
    clover: Clover
    catalog: CatalogClient
    clock: Clock
    clover_timeout: timedelta
    sweep_interval: timedelta
