"""Faults on request: rules that say which calls go wrong, how, and how often."""

import random
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

KINDS: Mapping[str, str] = {
    "refuse": "answers `status` with `body`; nothing is applied",
    "unauthorized": "answers 401 as for a bad token; nothing is applied",
    "throttle": "answers 429, with `retry_after` and the header of `limit` only if given; nothing is applied",
    "fail_before": "answers `status` (500); nothing is applied",
    "fail_after": "applies, then answers `status` (503)",
    "delay": "waits `ms`, `when` before or after applying, then answers as usual",
    "drop_before_apply": "closes the connection; nothing is applied",
    "apply_then_drop": "applies, then closes the connection",
    "apply_late": "applies after `seconds`; meanwhile `answer`: drop, hang, or a status",
    "truncate": "applies, then sends half of the answer and closes the connection",
    "oversize": "applies, then answers with `bytes` of white space before the JSON",
    "malformed": "applies, then answers 200 with something that is not JSON",
    "stale_index": "filtered lists do not know orders younger than `seconds`",
    "till": "plays the till `action` with `input` right `when` (before or after) the call is applied",
}


@dataclass
class Rule:
    """One fault. It plays for matching calls, after the first `after` of them, at most `times`, with `probability`."""

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

    def row(self) -> dict[str, Any]:
        """As the control API shows it: what was set, and how often it matched and played."""
        plain = Rule(self.kind)
        return {name: value for name, value in asdict(self).items() if name in _ALWAYS or value != getattr(plain, name)}


_ALWAYS = frozenset({"kind", "id", "matched", "played"})


class Faults:
    """The rules in force, in their order; the first that plays for a call is its fault."""

    def __init__(self, seed: int | None = None) -> None:
        self._rules: dict[str, Rule] = {}
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._random = random.Random(seed)
        self._made = 0

    def add(self, body: Mapping[str, Any]) -> Rule:
        """A new rule; `ValueError` says what is wrong with it."""
        rule = rule_of(body)
        pattern = re.compile(rule.path) if rule.path is not None else None
        self._made += 1
        rule.id = rule.id or f"fault-{self._made}"
        self._rules[rule.id] = rule
        if pattern is not None:
            self._patterns[rule.id] = pattern
        return rule

    def replace(self, bodies: list[Mapping[str, Any]]) -> None:
        """These rules and no others; if one of them is wrong nothing changes."""
        for body in bodies:
            re.compile(rule_of(body).path or "")
        self.clear()
        for body in bodies:
            self.add(body)

    def clear(self) -> None:
        self._rules.clear()
        self._patterns.clear()

    def remove(self, rule_id: str) -> bool:
        """Take one rule away; says whether it was there."""
        self._patterns.pop(rule_id, None)
        return self._rules.pop(rule_id, None) is not None

    def rules(self) -> list[Rule]:
        return list(self._rules.values())

    def pick(self, method: str, path: str, merchant_id: str | None) -> Rule | None:
        """The fault that this call meets, counted as played."""
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
            rule.method in {None, method}
            and rule.merchant in {None, merchant_id}
            and (pattern is None or pattern.search(path) is not None)
        )


def rule_of(body: Mapping[str, Any]) -> Rule:
    """A rule from its JSON; `ValueError` or `TypeError` names what is wrong."""
    if not isinstance(body, dict):
        raise TypeError("a fault is a JSON object")
    names = {each.name for each in fields(Rule)} - {"matched", "played"}
    unknown = sorted(set(body) - names)
    if unknown:
        raise ValueError(f"a fault has no {unknown[0]!r}")
    if body.get("kind") not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}")
    rule = Rule(**body)
    _check_numbers(rule)
    if rule.when not in {"before", "after"}:
        raise ValueError("when is before or after")
    return rule


def _check_numbers(rule: Rule) -> None:
    for name in ("probability", "after", "ms", "seconds", "bytes"):
        value = getattr(rule, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ValueError(f"{name} must be a number from 0")
    if rule.times is not None and (isinstance(rule.times, bool) or not isinstance(rule.times, int) or rule.times < 0):
        raise ValueError("times must be a whole number from 0")
