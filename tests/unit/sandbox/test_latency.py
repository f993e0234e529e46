"""The latency of calls as a distribution."""

from random import Random
from statistics import quantiles

import pytest

from clover_sandbox.latency import Latency


def drawn(latency: Latency, calls: int = 20_000) -> list[float]:
    random = Random(1)
    return [latency.draw(random) for _ in range(calls)]


def test_constant_latency_is_the_same_for_every_call() -> None:
    assert set(drawn(Latency.parse({"ms": 50}), 100)) == {50}


def test_log_normal_latency_has_its_percentiles() -> None:
    """Half of the calls take at most p50, and 99 of 100 at most p99."""
    percentiles = quantiles(drawn(Latency.parse({"p50": 50, "p99": 400})), n=100)

    assert percentiles[49] == pytest.approx(50, rel=0.05)
    assert percentiles[98] == pytest.approx(400, rel=0.1)


def test_spikes_are_added_to_their_share_of_calls() -> None:
    calls = drawn(Latency.parse({"ms": 20, "spike_ms": 2000, "spike_probability": 0.01}))

    assert set(calls) == {20, 2020}
    assert calls.count(2020) / len(calls) == pytest.approx(0.01, rel=0.2)
