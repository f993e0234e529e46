"""Puts inventory together."""

from datetime import timedelta

from common.clock import Clock, SystemClock
from common.clover.grants import Grants, HttpGrants
from common.clover.transport import Clover
from common.db.database import Database
from common.service import Service
from common.telemetry.metrics import Metrics
from common.webhooks.receiver import Receiver
from common.work import api as work_api
from inventory.api import ROUTES
from inventory.handlers import HANDLERS
from inventory.settings import Settings
from inventory.sync import SYNC, Deps

NAME = "inventory"


def build(settings: Settings, clock: Clock | None = None, grants: Grants | None = None) -> Service:
    """The service as it runs; tests hand in a clock they move and grants of their own."""
    clock = clock or SystemClock()
    metrics = Metrics()
    database = Database(settings.postgres_dsn.get_secret_value(), NAME, clock)
    clover = Clover(
        settings,
        grants or HttpGrants(settings, NAME),
        metrics,
        clock,
        user_agent=f"QuickSync/0.1 ({NAME})",
    )
    deps = Deps(
        database=database,
        clover=clover,
        clock=clock,
        patience=timedelta(seconds=settings.clover_timeout),
        sweep_every=timedelta(seconds=settings.sweep_seconds),
    )
    return Service(
        name=NAME,
        settings=settings,
        database=database,
        metrics=metrics,
        deps=deps,
        handlers=HANDLERS,
        kinds=SYNC,
        routes=[*ROUTES, *Receiver(database, settings, metrics).routes(), *work_api.routes(NAME)],
        resources=[clover],
    )
