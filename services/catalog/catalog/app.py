"""Puts catalog together: the only place that constructs anything."""

from datetime import timedelta

from catalog.api import ROUTES
from catalog.domain.quota import Limit, Limits
from catalog.handlers import HANDLERS
from catalog.settings import Settings
from catalog.sync import SYNC, Deps, LocalGrants, TrialGrants
from common.clock import SystemClock
from common.clover.transport import Clover
from common.db.database import Database
from common.seal import Sealer
from common.service import Service
from common.telemetry.metrics import Metrics
from common.webhooks.receiver import Receiver
from common.work import api as work

NAME = "catalog"
USER_AGENT = "QuickSync/0.1 (catalog)"


def build(settings: Settings) -> Service:
    """The service with these settings, not yet open."""
    clock, metrics = SystemClock(), Metrics()
    database = Database(settings.postgres_dsn.get_secret_value(), NAME, clock)
    sealer = Sealer.of(settings.master_keys)
    limits, lasts = _limits(settings.clover_limits), timedelta(seconds=settings.grant_seconds)
    grants = LocalGrants(database, sealer, limits, lasts)
    main = Clover(settings, grants, metrics, clock, user_agent=USER_AGENT)

    def trial(own: TrialGrants) -> Clover:
        return Clover(settings, own, metrics, clock, user_agent=USER_AGENT)

    settles = timedelta(seconds=settings.create_settles_seconds)
    return Service(
        name=NAME,
        settings=settings,
        database=database,
        metrics=metrics,
        deps=Deps(database, sealer, grants, main, trial, settles),
        handlers=HANDLERS,
        kinds=SYNC,
        routes=[*ROUTES, *work.routes(NAME), *Receiver(database, settings, metrics).routes()],
        resources=[main],
    )


def _limits(named: dict[str, int]) -> Limits:
    return Limits(
        app=Limit(named["app"], named["app_concurrent"]), token=Limit(named["token"], named["token_concurrent"])
    )
