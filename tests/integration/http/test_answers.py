"""The common parts of every answer: one shape of error, a trace, figures, and access lines without the query."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientPayloadError, web
from tests.integration.http.conftest import Client
from tests.support.shop import MERCHANT, Shop
from tests.support.tokens import Issuer

from common import errors
from common.http import health

ORDER = f"/v1/merchants/{MERCHANT}/orders/A-1"
TRACE = "0af7651916cd43dd8448eb211c80319c"

Logged = Callable[[], list[dict[str, Any]]]

RAISED = [
    (errors.Invalid.field("sku", "is unknown", "Link it first."), 422, "invalid"),
    (errors.NotFound("There is no such order."), 404, "not_found"),
    (errors.Forbidden(), 403, "forbidden"),
    (errors.Rejected("Clover says no", status=400), 422, "rejected"),
    (errors.Undecodable("not a webhook"), 400, "unreadable"),
    (errors.Throttled(retry_after=timedelta(seconds=1.2)), 429, "throttled"),
    (errors.Unavailable(), 503, "unavailable"),
    (errors.TimedOut(), 503, "unavailable"),
    (errors.Conflict(), 503, "unavailable"),
    (errors.Ambiguous(), 503, "unavailable"),
    (TimeoutError(), 503, "unavailable"),
    (web.HTTPConflict(), 409, "conflict"),
]


@pytest.mark.parametrize(("error", "status", "code"), RAISED, ids=lambda value: type(value).__name__)
async def test_an_error_is_answered_as_a_problem(
    client: Client, shop: Shop, error: Exception, status: int, code: str
) -> None:
    """Each error of the tree has one status and one word, in the shape of RFC 9457."""
    shop.raises = error
    answer = await client.post("/fail")
    problem = await answer.json(content_type="application/problem+json")

    assert (answer.status, problem["type"]) == (status, f"urn:quicksync:problem:{code}")
    assert problem["title"]
    assert problem["detail"]


@pytest.mark.parametrize(("error", "seconds"), [(RAISED[5][0], "2"), (errors.Throttled(), "2"), (RAISED[6][0], "2")])
async def test_what_may_be_tried_again_says_when(client: Client, shop: Shop, error: Exception, seconds: str) -> None:
    """Answers 429 and 503 name whole seconds to wait."""
    shop.raises = error

    assert (await client.post("/fail")).headers["Retry-After"] == seconds


async def test_late_answer_is_a_503_that_may_be_repeated(client: Client) -> None:
    """A handler that does not answer in time is ended, and the caller may try again."""
    answer = await client.get("/late")

    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert (await answer.json(content_type=None))["detail"] == "The answer took too long."


async def test_stream_that_began_in_time_may_last(client: Client) -> None:
    """The time limit is for the beginning of an answer, not for its end."""
    assert await (await client.get("/outlast")).text() == "ended"


async def test_stream_is_not_answered_to_head(client: Client) -> None:
    """HEAD of a stream would last as long as the stream; it is not allowed."""
    answer = await client.head("/outlast")

    assert (answer.status, answer.headers["Allow"]) == (405, "GET")


async def test_a_bug_is_answered_with_its_trace_id_only(client: Client, shop: Shop, logged: Logged) -> None:
    """A bug shows the caller only the trace id; the log has the traceback under the same id."""
    shop.raises = ValueError("inner workings \udcff, password=hunter2")
    answer = await client.post("/fail", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
    body = await answer.text()

    assert answer.status == 500
    assert "inner workings" not in body
    assert f"urn:quicksync:trace:{TRACE}" in body
    [line] = [line for line in logged() if line["event"] == "request failed"]
    assert line["trace"] == TRACE
    assert "inner workings" in line["exception"]
    assert "hunter2" not in line["exception"]


async def test_half_a_character_in_a_problem_can_be_sent(client: Client, shop: Shop) -> None:
    """A detail with a lone surrogate, as undecodable headers leave behind, is still answered."""
    shop.raises = errors.NotFound("no \udcff here")

    assert (await client.post("/fail")).status == 404


async def test_unknown_ways_are_problems_too(client: Client) -> None:
    """404 and 405 of the router have the one shape; 405 says what is allowed."""
    absent = await client.get("/nowhere")
    wrong = await client.delete(ORDER)

    assert (absent.status, absent.content_type) == (404, "application/problem+json")
    assert (wrong.status, wrong.content_type) == (405, "application/problem+json")
    assert wrong.headers["Allow"] == "PUT"


async def test_answers_are_neither_kept_nor_framed(client: Client, issuer: Issuer) -> None:
    """Every answer of the API carries the headers that keep browsers and caches out, and names no software."""
    answer = await client.put(ORDER, json={"total": 1}, headers=issuer.headers())

    assert answer.status == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["Server"] == "quicksync"


async def test_the_access_line_tells_the_route_not_the_request(client: Client, issuer: Issuer, logged: Logged) -> None:
    """One line a request: route, status, duration, trace; neither path nor query nor header."""
    await client.get(f"/v1/merchants/{MERCHANT}/orders?state=canary-9", headers=issuer.headers())
    await client.get("/canary-9")

    known, unknown = [line for line in logged() if line["event"] == "request answered"]
    assert (known["method"], known["route"], known["status"]) == ("GET", "/v1/merchants/{merchant_id}/orders", 200)
    assert known["ms"] >= 0
    assert len(known["trace"]) == 32
    assert known["trace"] != unknown["trace"]
    assert "canary-9" not in json.dumps(logged())


async def test_log_variables_of_a_request_end_with_it(client: Client, logged: Logged) -> None:
    """Log context bound while a request is handled ends with it, though the next comes on the same connection."""
    await client.post("/fail")
    await client.get("/nowhere")

    first, second = [line for line in logged() if line["event"] == "request answered"]
    assert first["failing"] is True
    assert "failing" not in second


async def test_requests_are_counted_by_route(client: Client, issuer: Issuer) -> None:
    """/metrics shows requests by route template and status, in Prometheus' own content type."""
    await client.put(ORDER, json={"total": 1}, headers=issuer.headers())
    await client.get("/canary-9")
    answer = await client.get("/metrics")
    text = await answer.text()

    route = 'route="/v1/merchants/{merchant_id}/orders/{source_id}",status="201"'
    assert f'quicksync_http_requests_total{{method="PUT",{route}}} 1.0' in text
    assert 'route="unmatched",status="404"} 1.0' in text
    assert "canary-9" not in text
    assert answer.headers["Content-Type"].startswith("text/plain; version=")


