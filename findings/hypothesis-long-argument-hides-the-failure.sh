#!/usr/bin/env bash
# Hypothesis 6.170.15: where warnings are errors, a test with an argument of more than 30,000 characters fails with
# HypothesisWarning ("Generating overly large repr") instead of its own AssertionError, and names no failing test case.
# The warning is raised while a failure is described, so a suite meets it only when a test fails. The argument may be a
# fixture, and `@dataclass(repr=False)` does not shorten it; `_repr_pretty_` does.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check hypothesis==6.170.15 2>/dev/null
cd "$folder"
venv/bin/python -W error - <<'PY'
from dataclasses import dataclass

import hypothesis
from hypothesis import given, settings
from hypothesis import strategies as st


@dataclass(repr=False)
class Fixture:
    rows: str


class Short(Fixture):
    def _repr_pretty_(self, printer, cycle):
        printer.text("Short")


def outcome(fixture, most):
    @settings(database=None)
    @given(amount=st.integers(0, 9))
    def amount_is_small(fixture, amount):
        assert amount <= most

    try:
        amount_is_small(fixture)
    except (AssertionError, hypothesis.errors.HypothesisWarning) as error:
        return type(error).__name__, "amount=6" in " ".join(getattr(error, "__notes__", []))
    return "passes", False


rows = "x" * 40_000
seen = [outcome(Fixture(rows), 9), outcome(Fixture(rows), 5), outcome(Short(rows), 5)]
print(f"Hypothesis {hypothesis.__version__}, outcome and whether it names the example: {seen}")
expected = [("passes", False), ("HypothesisWarning", False), ("AssertionError", True)]
assert seen == expected, "the behaviour has changed"
PY
