"""Fault rules strike the calls they describe."""

from typing import Any

import pytest

from clover_sandbox.fault_effects import EFFECTS
from clover_sandbox.faults import KINDS, Faults


def struck(faults: Faults, calls: int = 6, method: str = "POST", path: str = "/v3/merchants/M/items") -> str:
    """Return one letter per call, x for a struck one."""
    return "".join("x" if faults.pick(method, path, "M") else "." for _ in range(calls))


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        ({}, "xxxxxx"),
        ({"times": 2}, "xx...."),
        ({"after": 3}, "...xxx"),
        ({"after": 1, "times": 2}, ".xx..."),
        ({"method": "GET"}, "......"),
        ({"path": "/orders"}, "......"),
        ({"path": r"/items$"}, "xxxxxx"),
        ({"merchant": "N"}, "......"),
        ({"probability": 0.0}, "......"),
        ({"kind": "stale_index"}, "......"),
    ],
)
def test_a_rule_strikes_matching_calls(rule: dict[str, Any], pattern: str) -> None:
    """A rule filters by method, path and merchant, `after` and `times`."""
    faults = Faults()
    faults.add({"kind": "refuse", **rule})

    assert struck(faults) == pattern


def test_probability_applies_over_many_calls() -> None:
    """A seed strikes about three in ten calls, and always the same ones."""
    first, second = Faults(seed=1), Faults(seed=1)
    for faults in (first, second):
        faults.add({"kind": "refuse", "probability": 0.3})

    pattern = struck(first, 1000)
    assert 240 < pattern.count("x") < 360
    assert struck(second, 1000) == pattern


def test_the_next_rule_strikes_after_the_first_ends() -> None:
    """Rules apply in order."""
    faults = Faults()
    faults.replace([{"kind": "refuse", "times": 1}, {"kind": "delay"}])

    kinds = [rule.kind if rule else None for rule in (faults.pick("GET", "/", None) for _ in range(2))]
    assert kinds == ["refuse", "delay"]


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"kind": "explode"},
        {"kind": "refuse", "color": 1},
        {"kind": "delay", "ms": -1},
        {"kind": "delay", "times": 1.5},
        {"kind": ["refuse"]},
        {"kind": "delay", "seconds": 1},
        {"kind": "refuse", "status": "500"},
        {"kind": "refuse", "status": 1000},
        {"kind": "refuse", "headers": {"retry-after": 5}},
        {"kind": "refuse", "headers": {"a": "b\r\nc: d"}},
        {"kind": "refuse", "method": "PATCHES"},
        {"kind": "refuse", "path": 7},
        {"kind": "refuse", "probability": 30},
        {"kind": "apply_late", "answer": "later"},
        {"kind": "throttle", "limit": "tokens"},
        {"kind": "throttle", "retry_after": 1.5},
        {"kind": "till"},
        {"kind": "till", "action": "dance"},
        {"kind": "till", "action": "sell", "input": []},
    ],
)
def test_a_wrong_rule_changes_nothing(rule: dict[str, Any]) -> None:
    """The active rules stay when a new one is invalid."""
    faults = Faults()
    faults.add({"kind": "refuse"})
    with pytest.raises(ValueError, match=r".+"):
        faults.replace([{"kind": "delay"}, rule])

    assert [each.kind for each in faults.rules()] == ["refuse"]


@pytest.mark.parametrize(
    ("path", "struck_or_not"),
    [
        ("/orders?filter=externalReferenceId=A", "x"),
        ("/orders?limit=5&filter=a=b", "x"),
        ("/orders", "."),
        ("/orders/X?filter=a=b", "."),
        ("/customers?filter=emailAddress=a", "."),
    ],
)
def test_a_stale_index_strikes_look_ups_of_orders(path: str, struck_or_not: str) -> None:
    """No other call counts as matched or played."""
    faults = Faults()
    faults.add({"kind": "stale_index", "seconds": 9})

    assert struck(faults, 1, "GET", f"/v3/merchants/M{path}") == struck_or_not


def test_every_kind_has_an_effect() -> None:
    """Kinds and effects have the same names."""
    assert set(KINDS) == set(EFFECTS)
