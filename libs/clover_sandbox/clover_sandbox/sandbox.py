"""Composes the sandbox: world, pipeline, limits, faults, journal, webhooks."""

from dataclasses import dataclass, field
from random import Random

from clover_sandbox.clock import Clock
from clover_sandbox.faults import Faults
from clover_sandbox.ids import Ids
from clover_sandbox.journal import Journal
from clover_sandbox.limits import Limiter, Limits
from clover_sandbox.oauth import OAuth
from clover_sandbox.pipeline import Pipeline
from clover_sandbox.rest.api import build_router
from clover_sandbox.switches import Switches
from clover_sandbox.till.actions import play_till
from clover_sandbox.webhooks import Webhooks
from clover_sandbox.world import App, World


@dataclass(frozen=True)
class Settings:
    """The settings of a sandbox. The same `seed` yields the same ids and the same random choices."""

    limits: Limits = field(default_factory=Limits)
    webhook_url: str | None = None
    webhook_secret: str = ""
    app_id: str = "SANDB0XAPP001"
    app_secret: str = "sandbox-app-secret"  # noqa: S105 - public, for the local app only
    app_site_url: str | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Sandbox:
    """A local Clover. `world` is the ground truth; the other parts control access to it."""

    world: World
    pipeline: Pipeline
    oauth: OAuth
    limiter: Limiter
    faults: Faults
    journal: Journal
    switches: Switches
    webhooks: Webhooks


def build_sandbox(settings: Settings) -> Sandbox:
    """Build a sandbox without merchants."""
    clock, ids, switches = Clock(), Ids(settings.seed), Switches()
    world = World(clock, ids, switches, App(settings.app_id, settings.app_secret, settings.app_site_url))
    webhooks = Webhooks(settings.app_id, clock, ids, settings.seed)
    if settings.webhook_url is not None:
        webhooks.change({"url": settings.webhook_url, "secret": settings.webhook_secret})
    world.listeners.append(webhooks.collect)
    oauth, journal, faults = OAuth(world), Journal(), Faults(settings.seed)
    limiter = Limiter(settings.limits, switches)
    pipeline = Pipeline(world, oauth, build_router(), limiter, faults, journal, play_till, random=Random(settings.seed))
    return Sandbox(world, pipeline, oauth, limiter, faults, journal, switches, webhooks)
