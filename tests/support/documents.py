"""Writes the documents that are generated from the code: the pages under docs/ and the golden schemas."""

import base64
import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import common.contracts
from common import messages
from common.bus import topology
from common.contracts.envelope import Event, EventClass
from common.contracts.problems import Code, Severity
from common.http import openapi
from common.service import Service

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "contract" / "golden"
"""The schemas of the events as the last release published them, and of new events."""
SUBSCRIBED = ROOT / "tests" / "contract" / "subscriptions.json"
"""The subscriptions of the last release."""
SERVICES = ("catalog", "inventory", "orders", "notifier")
KEY = base64.b64encode(bytes(32)).decode()

HEAD = """# Events

The events between the services, generated from `libs/common/common/contracts/` by `make docs`. Each is published to the
topic exchange `quicksync.events` under its type as the routing key, persistent and mandatory, with the outbox row's id
as its `message_id`, its type as `type` and the trace in the header `traceparent`.

A version may gain fields with a default and members of its closed lists; any other change is a new type, `….v<n+1>`.
Services build events strictly and decode them tolerantly: a field that they do not know is ignored.
A message with an unknown type or member is retried with growing pauses; a replica of a newer version takes it at once.
After an hour it waits for an operator (`<service> dead-letters replay`) or for a replica that knows it.
A type that a service handles no more is skipped for one release (`RETIRED`), and unbound in the next (`UNBOUND`).
"""


def built(service: str) -> Service:
    """Build the service as production does, with addresses at which no server listens."""
    settings = import_module(f"{service}.settings").Settings(
        _env_file=None,
        env="dev",
        postgres_dsn="postgresql://unused@127.0.0.1:9/none",
        amqp_url="amqp://127.0.0.1:9/",
        **{name: value for name, value in PARTICULAR.items() if name in _fields(service)},
    )
    made: Service = import_module(f"{service}.app").build(settings)
    return made


PARTICULAR = {
    "master_keys": KEY,
    "reference_key": KEY,
    "smtp_url": "smtp://127.0.0.1:9",
    "mail_from": "QuickSync <notifications@quicksync.localhost>",
    "public_url": "http://127.0.0.1:9",
}


def _fields(service: str) -> set[str]:
    return set(import_module(f"{service}.settings").Settings.model_fields)


def events() -> list[EventClass]:
    """Return every event class, sorted by type."""
    for module in iter_modules(common.contracts.__path__):
        import_module(f"common.contracts.{module.name}")
    return [each for kind, each in sorted(Event.registry.items()) if each.__module__.startswith("common.contracts.")]


def schema(event: EventClass) -> str:
    """Return the JSON schema of an event in the form of its golden file."""
    return json.dumps(event.model_json_schema(), indent=2, sort_keys=True) + "\n"


def events_page() -> str:
    """Return the text of docs/events.md."""
    listeners = {name: built(name).inbox.types for name in SERVICES}
    parts = [HEAD]
    for event in events():
        heard = ", ".join(name for name in SERVICES if event.type in listeners[name])
        described = event.model_json_schema()
        fields = [f"| `{name}` | {_kind(field)} |" for name, field in described["properties"].items()]
        text = " ".join((event.__doc__ or "").split())
        table = ["| field | holds |", "|---|---|", *fields]
        parts.append("\n".join([f"## {event.type}", "", f"{text} Consumed by {heard}.", "", *table, ""]))
    return "\n".join(parts)


REMEDIES = """# Problems and their remedies

Generated from the problem codes and the message catalogue (`libs/common/common/messages/`) by `make docs`. The
dashboard and the emails say these words; `tests/field/test_remedies.py` follows each remedy on the running system.
While a problem is open, the dashboard, the emails and the API name what waits, with the reason.
"""

SEVERITIES = {
    Severity.BLOCKED: "Everything of one kind waits. One email when it opens, one when it is resolved.",
    Severity.DECISION: "Single things wait. One email when it opens, one when it is resolved.",
    Severity.INFORMATION: "Sync is not affected. Shown on the dashboard only.",
}


def remedies_page() -> str:
    """Return the text of docs/remedies.md."""
    texts, parts = messages.for_locale(), [REMEDIES]
    for code in Code:
        rows = [
            ("We say", f"{texts.title(code)}. {texts.explanation(code)}"),
            ("What to do", texts.remedy(code)),
            ("What then happens", texts.resolved(code, 1)),
            ("If nothing waits any more", texts.resolved(code, 0)),
        ]
        table = ["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)]
        parts.append("\n".join([f"## {code}", "", SEVERITIES[code.severity], "", *table, ""]))
    return "\n".join(parts)


def _kind(field: dict[str, object]) -> str:
    if "anyOf" in field:
        return " or ".join(_kind(each) for each in field["anyOf"])  # type: ignore[attr-defined]
    named = field.get("$ref") or field.get("format") or field.get("type") or "one of a closed list"
    bounds = [f"{word} {field[word]}" for word in ("minimum", "maximum", "maxLength", "pattern") if word in field]
    return ", ".join([str(named).rpartition("/")[2], *bounds]).replace("|", "\\|")


def documents() -> Iterator[tuple[Path, str]]:
    """Yield the path and text of every generated document."""
    yield ROOT / "docs" / "events.md", events_page()
    yield ROOT / "docs" / "remedies.md", remedies_page()
    for name in SERVICES:
        yield ROOT / "docs" / "openapi" / f"{name}.json", openapi.text(openapi.document(name, built(name).routes))


def subscriptions() -> str:
    """Return the subscriptions and retired types of every service, in the form of their file."""
    lists = {"subscribed": topology.SUBSCRIPTIONS, "retired": topology.RETIRED}
    by_service = {name: {word: sorted(types.get(name, ())) for word, types in lists.items()} for name in SERVICES}
    return json.dumps(by_service, indent=2) + "\n"


def release() -> None:
    """Write the schemas and subscriptions of this release, with which the next one is compared."""
    SUBSCRIBED.write_text(subscriptions())
    for event in events():
        (GOLDEN / f"{event.type}.json").write_text(schema(event))


def write() -> None:
    """Write every document. An existing golden schema stays: it is the one of the last release."""
    for path, text in documents():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    GOLDEN.mkdir(exist_ok=True)
    for event in events():
        path = GOLDEN / f"{event.type}.json"
        if not path.exists():
            path.write_text(schema(event))


if __name__ == "__main__":
    write()
    if sys.argv[1:] == ["release"]:
        release()
