"""Bad input gets the right 4xx with the field named, and nothing is stored."""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import ClientResponse
from tests.integration.http.conftest import Client
from tests.support.eventually import eventually
from tests.support.raw import send
from tests.support.shop import MERCHANT, Shop
from tests.support.tokens import Issuer
from yarl import URL

ORDER = f"/v1/merchants/{MERCHANT}/orders/A-1"
ORDERS = f"/v1/merchants/{MERCHANT}/orders"
JSON = {"Content-Type": "application/json"}


def deep(levels: int) -> bytes:
    return b'{"lines":' + b"[" * levels + b"]" * levels + b"}"


async def fields(answer: ClientResponse) -> list[str]:
    """The fields its errors name."""
    return [each["field"] for each in (await answer.json(content_type=None))["errors"]]


BODIES = [
    (b"", 400, "body"),
    (b"{", 400, "body"),
    (b"\xff\xfe", 400, "body"),
    (b'{"total": NaN}', 400, "body"),
    (b'{"total": Infinity}', 400, "body"),
    (b'{"total": 1, "note": "\\ud800"}', 400, "body"),
    (b'{"total": 1, "note": "\x00"}', 400, "body"),
    (deep(100), 422, "lines" + ".0" * 31),
    (deep(100_000), 400, "body"),
    (b"null", 422, "body"),
    (b"[]", 422, "body"),
    (b'"total"', 422, "body"),
    (b"{}", 422, "total"),
    (b'{"total": "5"}', 422, "total"),
    (b'{"total": true}', 422, "total"),
    (b'{"total": null}', 422, "total"),
    (b'{"total": -1}', 422, "total"),
    (b'{"total": 1e308}', 422, "total"),
    (b'{"total": 1e999}', 422, "total"),
    (b'{"total": 1, "weight": 1e308}', 422, "weight"),
    (b'{"total": ' + b"9" * 4000 + b"}", 422, "total"),
    (b'{"total": 1, "totl": 2}', 422, "totl"),
    (b'{"total": 1, "total": 2}', 422, "total"),
    (b'{"total": 1, "tot\\u0061l": ' + b"9" * 4000 + b', "total": 1}', 422, "total"),
    (b'{"total": 1, "lines": [{"sku": "a", "sku": "b"}]}', 422, "sku"),
    (b'{"total": 1, "note": "a\\u0000b"}', 422, "note"),
    (b'{"total": 1, "a\\u0000b": 1}', 422, "a�b"),
    (b'{"total": 1, "labels": {"a\\u0000b": "c"}}', 422, "labels.a�b"),
    (b'{"total": 1, "note": "' + b"x" * 201 + b'"}', 422, "note"),
    (b'{"total": 1, "lines": {}}', 422, "lines"),
    (b'{"total": 1, "lines": [{"sku": "a"}, {"sku": ""}]}', 422, "lines.1.sku"),
    (b'{"total": 1, "lines": [{"sku": "a\\u0000"}]}', 422, "lines.0.sku"),
    (b'{"total": 1, "lines": [{"sku": "a", "quantity": 0.0001}]}', 422, "lines.0.quantity"),
    (b'{"total": 1, "lines": [{"sku": "a", "quantity": 1e14}]}', 422, "lines.0.quantity"),
    (b'{"total": 1, "lines": [{"sku": "a", "colour": "red"}]}', 422, "lines.0.colour"),
]


@pytest.mark.parametrize(("body", "status", "field"), BODIES, ids=lambda value: str(value)[:40])
async def test_a_bad_body_is_refused_with_its_field(
    client: Client, issuer: Issuer, shop: Shop, body: bytes, status: int, field: str
) -> None:
    """A body that does not fit is refused in the one shape, with the field named and nothing stored."""
    answer = await client.put(ORDER, data=body, headers=issuer.headers() | JSON)
    problem = await answer.json(content_type="application/problem+json")

    assert (answer.status, problem["status"]) == (status, status)
    assert field in [each["field"] for each in problem["errors"]]
    assert all(each["problem"] and each["remedy"] for each in problem["errors"])
    assert shop.orders == {}


async def test_one_answer_names_every_mistake(client: Client, issuer: Issuer) -> None:
    """One answer names each wrong field, with a remedy that lists the fields known."""
    answer = await client.put(ORDER, json={"note": 5, "lnes": []}, headers=issuer.headers())
    errors = {each["field"]: each for each in (await answer.json(content_type=None))["errors"]}

    assert set(errors) == {"total", "note", "lnes"}
    assert "Known fields: api_token, gift, labels, lines, note, total, weight." in errors["lnes"]["remedy"]


