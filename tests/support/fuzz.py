"""Sends a running service valid and invalid requests made from its OpenAPI document, and checks every answer."""

import asyncio
import warnings
from collections.abc import Mapping
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
"""Not `positive_data_acceptance`: to JSON Schema 5.0 is an integer, a text may hold NUL and a number may be 1e308."""

SEARCHING = 1000
"""The examples of a profile that searches for new failures rather than repeating known requests."""


async def fuzz(base_url: str, document: Mapping[str, Any], headers: Mapping[str, str]) -> int:
    """Send valid and invalid requests to each operation; return the number sent.

    Fails when an answer is a 5xx, has a status, type or body the document does not name, or accepts bad data. Each
    operation gets a quarter of the profile's examples, twice, because a request costs far more than a rule. Only the
    search at night sends other requests each time.
    """
    with warnings.catch_warnings():
        # the service under test draws its jitter beside us, which Hypothesis takes for a strategy of ours drawing it
        warnings.filterwarnings("ignore", "Do not use the `random` module inside strategies")
        return await asyncio.to_thread(_fuzz, base_url, document, headers)


def _fuzz(base_url: str, document: Mapping[str, Any], headers: Mapping[str, str]) -> int:
    schema = schemathesis.openapi.from_dict(dict(document))
    examples = settings().max_examples
    limits = settings(
        max_examples=examples // 4,
        database=None,
        derandomize=examples < SEARCHING,
        suppress_health_check=list(HealthCheck),
    )
    sent = 0
    with requests.Session() as session:
        for found in schema.get_all_operations():
            operation: Any = found.ok()  # type: ignore[union-attr] # an invalid operation raises AttributeError here
            for mode in GenerationMode:

                @limits
                @given(operation.as_strategy(generation_mode=mode))
                def ask(case: schemathesis.Case[Any]) -> None:
                    nonlocal sent
                    sent += 1
                    case.call_and_validate(
                        base_url, session=session, headers=dict(headers), checks=_checks(case), timeout=10
                    )

                ask()
    return sent


def _checks(case: schemathesis.Case[Any]) -> list[Any]:
    """Return the checks.

    A bad row is refused in its outcome, so the answer to a body of rows is a success. A parameter that is an empty list
    or object is not sent, so the request may be valid without it.
    """
    takes_rows = "application/x-ndjson" in case.operation.definition.raw.get("requestBody", {}).get("content", {})
    is_sent_whole = all(map(_is_sent, (case.query or {}).values()))
    names = [name for name in CHECKED if name != "negative_data_rejection" or (is_sent_whole and not takes_rows)]
    checks: list[Any] = CHECKS.get_by_names(names)
    assert len(checks) == len(names)
    return checks


def _is_sent(value: Any) -> bool:
    return "?" in str(requests.Request("GET", "http://shop.example", params={"name": value}).prepare().url)
