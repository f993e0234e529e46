"""Puts orders together: the only place that constructs anything."""

from datetime import timedelta

from common.catalog_client import CatalogClient
from common.clock import Clock, SystemClock
from common.clover.call_budget import CallBudget
from common.clover.grants import Grants
from common.clover.lent_grants import HttpGrants
from common.clover.transport import Clover
from common.comparison import MerchantComparison
from common.db.database import Database
from common.seal import Sealer
from common.service import Service
from common.telemetry.metrics import Metrics
from common.webhooks.receiver import Receiver
from common.work import api as work
from orders.api import ROUTES
from orders.deps import Deps
from orders.handlers import HANDLERS
from orders.kinds import COMPARE_LINKS
from orders.settings import Settings
from orders.store.payloads import Payloads
from orders.sync import SYNC
from orders.sync.sealing import Resealing

NAME = "orders"


def build(settings: Settings, *, clock: Clock | None = None, grants: Grants | None = None) -> Service:
    """Build the service with these settings, not yet open. Tests bring their own clock and grants."""
    clock, metrics = clock or SystemClock(), Metrics()
    database = Database(settings.postgres_dsn.get_secret_value(), NAME, clock)
    grants = grants or HttpGrants(settings, NAME, clock)
    budget = CallBudget(grants, clock)
    clover = Clover(settings, grants, budget, metrics, clock, user_agent=f"QuickSync/0.1 ({NAME})")
    catalog = CatalogClient(settings, NAME)
    sealer = Sealer.of(settings.master_keys)
    deps = Deps(
        database=database,
        clover=clover,
        sealer=sealer,
        payloads=Payloads(sealer),
        reference_key=settings.reference_key.get_secret_value().encode(),
        settle=timedelta(seconds=settings.order_settle_seconds),
        catalog=catalog,
        product_wait=timedelta(seconds=settings.order_product_wait_seconds),
        age_limit=timedelta(days=settings.order_age_limit_days),
        expiry_notice=timedelta(days=settings.order_expiry_notice_days),
        sales_sweep=timedelta(seconds=settings.sales_sweep_seconds),
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
        routes=[*ROUTES, *work.routes(NAME, SYNC, catalog), *Receiver(database, settings, metrics).routes()],
        budget=budget,
        resources=[clover, catalog],
        loops=[comparison.run, Resealing(deps, metrics).run],
    )