@pytest.mark.parametrize(
    ("body", "field", "present"),
    [
        ({"amount": 5}, "amount", "total"),
        ({"total": 5, "lines": [{"sku": "a"}, {"product": "b"}]}, "lines.1.product", "sku"),
        ({"total": 5, "gift": {"product": "b"}}, "gift.Line.product", "sku"),
    ],
)
async def test_a_former_field_name_is_refused_with_the_present_one(
    client: Client, issuer: Issuer, shop: Shop, body: dict[str, Any], field: str, present: str
) -> None:
    """A renamed field is named in the answer, with its present name as the remedy, in nested objects too."""
    answer = await client.put(ORDER, json=body, headers=issuer.headers())
    errors = {each["field"]: each for each in (await answer.json(content_type=None))["errors"]}

    assert answer.status == 422
    assert errors[field] == {"field": field, "problem": "was renamed", "remedy": f"Send `{present}` instead."}
    assert shop.orders == {}


async def test_a_former_name_counts_only_where_it_stood(client: Client, issuer: Issuer) -> None:
    """A former name of the nested object is an unknown field of the outer one."""
    answer = await client.put(ORDER, json={"total": 5, "product": "b"}, headers=issuer.headers())

    assert "renamed" not in await answer.text()


async def test_a_former_query_parameter_is_refused_with_the_present_one(client: Client, issuer: Issuer) -> None:
    """A renamed query parameter is named in the answer, with its present name as the remedy."""
    answer = await client.get(f"{ORDERS}?size=5", headers=issuer.headers())

    assert answer.status == 422
    assert (await answer.json(content_type=None))["errors"] == [
        {"field": "size", "problem": "was renamed", "remedy": "Send `limit` instead."}
    ]


async def test_a_refused_secret_is_neither_answered_nor_logged(
    client: Client, issuer: Issuer, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    """The value of a refused field comes back nowhere."""
    answer = await client.put(
        ORDER, json={"total": "s3cr3t-7b1", "api_token": ["s3cr3t-7b1"]}, headers=issuer.headers()
    )

    assert answer.status == 422
    assert "s3cr3t" not in await answer.text()
    assert "s3cr3t" not in json.dumps(logged())


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", ""]
)
async def test_only_json_is_taken(client: Client, issuer: Issuer, content_type: str) -> None:
    """Another content type is refused with 415 before the body is parsed."""
    headers = issuer.headers() | {"Content-Type": content_type}
    answer = await client.put(ORDER, data=b'{"total": 1}', headers=headers)

    assert (answer.status, await fields(answer)) == (415, ["Content-Type"])


