"""A body of many rows is read in portions; each row has its outcome, and a bad one costs no other."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from tests.integration.http.conftest import Client
from tests.integration.http.test_bad_input import BODIES
from tests.support.raw import send
from tests.support.shop import MERCHANT, Shop
from tests.support.tokens import Issuer

from common.errors import Unavailable
from common.http import parse, routes, rows

BATCH = f"/v1/merchants/{MERCHANT}/orders:batch"
LINES = "application/x-ndjson"
JSON = "application/json"


def row(number: int, **other: Any) -> dict[str, Any]:
    return {"source_id": f"A-{number}", "total": number} | other


def body(wanted: Sequence[object], content_type: str) -> bytes:
    return (json.dumps(wanted) if content_type == JSON else "\n".join(map(json.dumps, wanted))).encode()


async def post(
    client: Client, issuer: Issuer, sent: bytes | AsyncIterator[bytes], content_type: str = JSON, accept: str = "*/*"
) -> tuple[int, Any, str]:
    """Send the body; return the status, the answer and its type."""
    headers = issuer.headers() | {"Content-Type": content_type, "Accept": accept}
    async with client.post(BATCH, data=sent, headers=headers) as answer:
        text = await answer.text()
        if answer.content_type == LINES:
            return answer.status, [json.loads(line) for line in text.splitlines()], LINES
        return answer.status, json.loads(text), answer.content_type


async def pieces(whole: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(whole), size):
        yield whole[start : start + size]


@pytest.mark.parametrize("accept", [JSON, LINES])
@pytest.mark.parametrize("content_type", [JSON, LINES])
@pytest.mark.parametrize("number", [0, 1, 250])
async def test_each_row_has_its_outcome(
    client: Client, issuer: Issuer, shop: Shop, number: int, content_type: str, accept: str
) -> None:
    """Both forms are taken and given, in any combination; rows are handled in portions, in their order."""
    wanted = [row(each) for each in range(number)]
    sent = pieces(body(wanted, content_type), 999)
    status, outcomes, given = await post(client, issuer, sent, content_type, accept)

    assert (status, given) == (200, accept)
    assert outcomes == [
        {"row": each + 1, "outcome": "accepted", "errors": [], "source_id": f"A-{each}"} for each in range(number)
    ]
    assert list(shop.orders) == [f"A-{each}" for each in range(number)]
    assert sum(shop.portions) == number
    assert max(shop.portions, default=0) <= rows.PORTION


@pytest.mark.parametrize(("bad", "status", "field"), BODIES[1:], ids=lambda value: str(value)[:40])
async def test_a_bad_row_is_refused_alone(
    client: Client, issuer: Issuer, shop: Shop, bad: bytes, status: int, field: str
) -> None:
    """A value refused as a body is refused as a row, with the same field and a remedy; its neighbours are stored."""
    del status
    before, after = (body([row(each)], LINES) for each in (1, 2))
    named = bad.replace(b"{", b'{"source_id": "bad", ', 1) if bad.startswith(b'{"total') else bad
    answered, outcomes, _ = await post(client, issuer, b"\n".join([before, named, after]), LINES)

    if len(bad) > 100_000:
        assert answered == 413
        return
    assert (answered, [each["outcome"] for each in outcomes]) == (200, ["accepted", "refused", "accepted"])
    if bad.startswith(b'{"total": 1'):
        assert [each["field"] for each in outcomes[1]["errors"]] == [field]
    assert all(each["remedy"] for each in outcomes[1]["errors"])
    assert list(shop.orders) == ["A-1", "A-2"]


async def test_a_bad_element_is_refused_alone(client: Client, issuer: Issuer, shop: Shop) -> None:
    """An element of the array that is not JSON is refused, as long as its brackets are in pairs."""
    good = json.dumps(row(1))
    status, outcomes, _ = await post(client, issuer, f"[nul, {good}, {{x}}, '', {good},]".encode())

    assert status == 200
    assert [each["outcome"] for each in outcomes] == [
        "refused",
        "accepted",
        "refused",
        "refused",
        "accepted",
        "refused",
    ]
    assert list(shop.orders) == ["A-1"]


@pytest.mark.parametrize(
    ("sent", "content_type", "status", "field"),
    [
        (b"{}", JSON, 400, "body"),
        (b"", JSON, 400, "body"),
        (b"[", JSON, 400, "body"),
        (b'[{"source_id": "A", "total": 1}', JSON, 400, "body"),
        (b"[]]", JSON, 400, "body"),
        (b"[" + b" " * 1_000_000, JSON, 413, "body"),
        (b"x" * 1_000_000, LINES, 413, "body"),
        (b"[]", "text/csv", 415, "Content-Type"),
        (b"[]", "application/json; charset=utf-16", 415, "Content-Type"),
        (b"", "application/x-ndjson; charset=latin-1", 415, "Content-Type"),
    ],
)
async def test_a_body_that_has_no_rows_is_refused(
    client: Client, issuer: Issuer, sent: bytes, content_type: str, status: int, field: str
) -> None:
    """The refusal is a problem that names the fault and its remedy."""
    answered, problem, given = await post(client, issuer, sent, content_type)

    assert (answered, given) == (status, "application/problem+json")
    assert [each["field"] for each in problem["errors"]] == [field]


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_beyond_the_limit_is_refused(
    client: Client, issuer: Issuer, shop: Shop, monkeypatch: pytest.MonkeyPatch, declared: bool
) -> None:
    """It is refused unread by its Content-Length, and by what arrives where it has none."""
    [route] = [each for each in shop_routes() if each.rows]
    monkeypatch.setitem(route.__dict__, "body_limit", 5000)
    whole = body([row(each) for each in range(400)], LINES)
    status, problem, _ = await post(client, issuer, whole if declared else pieces(whole, 1000), LINES)

    assert (status, problem["errors"][0]["problem"]) == (413, "is larger than 5000 bytes")
    assert not (declared and shop.orders)


def shop_routes() -> list[routes.Route]:
    from tests.support.shop import ROUTES  # noqa: PLC0415 - the routes that the client serves

    return ROUTES


async def test_a_slow_body_is_given_up(client: Client, issuer: Issuer) -> None:
    """A caller who stops in the middle gets a 408 and does not keep the connection."""
    head = f"POST {BATCH} HTTP/1.1\r\nHost: x\r\nAuthorization: {issuer.headers()['Authorization']}\r\n"
    request = f"{head}Content-Type: {LINES}\r\nContent-Length: 500\r\n\r\n{json.dumps(row(1))}"

    assert (await send(client, request.encode())).startswith(b"HTTP/1.1 408")


async def test_a_body_that_never_ends_is_given_up(
    client: Client, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However steadily it drips, the whole body has a limit."""
    monkeypatch.setattr(rows, "BODY_SECONDS", 0.5)

    async def dripping() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.05)

    status, problem, _ = await post(client, issuer, dripping())

    assert (status, problem["detail"]) == (408, "The body did not arrive within 0.5 seconds.")


