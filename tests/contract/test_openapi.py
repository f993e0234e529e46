"""The OpenAPI documents are complete enough to write a client from them without reading the code."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.documents import ROOT, SERVICES
from tests.support.examples import Operation, operations

DOCUMENTS = {name: json.loads((ROOT / "docs" / "openapi" / f"{name}.json").read_text()) for name in SERVICES}
OPERATIONS = [
    pytest.param(each, id=f"{name}-{each.name}")
    for name, document in DOCUMENTS.items()
    for each in operations(document)
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_is_described(operation: Operation) -> None:
    """Each operation has a summary of one line, a description, a tag that is described, and described parameters."""
    described = operation.described
    tags = {tag["name"] for tag in operation.document["tags"] if tag["description"]}

    assert described["summary"]
    assert not described["summary"].endswith(".")
    assert described["description"].endswith((".", ")"))
    assert described["tags"]
    assert set(described["tags"]) <= tags
    for parameter in described["parameters"]:
        assert parameter["description"], parameter["name"]
        assert parameter["in"] != "path" or parameter["example"], parameter["name"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_shows_examples_that_fit(operation: Operation) -> None:
    """A request body, and an answer in JSON, each have an example, and it fits the schema."""
    bodies = list(_bodies(operation))
    shown = [content for content in bodies if "example" in content]

    assert len(shown) == len(bodies)
    for content in shown:
        holder = {"content": {"application/json": content}}
        assert list(operation.validator(holder).iter_errors(content["example"])) == []


def _bodies(operation: Operation) -> Iterator[dict[str, Any]]:
    """Yield the request body, and of several successes with one schema the one that has an example."""
    if body := operation.described.get("requestBody"):
        yield body["content"].get("application/json") or body["content"]["text/csv"]
    contents = [
        each.get("content", {}) for status, each in operation.described["responses"].items() if status[0] == "2"
    ]
    answers = [content["application/json"] for content in contents if "application/json" in content]
    yield from [each for each in answers if "example" in each] or answers


@pytest.mark.parametrize("service", SERVICES)
def test_every_field_is_described(service: str) -> None:
    """Each field says what it means; a field that is an object of its own may leave that to the object."""
    schemas = DOCUMENTS[service]["components"]["schemas"]
    silent = [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, shape in schema.get("properties", {}).items()
        if "description" not in shape and "$ref" not in shape
    ]

    assert silent == []
