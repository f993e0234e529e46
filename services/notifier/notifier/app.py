"""Puts notifier together: the only place that constructs anything."""

from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from common import messages
from common.clock import Clock, SystemClock
from common.db.database import Database
from common.http.auth import Keys
from common.seal import Sealer
from common.service import Service
from common.telemetry.metrics import Metrics
from common.work import api as work_api
from notifier import api, dashboard
from notifier.feed import Hub
from notifier.handlers import HANDLERS
from notifier.mail import Contacts, Office, Relay
from notifier.settings import Settings
from notifier.sync import SYNC, Deps

NAME = "notifier"


def build(settings: Settings, clock: Clock | None = None) -> Service:
    database = Database(settings.postgres_dsn.get_secret_value(), NAME, clock or SystemClock())
    templates = _templates()
    hub = Hub(database)
    contacts = Contacts(settings, NAME)
    deps = Deps(
        database=database,
        contacts=contacts,
        office=Office(templates, settings.sender, settings.public_url),
        relay=Relay(settings.relay, settings.smtp_timeout),
        hub=hub,
        keys=Keys(settings.jwt_public_keys, settings.internal_secrets, audience=NAME),
        templates=templates,
        assets=_assets(),
        secure=settings.public_url.startswith("https:"),
        sealer=Sealer.of(settings.master_keys),
        hears=lambda: service.consumer.ready.is_set(),  # noqa: PLW0108 - the service is made below
    )
    service = Service(
        name=NAME,
        settings=settings,
        database=database,
        metrics=Metrics(),
        deps=deps,
        handlers=HANDLERS,
        kinds=SYNC,
        routes=[*api.ROUTES, *dashboard.ROUTES, *work_api.routes(NAME)],
        resources=[contacts],
        loops=[hub.run],
        on_shutdown=[hub.close],
    )
    return service


def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader(NAME),
        autoescape=select_autoescape(["html"], default_for_string=True, default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["texts"] = messages.for_locale()
    environment.filters["exact"] = dashboard.exact
    return environment


def _assets() -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in (files(NAME) / "static").iterdir() if each.is_file()}
