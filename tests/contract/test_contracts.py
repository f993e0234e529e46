"""What the services promise one another does not change by accident."""

import ast
import json

import pytest
from openapi_spec_validator import validate
from tests.support import documents

from common.bus.topology import SUBSCRIPTIONS
from common.contracts.envelope import EventClass

EVENTS = documents.events()


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_the_schema_of_an_event_never_changes(event: EventClass) -> None:
    """An event version has the schema it was published with; another shape is another version."""
    golden = documents.GOLDEN / f"{event.type}.json"

    assert golden.exists(), "run `make docs` to write down the schema of a new event"
    assert documents.schema(event) == golden.read_text()


def test_no_event_version_is_dropped_while_it_may_be_under_way() -> None:
    """Every schema ever written down still has its class."""
    assert {path.stem for path in documents.GOLDEN.glob("*.json")} == {event.type for event in EVENTS}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_every_event_has_a_subscriber(event: EventClass) -> None:
    """An event without a subscriber could not be routed and would wait in the outbox for ever."""
    assert any(event.type in documents.built(name).inbox.types for name in documents.SERVICES)


@pytest.mark.parametrize("service", documents.SERVICES)
def test_each_publisher_knows_who_hears_what(service: str) -> None:
    """What is declared for a service before it ever ran is what its handlers subscribe to."""
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
    """docs/ is what `make docs` writes now."""
    stale = [path.name for path, text in documents.documents() if not path.exists() or path.read_text() != text]
    assert stale == [], "run `make docs`"
