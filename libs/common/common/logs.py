"""Structured logs: one JSON object per line, with its trace and without secrets or personal data."""

import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from aiohttp.http_exceptions import HttpProcessingError

from common.redaction import scrub
from common.telemetry import tracing

Line = MutableMapping[str, Any]

QUIET = ("aiormq", "aio_pika", "asyncio", "aiohttp.access")
"""Libraries whose messages below a warning are dropped."""

FIRST = ("timestamp", "level", "service", "event")
"""The keys that begin each line, for people who read it without a tool."""


def configure(service: str, level: str = "info", stream: TextIO | None = None) -> None:
    """Send every log line of this process, from structlog and the standard library, to `stream` (standard output).

    `level` is debug, info, warning or error. A later call replaces an earlier one.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    out = stream or sys.stdout
    common = _common(service)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *common, _render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.contextvars.merge_contextvars, structlog.stdlib.add_logger_name, *common],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _render],
            keep_exc_info=False,
        )
    )
    handler.addFilter(_unquoted)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(threshold)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


def _unquoted(record: logging.LogRecord) -> bool:
    """Drop the bytes that aiohttp quotes from a request that is not HTTP: they have no shape that could be redacted."""
    if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.msg, record.args, record.exc_info = "request refused: not HTTP", (), None
    return True


def _common(service: str) -> list[Any]:
    def identify(_logger: object, _method: str, line: Line) -> Line:
        line["service"] = service
        if trace := tracing.trace_id():
            line.setdefault("trace", trace)
        return line

    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        identify,
    ]


def _render(_logger: object, _method: str, line: Line) -> str:
    """Redact the line and write it as ASCII, so that it holds no line break and no half surrogate pair."""
    ordered = {name: line[name] for name in FIRST if name in line} | dict(line)
    return json.dumps(scrub(ordered), ensure_ascii=True, separators=(",", ":"))
