"""The OpenAPI document is valid, says all a caller can meet, and changes only when a route does."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.support.shop import ROUTES, OrderIn, OrderView, Page

from common.errors import Invalid
from common.http import openapi, parse
from common.http.routes import Access, Call, Nothing, PathParameter, Route, RowOutcome

ORDERS = "/v1/merchants/{merchant_id}/orders"


@pytest.fixture
def document() -> Any:
    return openapi.document("shop", ROUTES)


def test_the_document_is_valid(document: Any) -> None:
    """It holds against the specification of OpenAPI 3.1."""
    OpenAPIV31SpecValidator(document).validate()


def test_every_status_is_listed(document: Any) -> None:
    """The statuses of the kit and those that the route adds stand side by side."""
    put = document["paths"][f"{ORDERS}/{{source_id}}"]["put"]["responses"]
    get = document["paths"][ORDERS]["get"]["responses"]

    assert set(put) == {"200", "201", "400", "401", "403", "404", "408", "413", "415", "422", "500", "503"}
    assert set(get) == {"200", "401", "403", "404", "422", "500", "503"}
    assert put["201"]["content"]["application/json"]["schema"]["$ref"].endswith("/OrderView")
    assert "application/problem+json" in put["422"]["content"]
    assert "Retry-After" in put["503"]["headers"]


def test_parameters_and_bodies_are_described(document: Any) -> None:
    """Path and query parameters, body, required fields and security follow from the route."""
    put = document["paths"][f"{ORDERS}/{{source_id}}"]["put"]
    get = document["paths"][ORDERS]["get"]

    assert [(each["name"], each["in"]) for each in get["parameters"]] == [
        ("merchant_id", "path"), ("limit", "query"), ("state", "query"),
    ]  # fmt: skip
    assert get["parameters"][1]["schema"]["maximum"] == 1000
    assert put["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/OrderIn")
    assert document["components"]["schemas"]["OrderIn"]["additionalProperties"] is False
    assert put["security"] == [{"bearer": ["orders:write"]}]
    assert put["parameters"][1]["example"] == "A-1"
    assert put["parameters"][1]["description"].startswith("The id of the order in the shop. 1 to 120 printable")
    assert get["parameters"][1]["description"] == "The number of orders."
    assert get["parameters"][1]["example"] == 10


@pytest.mark.parametrize(("text", "fits"), [("A-1", True), ("Größe 4/2", True), ("", False), ("a\n", False)])
def test_the_pattern_of_an_id_is_the_rule_of_the_service(document: Any, text: str, fits: bool) -> None:
    """The documented pattern accepts the same ids as the parser."""
    [_, source_id] = document["paths"][f"{ORDERS}/{{source_id}}"]["put"]["parameters"]

    assert bool(re.fullmatch(source_id["schema"]["pattern"], text)) == fits
    assert _is_accepted(text) == fits


def test_a_narrower_pattern_replaces_the_common_one() -> None:
    """A route whose ids are restricted further shows its own pattern and characters."""
    parameters = {"sku": PathParameter("A SKU of digits.", "12", pattern="^[0-9]+$")}
    route = Route("GET", "/v1/{sku}", list_nothing, Access.OPEN, summary="List", path_parameters=parameters)
    [shown] = openapi.document("shop", [route])["paths"]["/v1/{sku}"]["get"]["parameters"]

    assert (shown["description"], shown["schema"]["pattern"]) == ("A SKU of digits.", "^[0-9]+$")


async def list_nothing(call: Call[None, Nothing]) -> OrderView:
    raise NotImplementedError


def _is_accepted(text: str) -> bool:
    try:
        return parse.path_parameter("source_id", text) == text
    except Invalid:
        return False


def test_examples_stand_beside_their_schemas(document: Any) -> None:
    """The request body and the answer each show an example."""
    put = document["paths"][f"{ORDERS}/{{source_id}}"]["put"]

    assert put["requestBody"]["content"]["application/json"]["example"]["total"] == 500
    assert put["responses"]["200"]["content"]["application/json"]["example"]["lines"] == 1
    assert (put["tags"], put["description"]) == (["Orders"], "Stores the order under its id.")
    assert document["tags"] == [{"name": "Orders", "description": "Orders of the shop."}]
    assert [server["url"] for server in document["servers"]] == ["/"]


def test_retry_after_is_listed_where_it_is_sent() -> None:
    """A client learns from the document which answers may say when to try again."""
    [route] = [replace(each, also=(409, 429)) for each in ROUTES if each.method == "PUT" and each.summary]
    [operation] = openapi.document("shop", [route])["paths"][f"{ORDERS}/{{source_id}}"].values()
    listed = {name for name, response in operation["responses"].items() if "Retry-After" in response.get("headers", {})}

    assert listed == {"409", "429", "503"}


def test_rows_are_described_in_both_forms(document: Any) -> None:
    """A body of rows and its outcomes are a JSON array or NDJSON, each with an example."""
    batch = document["paths"][f"{ORDERS}:batch"]["post"]
    for content, model in [(batch["requestBody"], "OrderRow"), (batch["responses"]["200"], "OrderOutcome")]:
        array, lines = content["content"]["application/json"], content["content"]["application/x-ndjson"]
        assert array["schema"] == {"type": "array", "items": {"$ref": f"#/components/schemas/{model}"}}
        assert [json.loads(line) for line in lines["example"].splitlines()] == array["example"]
    assert {"400", "408", "413", "415", "422"} <= set(batch["responses"])


def test_internal_routes_stay_out(document: Any) -> None:
    """Neither routes between our services nor routes without a summary are described."""
    orders = {ORDERS, f"{ORDERS}:batch", f"{ORDERS}/{{source_id}}", f"{ORDERS}/{{source_id}}/retry"}
    assert set(document["paths"]) == orders
    assert set(document["components"]["securitySchemes"]) == {"bearer"}


def test_the_file_shows_drift(tmp_path: Path) -> None:
    """The written file equals the text of the same routes, and differs once one changes."""
    path = openapi.write("shop", ROUTES, tmp_path)

    assert path == tmp_path / "shop.json"
    assert path.read_text(encoding="utf-8") == openapi.text(openapi.document("shop", ROUTES))
    assert path.read_text(encoding="utf-8") != openapi.text(openapi.document("shop", ROUTES[1:]))


async def read(call: Call[None, Page]) -> OrderView:
    raise NotImplementedError


def test_a_route_that_contradicts_itself_is_refused() -> None:
    """A table line whose handler takes another input, without a summary, or named twice is noticed at once."""
    with pytest.raises(ValueError, match="written for"):
        Route("GET", "/v1/x", read, Access.OPEN, takes=OrderIn)
    with pytest.raises(ValueError, match="written for"):
        Route("GET", "/v1/x", read, Access.OPEN, takes=Nothing)
    with pytest.raises(ValueError, match="summary"):
        Route("GET", "/v1/x", read, "orders:read", takes=Page)
    with pytest.raises(ValueError, match="written for"):
        Route("POST", "/v1/x", read, Access.OPEN, takes=None, rows=OrderIn, gives=RowOutcome)
    with pytest.raises(ValueError, match="gives a RowOutcome"):
        Route("POST", "/v1/x", read, Access.OPEN, rows=OrderIn, gives=RowOutcome)
    with pytest.raises(ValueError, match="gives a RowOutcome"):
        Route("POST", "/v1/x", read, Access.OPEN, takes=None, rows=OrderIn, gives=OrderView)
    with pytest.raises(ValueError, match="the path has no"):
        Route("GET", "/v1/x", read, Access.OPEN, takes=Page, path_parameters={"sku": PathParameter("A SKU.", "MUG")})
    twice = [Route("GET", path, read, "orders:read", takes=Page, summary="x") for path in ("/v1/x", "/v1/y")]
    with pytest.raises(ValueError, match="share the name"):
        openapi.document("shop", twice)
