"""The gateway refuses a request that cannot be read, and passes on the longest that can."""

import json

import pytest
from tests.support.gateway import CLOSE, PROBLEM, Gateway, M, exchange

GET = b"GET " + M.encode() + b"/stock/"
UNREADABLE = {
    "a lone percent sign": (400, GET + b"50% HTTP/1.1\r\n" + CLOSE),
    "no hexadecimal digits": (400, GET + b"%zz HTTP/1.1\r\n" + CLOSE),
    "a lone percent sign for people": (400, b"GET /dashboard/% HTTP/1.1\r\n" + CLOSE),
    "letters that are not encoded": (400, GET + "Größe".encode() + b" HTTP/1.1\r\n" + CLOSE),
    "bytes that are no letters": (400, GET + b"\xff HTTP/1.1\r\n" + CLOSE),
    "an encoded NUL": (400, GET + b"%00 HTTP/1.1\r\n" + CLOSE),
    "an address above the root": (400, b"GET /../x HTTP/1.1\r\n" + CLOSE),
    "no address": (400, b"GET\r\n" + CLOSE),
    "an address without a slash": (400, b"GET stock HTTP/1.1\r\n" + CLOSE),
    "a method with odd letters": (400, b"G@T / HTTP/1.1\r\n" + CLOSE),
    "a lower-case method": (400, b"get / HTTP/1.1\r\n" + CLOSE),
    "TRACE": (405, b"TRACE / HTTP/1.1\r\n" + CLOSE),
    "CONNECT": (400, b"CONNECT gateway:443 HTTP/1.1\r\n" + CLOSE),
    "an address of 40 kB": (414, GET + b"x" * 40_000 + b" HTTP/1.1\r\n" + CLOSE),
    "a header of 40 kB": (431, GET + b"x HTTP/1.1\r\nX-Long: " + b"x" * 40_000 + b"\r\n" + CLOSE),
    "many headers": (
        431,
        GET + b"x HTTP/1.1\r\n" + b"X-More: " * 1 + (b"x" * 7000 + b"\r\nX-More: ") * 9 + b"\r\n" + CLOSE,
    ),
    "no host": (400, GET + b"x HTTP/1.1\r\nConnection: close\r\n"),
    "two hosts": (400, GET + b"x HTTP/1.1\r\nHost: other\r\n" + CLOSE),
    "an odd host": (400, GET + b"x HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n"),
    "a header with a NUL": (400, GET + b"x HTTP/1.1\r\nX-Odd: a\0b\r\n" + CLOSE),
    "an unknown method": (405, b"BREW / HTTP/1.1\r\n" + CLOSE),
    "a method of another protocol": (405, b"PROPFIND / HTTP/1.1\r\n" + CLOSE),
    "a length that is no number": (400, GET + b"x HTTP/1.1\r\nContent-Length: x\r\n" + CLOSE),
    "a length and chunks": (
        400,
        GET + b"x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n" + CLOSE,
    ),
    "an unknown transfer encoding": (501, GET + b"x HTTP/1.1\r\nTransfer-Encoding: br\r\n" + CLOSE),
    "HTTP/3.0": (505, b"GET / HTTP/3.0\r\n" + CLOSE),
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_a_request_that_cannot_be_read_is_refused_as_a_problem(front: Gateway, name: str) -> None:
    """The status names the fault, the body is a problem document, and no service is asked."""
    expected, request = UNREADABLE[name]
    status, headers, body = await exchange(front, request + b"\r\n")

    assert (status, headers["content-type"]) == (expected, PROBLEM)
    assert json.loads(body)["status"] == status
    assert [stub.seen for stub in front.stubs.values() if stub.seen] == []


async def test_the_longest_address_and_header_reach_the_service(front: Gateway) -> None:
    """The services take every byte that nginx takes."""
    path = f"{M}/stock/{'x' * 7900}"
    found, _, _ = await front.ask(path, headers={"X-Long": "x" * 7900})

    assert (found, front.stubs["inventory"].seen) == (200, [path])


async def test_http_1_0_without_a_host_is_answered(front: Gateway) -> None:
    """HTTP/1.0 needs no Host."""
    status, _, body = await exchange(front, GET + b"x HTTP/1.0\r\n\r\n")

    assert (status, json.loads(body)["service"]) == (200, "inventory")
