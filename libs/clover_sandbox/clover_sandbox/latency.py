"""The latency of calls: constant, log-normal, and with spikes."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import exp, log
from random import Random
from typing import Any

LONGEST_MS = 600_000.0

Z99 = 2.3263478740408408
"""The 99th percentile of the standard normal distribution."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds that calls take: half of them have at most `p50`, 99 of 100 at most `p99`.

    Between the two the distribution is log-normal, and constant when they are equal. A call is a spike with
    `spike_probability`, and takes `spike_ms` more.
    """

    p50: float = 0.0
    p99: float = 0.0
    spike_ms: float = 0.0
    spike_probability: float = 0.0

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> "Latency":
        """Read `{"ms"}` or `{"p50", "p99"}`, with `spike_ms` and `spike_probability` beside it if there are spikes."""
        given = {name: _number(name, value) for name, value in body.items()}
        if "ms" in given:
            given = {"p50": given["ms"], "p99": given.pop("ms"), **given}
        if unknown := sorted(given.keys() - {each.name for each in fields(cls)}):
            raise ValueError(f"latency has no {', '.join(unknown)}")
        if not {"p50", "p99"} <= given.keys():
            raise ValueError("latency is ms, or p50 and p99")
        latency = cls(**given)
        if latency.p99 < latency.p50 or (latency.p50 == 0 < latency.p99):
            raise ValueError("p99 must not be below p50, and p50 must not be 0 unless p99 is")
        if latency.spike_probability > 1:
            raise ValueError("spike_probability must be from 0 to 1")
        return latency

    def draw(self, random: Random) -> float:
        """Return the milliseconds of one call."""
        spread = log(self.p99 / self.p50) / Z99 if self.p50 else 0.0
        spike = self.spike_ms if self.spike_probability and random.random() < self.spike_probability else 0.0
        return min(self.p50 * exp(spread * random.gauss()) if spread else self.p50, LONGEST_MS) + spike


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST_MS:
        raise ValueError(f"{name} must be a number from 0 to {LONGEST_MS:.0f}")
    return float(value)
