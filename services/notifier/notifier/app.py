"""Builds notifier: the only place that constructs anything."""

from common.catalog_client import CatalogClient
from common.clock import Clock, SystemClock
from common.clover.grants import Grants
from common.comparison import MerchantComparison
from common.db.database import Database
from common.http.auth import Keys
from common.seal import Sealer
from common.service import Service
from common.telemetry.metrics import Metrics
from common.work import api as work_api
from notifier import api, dashboard
from notifier.dashboard.rendering import load_assets, load_templates
from notifier.deps import Deps
from notifier.feed.hub import Hub
from notifier.handlers import HANDLERS
from notifier.mail.composer import MailComposer
from notifier.mail.smtp import SmtpClient
from notifier.settings import Settings
from notifier.sync import SYNC

NAME = "notifier"


def build(settings: Settings, *, clock: Clock | None = None, grants: Grants | None = None) -> Service:
    """Notifier, ready to run. `grants` is ignored, as notifier never calls Clover; all services have one signature."""
    del grants
    database = Database(settings.postgres_dsn.get_secret_value(), NAME, clock or SystemClock())
    templates = load_templates(NAME)
    hub = Hub(database)
    catalog = CatalogClient(settings, NAME)
    deps = Deps(
        database=database,
        catalog=catalog,
        composer=MailComposer(templates, settings.sender, settings.public_url),
        smtp=SmtpClient(settings.smtp_server, settings.smtp_timeout),
        hub=hub,
        keys=Keys(settings.jwt_public_keys, settings.internal_secrets, audience=NAME),
        templates=templates,
        assets=load_assets(NAME),
        secure=settings.public_url.startswith("https:"),
        sealer=Sealer.of(settings.master_keys),
        is_consuming=lambda: service.consumer.ready.is_set(),  # noqa: PLW0108 - the service is built below
    )
    comparison = MerchantComparison(database, catalog, HANDLERS, settings.compare_seconds)
    service = Service(
        name=NAME,
        settings=settings,
        database=database,
        metrics=Metrics(),
        deps=deps,
        handlers=HANDLERS,
        kinds=SYNC,
        routes=[*api.ROUTES, *dashboard.ROUTES, *work_api.routes(NAME, catalog=catalog)],
        resources=[catalog],
        loops=[hub.run, comparison.run],
        on_shutdown=[hub.close],
    )
    return service
