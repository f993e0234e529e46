"""The trace that follows one webhook or request through every service, as W3C `traceparent` values."""

import re
from contextvars import ContextVar, Token
from random import getrandbits

_TRACEPARENT = re.compile(r"^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")
_current: ContextVar[str] = ContextVar("traceparent", default="")


def current() -> str:
    """The `traceparent` of what is being done now, empty outside any trace."""
    return _current.get()


def enter(traceparent: str | None) -> Token[str]:
    """Continue the trace named, in a span of its own; begin a new one when none, or rubbish, is given.

    Give the token to `leave` when done.
    """
    given = traceparent if traceparent and _TRACEPARENT.match(traceparent) else ""
    trace_id = given[3:35] or f"{_random(128):032x}"
    flags = given[53:] or "01"
    return _current.set(f"00-{trace_id}-{_random(64):016x}-{flags}")


def leave(token: Token[str]) -> None:
    """End what `enter` began."""
    _current.reset(token)


def _random(bits: int) -> int:
    """Never zero, which the standard forbids. It guards nothing, so the kernel is not asked."""
    return getrandbits(bits) or 1


def trace_id() -> str:
    """The 32 hexadecimal digits that name the trace, empty outside any."""
    return _current.get()[3:35]
