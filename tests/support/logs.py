"""The logs of tests: structlog's own form with short tracebacks, or collected in production's form."""

import gc
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from common import logs


def configure() -> None:
    """Print logs with tracebacks as Python has them. By default rich draws them with every local variable.

    Drawing one takes 50 ms of a core; the tests of failures log thousands.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.StackInfoRenderer(),
            structlog.dev.set_exc_info,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ],
    )


@contextmanager
def collected(service: str, level: str = "debug") -> Iterator[io.StringIO]:
    """Collect the log of the block, as the service writes it."""
    gc.collect()  # asyncio logs each task that an earlier test abandoned once it is collected
    root = logging.getLogger()
    handlers, root_level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.configure(service, level, stream)
    yield stream
    root.handlers, root.level = handlers, root_level
    structlog.reset_defaults()
    configure()
