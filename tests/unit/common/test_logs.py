"""Every line of a process, ours or a library's, is one JSON object with service and trace and without secrets."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from aiohttp.http_exceptions import BadHttpMessage
from tests.support.logs import collected

from common.telemetry import tracing

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    with collected("orders", "info") as stream:
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object(lines: Lines) -> None:
    """A line has time, level, service, event and what was given; line breaks cannot forge another."""
    structlog.get_logger().info("order sent\nforged", order="A-1", waited=0.5)

    [line] = lines()
    assert list(line)[:4] == ["timestamp", "level", "service", "event"]
    assert (line["level"], line["service"], line["event"]) == ("info", "orders", "order sent\nforged")
    assert (line["order"], line["waited"]) == ("A-1", 0.5)


def test_libraries_write_the_same_lines(lines: Lines) -> None:
    """The logs of libraries go through the same redaction and have their names."""
    logging.getLogger("aiohttp.server").error("cannot reach %s", "amqp://guest:hunter2@host/")

    [line] = lines()
    assert (line["logger"], line["level"], line["service"]) == ("aiohttp.server", "error", "orders")
    assert line["event"] == "cannot reach amqp://guest:[redacted]@host/"


def test_the_trace_is_on_every_line(lines: Lines) -> None:
    """Inside a trace each line names it, ours and the libraries'; outside none does."""
    token = tracing.enter(None)
    trace = tracing.trace_id()
    structlog.get_logger().info("inside")
    logging.getLogger("library").warning("inside")
    tracing.leave(token)
    structlog.get_logger().info("outside")

    assert [line.get("trace") for line in lines()] == [trace, trace, None]


def fail() -> None:
    cause = KeyError("password=hunter2")
    raise ValueError("for anna@example.com") from cause


def test_exceptions_keep_their_traceback_and_lose_their_secrets(lines: Lines) -> None:
    """A logged exception shows where it came from, causes included, without what it quoted."""
    for log in (structlog.get_logger(), logging.getLogger("library")):
        try:
            fail()
        except ValueError:
            log.exception("failed")

    for line in lines():
        assert "Traceback" in line["exception"]
        assert "KeyError" in line["exception"]
        assert "hunter2" not in line["exception"]
        assert "anna" not in line["exception"]


def test_bytes_that_are_no_http_are_not_quoted(lines: Lines) -> None:
    """A request that aiohttp could not parse is noted without its content."""
    error = BadHttpMessage("Invalid header token: b'canary'")
    logging.getLogger("aiohttp.server").error("Error handling request from %s", "127.0.0.1", exc_info=error)

    [line] = lines()
    assert (line["level"], line["event"]) == ("info", "request refused: not HTTP")
    assert "canary" not in json.dumps(line)


def test_half_characters_are_written(lines: Lines) -> None:
    """Lone surrogates, as undecodable headers leave behind, are escaped."""
    structlog.get_logger().info("\udcff", header="\udc80")
    logging.getLogger("library").warning("\udcff")

    assert len(lines()) == 2


def test_lines_below_the_level_are_not_written(lines: Lines) -> None:
    """The level holds for our lines and for libraries; verbose libraries are logged from warnings on."""
    structlog.get_logger().debug("x")
    logging.getLogger("library").debug("x")
    logging.getLogger("aiormq").info("x")
    logging.getLogger("aiormq").warning("heard")

    assert [line["event"] for line in lines()] == ["heard"]


async def test_what_is_bound_in_one_task_stays_there(lines: Lines) -> None:
    """Context bound for one message does not appear in the lines of another."""

    async def handle(order: str) -> None:
        with structlog.contextvars.bound_contextvars(order=order):
            await asyncio.sleep(0)
            structlog.get_logger().info("handled")

    await asyncio.gather(handle("A"), handle("B"))

    assert sorted(line["order"] for line in lines()) == ["A", "B"]
