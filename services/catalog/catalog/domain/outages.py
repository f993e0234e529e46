"""When Clover counts as out of service in a region, from the probes of it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

QUIET = timedelta(seconds=15)
"""The pause between probes while no call fails; an answer to any other call of catalog's saves the next probe."""

DOUBTFUL = timedelta(seconds=4)
"""The pause after a probe that failed, and between probes of an outage."""

FAILED_PROBES = 3
"""Probes in a row, of different merchants where there are several, after which the region is out of service. With the
pauses above, and a probe that waits for five seconds, this is within a minute."""


@dataclass(frozen=True)
class RegionHealth:
    """The findings of the probes of one region. `failing_since` is the time of the first failure in a row."""

    next_probe_at: datetime
    failing_since: datetime | None = None
    failures: int = 0
    is_answering: bool = False

    @property
    def is_out(self) -> bool:
        """Whether Clover is out of service in this region."""
        return self.failures >= FAILED_PROBES

    def answered(self, at: datetime) -> "RegionHealth":
        """Clover has answered a call of this region then."""
        return RegionHealth(at + QUIET, is_answering=True)

    def failed(self, now: datetime) -> "RegionHealth":
        """A probe failed."""
        return replace(
            self,
            next_probe_at=now + DOUBTFUL,
            failing_since=self.failing_since or now,
            failures=min(self.failures + 1, FAILED_PROBES),
            is_answering=False,
        )

    def unknown(self, now: datetime) -> "RegionHealth":
        """A probe could not be made, for a reason of ours."""
        return replace(self, next_probe_at=now + DOUBTFUL)
