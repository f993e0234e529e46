"""The metrics of the engine, one registry per service."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Bucket bounds in seconds for operations that should take milliseconds."""

SLOW = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)
"""Bucket bounds in seconds for operations that cross services or wait for Clover."""


class Metrics:
    """The metrics of one service, built once in its `app.build`; /metrics shows `registry`.

    Labels come from closed sets (event types, work kinds, route templates, outcomes), never from a merchant, a path
    or any other value from outside, so that their number is bounded.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        self.events_consumed = Counter(
            "quicksync_events_consumed", "Messages consumed from the broker.", ["type", "outcome"], registry=registry
        )
        self.events_published = Counter(
            "quicksync_events_published", "Events published to the broker.", ["type", "outcome"], registry=registry
        )
        self.events_dead_lettered = Counter(
            "quicksync_events_dead_lettered",
            "New dead letters.",
            ["type", "reason"],
            registry=registry,
        )
        self.alerts = Gauge("quicksync_alerts", "Alerts and dead letters that wait for an operator.", registry=registry)
        self.outbox_rows = Gauge("quicksync_outbox_rows", "Events not yet published.", registry=registry)
        self.outbox_oldest = Gauge(
            "quicksync_outbox_oldest_seconds", "Age of the oldest event not yet published.", registry=registry
        )
        self.work_due_oldest = Gauge(
            "quicksync_work_due_oldest_seconds", "How long the oldest due work has waited.", registry=registry
        )
        self.work_outcomes = Counter(
            "quicksync_work_outcomes", "Outcomes of work, one per key.", ["kind", "outcome"], registry=registry
        )
        self.work_seconds = Histogram(
            "quicksync_work_seconds", "Duration of one batch of work.", ["kind"], buckets=SLOW, registry=registry
        )
        self.http_requests = Counter(
            "quicksync_http_requests", "HTTP requests answered.", ["method", "route", "status"], registry=registry
        )
        self.http_seconds = Histogram(
            "quicksync_http_request_seconds",
            "Duration of HTTP requests.",
            ["method", "route"],
            buckets=FAST,
            registry=registry,
        )
        self.clover_calls = Counter("quicksync_clover_calls", "Calls to Clover.", ["outcome"], registry=registry)
        self.clover_throttled = Counter(
            "quicksync_clover_throttled", "Responses of Clover that asked for fewer calls (429).", registry=registry
        )
        self.webhook_changes = Counter(
            "quicksync_webhook_changes",
            "Changes in Clover's webhooks, by what became of them.",
            ["outcome"],
            registry=registry,
        )
        self.broker_connected = Gauge(
            "quicksync_broker_connected", "1 while the queue is consumed, else 0.", registry=registry
        )
