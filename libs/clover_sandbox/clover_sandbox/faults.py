"""Fault rules: they define which calls fail, how they fail, and how often."""

import math
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from clover_sandbox.limits import HEADERS
from clover_sandbox.till.actions import ACTIONS

KINDS: Mapping[str, str] = {
    "refuse": "answers `status` with `body`; nothing is applied",
    "unauthorized": "answers 401 like a bad token; nothing is applied",
    "throttle": "answers 429, with `retry_after` and the header of `limit` only if given; nothing is applied",
    "fail_before": "answers `status` (500); nothing is applied",
    "fail_after": "applies, then answers `status` (503)",
    "delay": "waits `ms`, `when` before or after applying, then answers as usual",
    "drop_before_apply": "closes the connection; nothing is applied",
    "apply_then_drop": "applies, then closes the connection",
    "apply_late": "applies after `seconds`; meanwhile `answer`: drop, hang, or a status",
    "truncate": "applies, then sends half of the answer and closes the connection",
    "oversize": "applies, then answers with `bytes` of white space before the JSON",
    "malformed": "applies, then answers 200 with a body that is not JSON",
    "stale_index": "filters do not find orders younger than `seconds`; the rule matches no other call",
    "till": "runs the till `action` with `input`, `when` before or after the call; `refused` is the till's refusal",
}


OF_ALL = ("id", "method", "path", "merchant", "probability", "times", "after")
OF_KIND: Mapping[str, tuple[str, ...]] = {
    "refuse": ("status", "body", "headers"),
    "throttle": ("retry_after", "limit", "headers"),
    "fail_before": ("status", "body", "headers"),
    "fail_after": ("status", "body", "headers"),
    "delay": ("ms", "when"),
    "apply_late": ("seconds", "answer"),
    "oversize": ("bytes",),
    "stale_index": ("seconds",),
    "till": ("action", "input", "when"),
}

# Only look-ups use the index. Reading one object by its id is never stale.
LOOKUP_OF_ORDERS = re.compile(r"/orders\?(.*&)?filter=")


@dataclass(frozen=True)
class Check:
    """The condition on one field of a rule."""

    wanted: str
    holds: Callable[[Any], bool]


def _one_of(*values: str) -> Check:
    return Check(f"one of {', '.join(values)}", lambda value: isinstance(value, str) and value in values)


def _number(most: float = math.inf) -> Check:
    wanted = "a number from 0" if most == math.inf else f"a number from 0 to {most:g}"
    return Check(wanted, lambda v: isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v <= most)


def _whole(least: int = 0, most: float = math.inf) -> Check:
    wanted = f"a whole number from {least}" if most == math.inf else f"a whole number from {least} to {most:g}"
    return Check(wanted, lambda v: isinstance(v, int) and not isinstance(v, bool) and least <= v <= most)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


_TEXT = Check("a text", _is_text)
_STATUS = _whole(200, 599)
CHECKS: Mapping[str, Check] = {
    **dict.fromkeys(("id", "path", "merchant"), _TEXT),
    "method": _one_of("GET", "POST", "PUT", "DELETE"),
    "probability": _number(1.0),
    **dict.fromkeys(("times", "after", "bytes", "retry_after"), _whole()),
    **dict.fromkeys(("ms", "seconds"), _number()),
    "status": _STATUS,
    "headers": Check(
        "an object of texts", lambda v: isinstance(v, dict) and all(map(_is_text, (*v.keys(), *v.values())))
    ),
    "when": _one_of("before", "after"),
    "limit": _one_of(*HEADERS),
    "answer": Check("drop, hang or a status", lambda value: value in ("drop", "hang") or _STATUS.holds(value)),
    "action": _one_of(*ACTIONS),
    "input": Check("an object", lambda value: isinstance(value, dict)),
}


