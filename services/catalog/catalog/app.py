"""Builds the catalog service: the only place that constructs its parts."""

from datetime import timedelta

from catalog.api import ROUTES
from catalog.clover.oauth import OAuthClient
from catalog.deps import Deps
from catalog.domain.grants import Limit, Limits
from catalog.domain.oauth import OAuthApp
from catalog.grants import Lender
from catalog.handlers import HANDLERS
from catalog.settings import Settings
from catalog.store.portions import Portions
from catalog.sync import SYNC
from catalog.sync.oauth import StateExpiry
from catalog.sync.outages import OutageWatch
from catalog.sync.secrets import Resealing
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
CALLBACK = "/oauth/clover/callback"


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
    oauth = OAuthClient(clock, settings.clover_timeout, USER_AGENT)
    deps = Deps(
        database=database,
        portions=Portions(database),
        sealer=sealer,
        lender=lender,
        clover=clover,
        probe=lambda unsaved: Clover(settings, unsaved, budget, metrics, clock, user_agent=USER_AGENT),
        oauth=oauth,
        oauth_apps=_oauth_apps(settings),
        create_settle=timedelta(seconds=settings.create_settles_seconds),
        batch_gathers=timedelta(seconds=settings.batch_gathers_seconds),
        sweep_interval=timedelta(seconds=settings.item_sweep_seconds),
        full_sweep_interval=timedelta(seconds=settings.item_full_sweep_seconds),
        webhook_patience=timedelta(seconds=settings.webhook_patience_seconds),
    )
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
        resources=[clover, oauth],
        loops=[OutageWatch(deps).run, Resealing(deps, metrics).run, StateExpiry(deps).run],
    )


def _limits(named: dict[str, int]) -> Limits:
    return Limits(
        app=Limit(named["app"], named["app_concurrent"]),
        # of a merchant's calls, two services in turn find some free while the third uses all it can have
        token=Limit(named["token"], named["token_concurrent"], spare=3.0),
    )


def _oauth_apps(settings: Settings) -> dict[str, OAuthApp]:
    """Return our app in each region where people can connect by OAuth: Clover must know where to send them back to."""
    apps = {}
    for region, web_url in settings.clover_web_urls.items():
        app, api_url = settings.region_app(region), settings.clover_base_urls.get(region)
        if app and api_url and settings.public_url:
            secret = app.secret.get_secret_value() if app.secret else None
            redirect_url = app.redirect_url or f"{settings.public_url}{CALLBACK}"
            apps[region] = OAuthApp(app.id, secret, web_url, api_url.rstrip("/"), redirect_url)
    return apps
