"""The metrics of the engine, one registry per service."""

from functools import partial

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
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)

        self.events_consumed = counter(
            "quicksync_events_consumed", "Messages consumed from the broker.", ["type", "outcome"]
        )
        self.events_published = counter(
            "quicksync_events_published", "Events published to the broker.", ["type", "outcome"]
        )
        self.events_dead_lettered = counter("quicksync_events_dead_lettered", "New dead letters.", ["type", "reason"])
        self.alerts = gauge("quicksync_alerts", "Alerts and dead letters that wait for an operator.")
        self.outbox_rows = gauge("quicksync_outbox_rows", "Events not yet published.")
        self.outbox_oldest = gauge("quicksync_outbox_oldest_seconds", "Age of the oldest event not yet published.")
        self.work_due_oldest = gauge("quicksync_work_due_oldest_seconds", "How long the oldest due work has waited.")
        self.work_outcomes = counter("quicksync_work_outcomes", "Outcomes of work, one per key.", ["kind", "outcome"])
        self.work_seconds = histogram(
            "quicksync_work_seconds", "Duration of one batch of work.", ["kind"], buckets=SLOW
        )
        self.http_requests = counter(
            "quicksync_http_requests", "HTTP requests answered.", ["method", "route", "status"]
        )
        self.http_seconds = histogram(
            "quicksync_http_request_seconds", "Duration of HTTP requests.", ["method", "route"], buckets=FAST
        )
        self.clover_calls = counter("quicksync_clover_calls", "Calls to Clover.", ["outcome"])
        self.clover_throttled = counter(
            "quicksync_clover_throttled", "Responses of Clover that asked for fewer calls (429)."
        )
        self.webhook_changes = counter(
            "quicksync_webhook_changes", "Changes in Clover's webhooks, by outcome.", ["outcome"]
        )
        self.broker_connected = gauge("quicksync_broker_connected", "1 while the queue is consumed, else 0.")