@dataclass
class Rule:
    """One fault. It strikes matching calls after the first `after` of them, at most `times`, with `probability`."""

    kind: str
    id: str = ""
    method: str | None = None
    path: str | None = None
    merchant: str | None = None
    probability: float = 1.0
    times: int | None = None
    after: int = 0
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    ms: float = 0.0
    when: str = "before"
    seconds: float = 0.0
    retry_after: int | None = None
    limit: str | None = None
    bytes: int = 33_554_432
    answer: str | int = "drop"
    action: str = ""
    input: dict[str, Any] = field(default_factory=dict)
    matched: int = 0
    played: int = 0
    refused: str | None = None

    def row(self) -> dict[str, Any]:
        """Return the rule for the control API: settings, counts, and the reason if its till action failed."""
        plain = Rule(self.kind)
        return {name: value for name, value in asdict(self).items() if name in _ALWAYS or value != getattr(plain, name)}


_ALWAYS = frozenset({"kind", "id", "matched", "played"})


class Faults:
    """The active rules in order. The first rule that strikes a call is its fault."""

    def __init__(self, seed: int | None = None) -> None:
        self._rules: dict[str, Rule] = {}
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._random = random.Random(seed)
        self._made = 0

    def add(self, body: Mapping[str, Any]) -> Rule:
        """Add a rule. Raise ValueError for an invalid one."""
        rule = rule_of(body)
        pattern = re.compile(rule.path) if rule.path is not None else None
        self._made += 1
        rule.id = rule.id or f"fault-{self._made}"
        self._rules[rule.id] = rule
        if pattern is not None:
            self._patterns[rule.id] = pattern
        return rule

    def replace(self, bodies: list[Mapping[str, Any]]) -> None:
        """Replace all rules. If one of the new rules is invalid, nothing changes."""
        for body in bodies:
            re.compile(rule_of(body).path or "")
        self.clear()
        for body in bodies:
            self.add(body)

    def clear(self) -> None:
        self._rules.clear()
        self._patterns.clear()

    def remove(self, rule_id: str) -> bool:
        """Remove a rule and return whether it existed."""
        self._patterns.pop(rule_id, None)
        return self._rules.pop(rule_id, None) is not None

    def rules(self) -> list[Rule]:
        return list(self._rules.values())

    def pick(self, method: str, path: str, merchant_id: str | None) -> Rule | None:
        """Return the rule that strikes this call, and count it."""
        for rule in self._rules.values():
            if not self._fits(rule, method, path, merchant_id):
                continue
            rule.matched += 1
            if rule.matched <= rule.after or (rule.times is not None and rule.played >= rule.times):
                continue
            if rule.probability < 1.0 and self._random.random() >= rule.probability:
                continue
            rule.played += 1
            return rule
        return None

    def _fits(self, rule: Rule, method: str, path: str, merchant_id: str | None) -> bool:
        pattern = self._patterns.get(rule.id)
        return (
            (rule.kind != "stale_index" or LOOKUP_OF_ORDERS.search(path) is not None)
            and rule.method in {None, method}
            and rule.merchant in {None, merchant_id}
            and (pattern is None or pattern.search(path) is not None)
        )


def rule_of(body: Mapping[str, Any]) -> Rule:
    """Parse a rule. Raise ValueError or TypeError that names the invalid field."""
    if not isinstance(body, dict):
        raise TypeError("a fault is a JSON object")
    kind = body.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}")
    given = {name: value for name, value in body.items() if value is not None}
    allowed = {"kind", *OF_ALL, *OF_KIND.get(kind, ())}
    for name, value in given.items():
        if name not in allowed:
            raise ValueError(f"{kind} has no {name!r}; it has {', '.join(sorted(allowed))}")
        if name in CHECKS and not CHECKS[name].holds(value):
            raise ValueError(f"{name} must be {CHECKS[name].wanted}")
    if kind == "till" and "action" not in given:
        raise ValueError("till needs an action")
    return Rule(**given)
