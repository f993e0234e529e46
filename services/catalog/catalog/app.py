"""Builds the catalog service: the only place that constructs its parts."""

from datetime import timedelta

from catalog.api import ROUTES
from catalog.deps import Deps
from catalog.domain.grants import Limit, Limits
from catalog.grants import Lender, UnsavedTokenGrants
from catalog.handlers import HANDLERS
from catalog.settings import Settings
from catalog.sync import SYNC
from catalog.sync.outages import OutageWatch
from common.clock import Clock, SystemClock
from common.clover.call_budget import CallBudget
from common.clover.grants import Grants
from common.clover.lent_grants import LentGrants
from common.clover.transport import Clover
from common.db.database import Database
from common.seal import Sealer
from common.service import Service
from common.telemetry.metrics import Metrics
from common.webhooks.receiver import Receiver
from common.work import api as work

NAME = "catalog"
USER_AGENT = "QuickSync/0.1 (catalog)"


def build(settings: Settings, *, clock: Clock | None = None, grants: Grants | None = None) -> Service:
    """Return the service with these settings, not yet open. `grants` replaces those of catalog's own worker."""
    clock, metrics = clock or SystemClock(), Metrics()
    database = Database(settings.postgres_dsn.get_secret_value(), NAME, clock)
    sealer = Sealer.of(settings.master_keys)
    limits = _limits(settings.clover_limits)
    lender = Lender(database, sealer, limits, settings.grant_seconds, settings.background_share)
    grants = grants or LentGrants(lender.lend, NAME, clock)
    budget = CallBudget(grants, clock)
    clover = Clover(settings, grants, budget, metrics, clock, user_agent=USER_AGENT)

    def probe(unsaved: UnsavedTokenGrants) -> Clover:
        return Clover(settings, unsaved, budget, metrics, clock, user_agent=USER_AGENT)

    create_settle = timedelta(seconds=settings.create_settles_seconds)
    sweep_interval = timedelta(seconds=settings.item_sweep_seconds)
    deps = Deps(database, sealer, lender, clover, probe, create_settle, sweep_interval)
    return Service(
        name=NAME,
        settings=settings,
        database=database,
        metrics=metrics,
        deps=deps,
        handlers=HANDLERS,
        kinds=SYNC,
        routes=[*ROUTES, *work.routes(NAME, SYNC), *Receiver(database, settings, metrics).routes()],
        budget=budget,
        resources=[clover],
        loops=[OutageWatch(deps).run],
    )


def _limits(named: dict[str, int]) -> Limits:
    return Limits(
        app=Limit(named["app"], named["app_concurrent"]),
        # of a merchant's calls, two services in turn find some free while the third uses all it can have
        token=Limit(named["token"], named["token_concurrent"], spare=3.0),
    )