async def test_a_broken_compression_is_refused(client: Client, issuer: Issuer) -> None:
    """A body that is not encoded as declared is the caller's mistake."""
    headers = issuer.headers() | {"Content-Type": LINES, "Content-Encoding": "gzip"}
    async with client.post(BATCH, data=b"no gzip", headers=headers, skip_auto_headers=["Content-Encoding"]) as answer:
        assert answer.status == 400


async def test_a_portion_that_takes_too_long_is_a_503(client: Client, issuer: Issuer, shop: Shop) -> None:
    """Each portion has the time limit of an answer; the rows before it are stored, and the request can be repeated."""
    shop.hangs = True
    status, problem, _ = await post(client, issuer, body([row(1)], JSON))

    assert (status, problem["title"]) == (503, "Service Unavailable")


async def test_a_failure_is_an_answer_of_the_whole(client: Client, issuer: Issuer, shop: Shop) -> None:
    """No outcome has been sent yet, so the status tells the truth."""
    shop.refuses = Unavailable("the database is not available")
    status, problem, _ = await post(client, issuer, body([row(each) for each in range(300)], JSON))

    assert (status, problem["detail"]) == (503, "the database is not available")


async def test_outcomes_beyond_memory_are_kept_in_a_file(
    client: Client, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is the same."""
    monkeypatch.setattr("common.http.outcomes.IN_MEMORY", 100)
    _, outcomes, _ = await post(client, issuer, body([row(each) for each in range(500)], LINES), LINES)

    assert [each["row"] for each in outcomes] == list(range(1, 501))


async def test_a_plain_row_is_parsed_once(
    client: Client, issuer: Issuer, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a row with an escape or a repeated name is looked at more closely."""
    monkeypatch.setattr(parse, "from_json", None)
    await post(client, issuer, body([row(1)], JSON))

    assert list(shop.orders) == ["A-1"]
