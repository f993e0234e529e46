"""The trace that follows a webhook or request through every service, as W3C `traceparent` values."""

import re
from contextvars import ContextVar, Token
from random import getrandbits

_TRACEPARENT = re.compile(r"^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")
_current: ContextVar[str] = ContextVar("traceparent", default="")


def current() -> str:
    """Return the current `traceparent`, empty outside any trace."""
    return _current.get()


def enter(traceparent: str | None) -> Token[str]:
    """Continue this trace in a new span, or begin a new trace when it is missing or malformed.

    Pass the token to `leave` at the end.
    """
    given = traceparent if traceparent and _TRACEPARENT.match(traceparent) else ""
    trace_id = given[3:35] or f"{_random(128):032x}"
    flags = given[53:] or "01"
    return _current.set(f"00-{trace_id}-{_random(64):016x}-{flags}")


def leave(token: Token[str]) -> None:
    """End the span that `enter` began."""
    _current.reset(token)


def _random(bits: int) -> int:
    """Return random bits, never zero, which the standard forbids. They are no secret, so a fast generator is enough."""
    return getrandbits(bits) or 1


def trace_id() -> str:
    """Return the 32 hexadecimal digits of the current trace id, empty outside any trace."""
    return _current.get()[3:35]