async def test_a_stream_that_breaks_ends(client: Client, logged: Logged) -> None:
    """An error after the answer began closes the connection; no second answer is written into it."""
    answer = await client.get("/stream")

    with pytest.raises(ClientPayloadError):
        await answer.read()
    assert "the stream broke" in json.dumps(logged())


async def test_ready_shows_what_each_part_says(client: Client) -> None:
    """With all well /readyz is 200 and shows the figures of the checks."""
    answer = await client.get("/readyz")

    assert answer.status == 200
    assert await answer.json() == {
        "status": "ready",
        "checks": {"outbox": {"ok": True, "oldest_seconds": 0.5}, "database": {"ok": True}},
    }
    assert (await client.get("/healthz")).status == 200


async def test_not_ready_names_the_part_and_no_secret(client: Client, broken: set[str]) -> None:
    """A failing check makes /readyz 503 and is named; what a library says about it is not shown."""
    broken.update({"outbox", "database"})
    answer = await client.get("/readyz")
    text = await answer.text()

    assert answer.status == 503
    assert "the broker cannot be reached" in text
    assert '"OSError"' in text
    assert "hunter2" not in text
    assert (await client.get("/healthz")).status == 200


async def test_a_part_that_hangs_is_not_ready(
    client: Client, broken: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that does not end counts as failed after a time, and the others are still shown."""
    monkeypatch.setattr(health, "CHECK_TIMEOUT", 0.05)
    broken.add("hang")
    checks = (await (await client.get("/readyz")).json())["checks"]

    assert checks["database"] == {"ok": False, "problem": "TimeoutError"}
    assert checks["outbox"]["ok"]


async def test_the_document_is_served(client: Client) -> None:
    """The OpenAPI document describes the public routes, neither the internal ones nor the probes."""
    paths = (await (await client.get("/v1/openapi/shop.json")).json())["paths"]

    assert "/v1/merchants/{merchant_id}/orders/{source_id}" in paths
    assert "/internal/grants" not in paths
    assert "/healthz" not in paths