async def test_a_body_declared_too_large_is_not_waited_for(client: Client, issuer: Issuer, shop: Shop) -> None:
    """A Content-Length beyond the limit is refused at once; what follows is not taken for another request."""
    token = issuer.token()
    answer = await send(client, f"{HEAD}{token}\r\nContent-Length: 100000000\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"Connection: close" in answer
    assert shop.orders == {}


async def test_a_body_that_grows_too_large_is_cut_off(client: Client, issuer: Issuer) -> None:
    """A chunked body without a length is refused once it passes the limit."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 60_000

    answer = await client.put(ORDER, data=endless(), headers=issuer.headers() | JSON)

    assert (answer.status, await fields(answer)) == (413, ["body"])


async def test_a_bomb_is_measured_by_what_it_unpacks_to(client: Client, issuer: Issuer) -> None:
    """The limit holds for the unpacked body."""
    headers = issuer.headers() | JSON | {"Content-Encoding": "gzip"}
    answer = await client.put(ORDER, data=gzip.compress(b" " * 50_000_000), headers=headers)

    assert answer.status == 413


async def test_a_body_not_packed_as_it_says_is_refused(client: Client, issuer: Issuer) -> None:
    """A body that is not gzip though its header says so is the caller's mistake."""
    headers = issuer.headers() | JSON | {"Content-Encoding": "gzip"}
    answer = await client.put(ORDER, data=b'{"total": 1}', headers=headers)

    assert (answer.status, await fields(answer)) == (400, ["body"])


async def test_a_body_that_comes_too_slowly_is_given_up(client: Client, issuer: Issuer, shop: Shop) -> None:
    """A body that trickles in is refused with 408 after the time allowed."""

    async def trickle() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" "
            await asyncio.sleep(0.05)  # the slowness itself, not a wait for something

    answer = await client.put(ORDER, data=trickle(), headers=issuer.headers() | JSON)

    assert (answer.status, await fields(answer)) == (408, ["body"])
    assert shop.orders == {}


HEAD = f"PUT {ORDER} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer "


@pytest.mark.parametrize("rest", ["Content-Length: 100\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"])
async def test_a_caller_who_goes_away_is_no_error_of_ours(
    client: Client, issuer: Issuer, shop: Shop, logged: Callable[[], list[dict[str, Any]]], rest: str
) -> None:
    """A connection that ends within the body is noted as the caller's, and nothing is stored."""
    _, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(f"{HEAD}{issuer.token()}\r\n{rest}".encode())
    await writer.drain()
    writer.close()

    def answered() -> list[dict[str, Any]]:
        return [line for line in logged() if line["event"] == "request answered"]

    await eventually(answered)
    assert [line["status"] for line in answered()] == [400]
    assert not [line for line in logged() if line["level"] == "error"]
    assert shop.orders == {}


async def test_a_body_that_goes_wrong_half_way_is_refused(client: Client, issuer: Issuer) -> None:
    """A chunk that is none after good ones is the caller's mistake; aiohttp reports it or lets the time run out."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(f"{HEAD}{issuer.token()}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n".encode())
    await writer.drain()
    await asyncio.sleep(0.05)  # so that the bad chunk comes while the body is being read
    writer.write(b"zz\r\n")
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
    writer.close()

    assert head.split()[1] in {b"400", b"408"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=ten", "limit"),
        ("limit=0", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limt=1", "limt"),
        ("state=a%00b", "state"),
        ("limit=1e5", "limit"),
        ("limit=1_0", "limit"),
        ("limit=%205", "limit"),
        ("limit=5.0", "limit"),
        ("limit=%2B5", "limit"),
        ("limit=%D9%A5", "limit"),
    ],
)
async def test_a_bad_query_is_refused_with_its_field(client: Client, issuer: Issuer, query: str, field: str) -> None:
    """A query parameter that does not fit is refused by name."""
    answer = await client.get(f"{ORDERS}?{query}", headers=issuer.headers())
    problem = await answer.json(content_type=None)

    assert answer.status == 422
    assert [each["field"] for each in problem["errors"]] == [field]


@pytest.mark.parametrize("state", ["%ff%fe", "%ed%a0%80", "%f0%9f%92%a9", "+"])
async def test_odd_bytes_in_a_query_are_only_text(client: Client, issuer: Issuer, state: str) -> None:
    """Bytes that are not UTF-8 in a query break nothing."""
    answer = await client.request("GET", f"{ORDERS}?state={state}", headers=issuer.headers())

    assert answer.status == 200


async def test_what_takes_nothing_refuses_what_it_is_given(client: Client, issuer: Issuer) -> None:
    """A body or query where none is taken is refused, an empty one is not."""
    await client.put(ORDER, json={"total": 1}, headers=issuer.headers())
    retry = f"{ORDER}/retry"

    assert (await client.post(retry, headers=issuer.headers())).status == 202
    assert (await client.post(retry, json={}, headers=issuer.headers())).status == 202
    assert (await client.post(retry, json={"now": True}, headers=issuer.headers())).status == 422
    assert (await client.post(f"{retry}?now=1", headers=issuer.headers())).status == 422
    assert (await client.get(ORDERS, json={}, headers=issuer.headers())).status == 422


@pytest.mark.parametrize(
    ("merchant", "order", "field"),
    [
        ("short", "A-1", "merchant_id"),
        ("mrchnt0000001", "A-1", "merchant_id"),
        ("MRCHNT000000%0A", "A-1", "merchant_id"),
        (MERCHANT, "a%00b", "source_id"),
        (MERCHANT, "a%0D%0Ab", "source_id"),
        (MERCHANT, "x" * 121, "source_id"),
    ],
)
async def test_a_bad_path_is_refused_with_its_part(
    client: Client, issuer: Issuer, shop: Shop, merchant: str, order: str, field: str
) -> None:
    """A part of the path that cannot be right is refused by name."""
    url = URL(f"/v1/merchants/{merchant}/orders/{order}", encoded=True)
    answer = await client.put(url, json={"total": 1}, headers=issuer.headers())
    problem = await answer.json(content_type=None)

    assert answer.status == 422
    assert problem["errors"][0]["field"] == field
    assert shop.orders == {}


@pytest.mark.parametrize(
    "body",
    [
        b'{"total":1,"x":[' + b"0," * 127_000 + b"0]}",
        b"{" + b",".join(b'"f%d":0' % n for n in range(22_000)) + b"}",
        b'{"total":1,"lines":[' + b"{}," * 80_000 + b"{}]}",
        b'{"total":1,"note":"' + b"x" * 250_000 + b'\\u0000"}',
    ],
    ids=["numbers", "unknown fields", "lines", "a text"],
)
async def test_a_hostile_body_is_refused_quickly(client: Client, issuer: Issuer, body: bytes) -> None:
    """The largest bodies with the most values are refused without blocking the loop, and the answer stays small."""
    began = time.process_time()  # not wall time, which a busy machine stretches
    answer = await client.put(ORDER, data=body, headers=issuer.headers() | JSON)

    assert answer.status == 422
    assert len(await answer.read()) < 10_000
    assert time.process_time() - began < 2  # some 50 ms alone; the bound allows for a slow machine


async def test_a_name_that_other_apis_use(client: Client, issuer: Issuer) -> None:
    """The remedy names ours, and does not say that it was renamed."""
    answer = await client.put(ORDER, json={"total": 5, "lines": [{"sku": "a", "qty": 2}]}, headers=issuer.headers())

    assert answer.status == 422
    remedy = "Send it as `quantity`, if that is meant."
    assert (await answer.json(content_type=None))["errors"] == [
        {"field": "lines.0.qty", "problem": "is not a known field", "remedy": remedy}
    ]
