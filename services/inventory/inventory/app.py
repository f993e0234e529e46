"""Builds the inventory service."""

from datetime import timedelta

from common.catalog_client import CatalogClient
from common.clock import Clock, SystemClock
from common.clover.call_budget import CallBudget
from common.clover.grants import Grants
from common.clover.lent_grants import HttpGrants
from common.clover.transport import Clover
from common.comparison import MerchantComparison
from common.db.database import Database
from common.service import Service
from common.telemetry.metrics import Metrics
from common.webhooks.receiver import Receiver
from common.work import api as work
from inventory.api import ROUTES
from inventory.deps import Deps
from inventory.handlers import HANDLERS
from inventory.kinds import COMPARE_LINKS
from inventory.settings import Settings
from inventory.sync import SYNC

NAME = "inventory"
USER_AGENT = "QuickSync/0.1 (inventory)"


def build(settings: Settings, *, clock: Clock | None = None, grants: Grants | None = None) -> Service:
    """Build the service, not yet open; tests pass a clock and grants of their own."""
    clock, metrics = clock or SystemClock(), Metrics()
    database = Database(settings.postgres_dsn.get_secret_value(), NAME, clock)
    grants = grants or HttpGrants(settings, NAME, clock)
    budget = CallBudget(grants, clock)
    clover = Clover(settings, grants, budget, metrics, clock, user_agent=USER_AGENT)
    catalog = CatalogClient(settings, NAME)
    deps = Deps(
        database=database,
        clover=clover,
        catalog=catalog,
        clock=clock,
        clover_timeout=timedelta(seconds=settings.clover_timeout),
        sweep_interval=timedelta(seconds=settings.sweep_seconds),
    )
    comparison = MerchantComparison(database, catalog, HANDLERS, settings.compare_seconds, COMPARE_LINKS)
    return Service(
        name=NAME,
        settings=settings,
        database=database,
        metrics=metrics,
        deps=deps,
        handlers=HANDLERS,
        kinds=SYNC,
        routes=[*ROUTES, *work.routes(NAME, catalog=catalog), *Receiver(database, settings, metrics).routes()],
        budget=budget,
        resources=[clover, catalog],
        loops=[comparison.run],
    )
