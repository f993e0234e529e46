"""A clock that tests move."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Stands still until told otherwise."""

    def __init__(self, now: datetime = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)) -> None:
        self._now = now
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, by: timedelta | float) -> None:
        """Move on by so much, or so many seconds."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        self._now += step
        self._monotonic += step.total_seconds()
