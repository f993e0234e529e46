#!/usr/bin/env bash
# Hypothesis 6.170.15: a failing test case shows dataclass fields that are hidden by `field(repr=False)`, and the fields
# of dataclasses that have a `__repr__` of their own, when the object comes from `just`, `sampled_from`, `composite` or a
# list. The same object made by `builds` is shown without its hidden field. Tests that take settings with a token, or
# objects with megabytes behind them, print these into the log of the build; only `_repr_pretty_` prevents it.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check hypothesis==6.170.15 2>/dev/null
cd "$folder"
venv/bin/python - <<'PY'
from dataclasses import dataclass, field

import hypothesis
from hypothesis import given, settings
from hypothesis import strategies as st


@dataclass
class Account:
    name: str
    token: str = field(repr=False)


@dataclass
class Described:
    token: str

    def __repr__(self):
        return "Described()"


@st.composite
def composed(draw):
    return Account("ada", draw(st.just("example-token")))


def shows_token(strategy):
    @settings(database=None)
    @given(value=strategy)
    def fails(value):
        assert not value

    try:
        fails()
    except AssertionError as error:
        return "example-token" in " ".join(error.__notes__)


ada, described = Account("ada", "example-token"), Described("example-token")
assert "example-token" not in repr(ada) + repr(described)
seen = {
    "just": shows_token(st.just(ada)),
    "sampled_from": shows_token(st.sampled_from([ada])),
    "composite": shows_token(composed()),
    "lists": shows_token(st.lists(st.just(ada), min_size=1)),
    "own __repr__": shows_token(st.just(described)),
    "builds": shows_token(st.builds(Account, name=st.just("ada"), token=st.just("example-token"))),
}
print(f"Hypothesis {hypothesis.__version__}, hidden field is shown: {seen}")
assert list(seen.values()) == [True, True, True, True, True, False], "the behaviour has changed"
PY
