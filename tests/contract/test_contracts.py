"""The promises of the services to one another do not change by accident."""

import ast
import copy
import json
from typing import Any

import pytest
from openapi_spec_validator import validate
from tests.support import documents
from tests.support.schemas import breaks

from common.bus.topology import RETIRED, SUBSCRIPTIONS, UNBOUND
from common.contracts.envelope import EventClass
from common.contracts.problems import ProblemOpened

EVENTS = documents.events()
LAST_RELEASE = json.loads(documents.SUBSCRIBED.read_text())


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_version_only_gains(event: EventClass) -> None:
    """Since the last release a version has gained fields with a default and members of closed lists, or nothing."""
    golden = documents.GOLDEN / f"{event.type}.json"

    assert golden.exists(), "run `make docs` to write down the schema of a new event"
    broken = breaks(json.loads(golden.read_text()), event.model_json_schema())
    assert broken == [], (
        f"{event.type}: replicas of the last release share the queues with this one. Give a new field a default; make "
        f"any other change in a new class of type {event.type.rpartition('.v')[0]}.v<n+1> beside this one, and let its "
        "owner emit both until no subscriber handles the old one"
    )


def _changed(**changes: Any) -> list[str]:
    old = ProblemOpened.model_json_schema()
    new = copy.deepcopy(old)
    for path, value in changes.items():
        *places, last = path.split("__")
        place = new
        for each in places:
            place = place[each]
        place[last] = value
    return breaks(old, new)


MORE = ProblemOpened.model_json_schema()
CODES = MORE["$defs"]["Code"]["enum"]


def test_additions_are_allowed() -> None:
    """A field with a default and a new code break nothing, also inside a part of the event."""
    assert _changed() == []
    assert _changed(properties=MORE["properties"] | {"note": {"type": "string", "default": ""}}) == []
    assert _changed(**{"$defs__Code__enum": [*CODES, "tax_missing"], "description": "Other prose."}) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"properties__note": {"type": "string"}, "required": [*MORE["required"], "note"]}, "has no default"),
        ({"properties": {k: v for k, v in MORE["properties"].items() if k != "subject"}}, "`subject` is gone"),
        ({"properties__waiting__minimum": 2}, "`waiting` changed its minimum"),
        ({"properties__waiting__type": "string"}, "`waiting` changed its type"),
        ({"required": MORE["required"][:-1]}, "`revision` became required or optional"),
        ({"$defs__Code__enum": CODES[1:]}, "`code` no longer takes 'order_type_missing'"),
        ({"$defs__Affected__properties__subject__maxLength": 10}, "`subject` changed its maxLength"),
        ({"properties__failing_since": {"format": "date-time", "type": "string"}}, "`failing_since`"),
    ],
)
def test_other_changes_are_refused(changes: dict[str, Any], reason: str) -> None:
    """A change that a replica of the last release would not survive is named."""
    assert reason in " ".join(_changed(**changes))


@pytest.mark.parametrize("service", documents.SERVICES)
def test_a_lost_subscription_is_retired_then_unbound(service: str) -> None:
    """A type that HANDLERS lost since the last release is in RETIRED; one that was there is in UNBOUND."""
    lost = set(LAST_RELEASE[service]["subscribed"]) - set(SUBSCRIPTIONS[service])
    assert lost <= set(RETIRED.get(service, ())), "add it to RETIRED (common/bus/topology.py)"
    retired = set(LAST_RELEASE[service]["retired"]) - set(SUBSCRIPTIONS[service])
    assert retired <= set(UNBOUND.get(service, ())), "move it from RETIRED to UNBOUND (common/bus/topology.py)"
    assert not set(SUBSCRIPTIONS[service]) & {*RETIRED.get(service, ()), *UNBOUND.get(service, ())}


def test_no_event_version_is_dropped_while_it_may_be_under_way() -> None:
    """Every schema ever written down still has its class."""
    assert {path.stem for path in documents.GOLDEN.glob("*.json")} == {event.type for event in EVENTS}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_every_event_has_a_subscriber(event: EventClass) -> None:
    """An event without a subscriber could not be routed and would wait in the outbox for ever."""
    assert any(event.type in documents.built(name).inbox.types for name in documents.SERVICES)


@pytest.mark.parametrize("service", documents.SERVICES)
def test_each_publisher_knows_who_hears_what(service: str) -> None:
    """The subscriptions declared for a service before it ever ran are those of its handlers."""
    assert sorted(SUBSCRIPTIONS[service]) == sorted(documents.built(service).inbox.types)
    assert documents.built(service).subscriptions == SUBSCRIPTIONS
    assert set(SUBSCRIPTIONS) == set(documents.SERVICES)


@pytest.mark.parametrize("service", documents.SERVICES)
def test_an_event_is_built_only_by_its_owner(service: str) -> None:
    """No service constructs another's event; it only subscribes to it."""
    foreign = {event.__name__ for event in EVENTS if event.type.split(".")[0] != service}
    for path in (documents.ROOT / "services" / service / service).rglob("*.py"):
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        assert not {ast.unparse(call).rpartition(".")[2] for call in calls} & foreign, path


@pytest.mark.parametrize("service", documents.SERVICES)
def test_the_openapi_document_is_valid(service: str) -> None:
    """The document a service serves is OpenAPI 3.1."""
    document = json.loads((documents.ROOT / "docs" / "openapi" / f"{service}.json").read_text())
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_the_documents_say_what_the_code_does() -> None:
    """docs/ equals the output of `make docs`."""
    stale = [path.name for path, text in documents.documents() if not path.exists() or path.read_text() != text]
    assert stale == [], "run `make docs`"
