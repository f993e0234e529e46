"""Users met: the gateway answered a malformed address with 500 and a page of HTML."""

import json

import pytest
from tests.integration.dev.conftest import data_dir, lines
from tests.support.gateway import CLOSE, PROBLEM, Gateway, M, exchange, front

__all__ = ["data_dir", "front", "lines"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [("stock/50%", 400), ("stock/%zz", 400), ("orders/%", 400), ("stock/" + "x" * 40_000, 414), ("orders?a=%", 200)],
    ids=["a lone percent sign", "no hexadecimal digits", "another service", "40 kB", "in the query"],
)
async def test_it_is_refused_as_a_problem(front: Gateway, path: str, expected: int) -> None:
    """The status is 400 or 414 and the body a problem document. A query is the service's to read."""
    status, headers, body = await exchange(front, f"GET {M}/{path} HTTP/1.1\r\n".encode() + CLOSE + b"\r\n")

    assert status == expected
    if status != 200:
        assert headers["content-type"] == PROBLEM
        assert json.loads(body)["type"].startswith("urn:quicksync:problem:")
