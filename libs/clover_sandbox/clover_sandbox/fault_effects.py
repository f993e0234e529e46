"""The effect of each kind of fault on one call: before, after or instead of applying it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from clover_sandbox.answers import Answer, unauthorized
from clover_sandbox.faults import Rule
from clover_sandbox.limits import HEADERS, too_many
from clover_sandbox.switches import Switches


@dataclass(frozen=True)
class Outcome:
    """The result of a call: an answer, perhaps truncated or padded, or None to close the connection."""

    answer: Answer | None
    truncated: bool = False
    padding: int = 0


class FaultContext(Protocol):
    """The call that a fault strikes."""

    @property
    def switches(self) -> Switches:
        """Return the active modes."""
        ...

    def apply(self) -> Answer:
        """Apply the call and return its answer."""
        ...

    def apply_after(self, seconds: float) -> None:
        """Apply the call later, even if the connection is closed by then."""
        ...

    def lag_index(self, seconds: float) -> None:
        """Hide the youngest orders from filtered lists."""
        ...

    def play_till(self, action: str, given: Mapping[str, Any]) -> str | None:
        """Run an action at the till of the call's merchant. Return the reason if the till refuses it."""
        ...


Effect = Callable[[Rule, FaultContext], Awaitable[Outcome]]


async def run_fault(rule: Rule | None, context: FaultContext) -> Outcome:
    """Return the outcome of a call under this fault. Without a fault, apply the call."""
    if rule is None:
        return Outcome(context.apply())
    return await EFFECTS[rule.kind](rule, context)


async def _refuse(rule: Rule, _context: FaultContext) -> Outcome:
    body = {"message": "refused by a fault"} if rule.body is None else rule.body
    return Outcome(Answer(body, rule.status or 400, rule.headers))


async def _unauthorized(_rule: Rule, _context: FaultContext) -> Outcome:
    return Outcome(unauthorized().answer())


async def _throttle(rule: Rule, context: FaultContext) -> Outcome:
    headers = dict(rule.headers)
    if rule.retry_after is not None:
        headers["retry-after"] = str(rule.retry_after)
    if rule.limit is not None:
        headers[HEADERS[rule.limit]] = "0"
    return Outcome(too_many(context.switches["throttle_body"], headers))


async def _fail_before(rule: Rule, _context: FaultContext) -> Outcome:
    return Outcome(_failure(rule, 500))


async def _fail_after(rule: Rule, context: FaultContext) -> Outcome:
    context.apply()
    return Outcome(_failure(rule, 503))


async def _delay(rule: Rule, context: FaultContext) -> Outcome:
    if rule.when == "before":
        await asyncio.sleep(rule.ms / 1000)
        return Outcome(context.apply())
    answer = context.apply()
    await asyncio.sleep(rule.ms / 1000)
    return Outcome(answer)


async def _drop_before_apply(_rule: Rule, _context: FaultContext) -> Outcome:
    return Outcome(None)


async def _apply_then_drop(_rule: Rule, context: FaultContext) -> Outcome:
    context.apply()
    return Outcome(None)


async def _apply_late(rule: Rule, context: FaultContext) -> Outcome:
    context.apply_after(rule.seconds)
    if isinstance(rule.answer, int):
        return Outcome(Answer({"message": "Gateway Timeout"}, rule.answer))
    if rule.answer == "hang":
        await asyncio.sleep(rule.seconds)
    return Outcome(None)


async def _truncate(_rule: Rule, context: FaultContext) -> Outcome:
    return Outcome(context.apply(), truncated=True)


async def _oversize(rule: Rule, context: FaultContext) -> Outcome:
    return Outcome(context.apply(), padding=rule.bytes)


async def _malformed(_rule: Rule, context: FaultContext) -> Outcome:
    context.apply()
    return Outcome(Answer("<html>Clover is busy", 200, {"Content-Type": "application/json; charset=utf-8"}))


async def _stale_index(rule: Rule, context: FaultContext) -> Outcome:
    context.lag_index(rule.seconds)
    return Outcome(context.apply())


async def _till(rule: Rule, context: FaultContext) -> Outcome:
    if rule.when == "before":
        rule.refused = context.play_till(rule.action, rule.input)
        return Outcome(context.apply())
    answer = context.apply()
    rule.refused = context.play_till(rule.action, rule.input)
    return Outcome(answer)


def _failure(rule: Rule, status: int) -> Answer:
    body = {"message": "Internal Server Error"} if rule.body is None else rule.body
    return Answer(body, rule.status or status, rule.headers)


EFFECTS: Mapping[str, Effect] = {
    "refuse": _refuse,
    "unauthorized": _unauthorized,
    "throttle": _throttle,
    "fail_before": _fail_before,
    "fail_after": _fail_after,
    "delay": _delay,
    "drop_before_apply": _drop_before_apply,
    "apply_then_drop": _apply_then_drop,
    "apply_late": _apply_late,
    "truncate": _truncate,
    "oversize": _oversize,
    "malformed": _malformed,
    "stale_index": _stale_index,
    "till": _till,
}
