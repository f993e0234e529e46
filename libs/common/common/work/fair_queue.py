"""Decides which merchant with due work is served next: the longest waiting, unless its Clover is unavailable."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from common.backoff import backoff_delay

LONGEST_COOL_DOWN = timedelta(seconds=30)
"""Upper bound of the cool-down, so a manual Retry is never delayed longer. A longer Retry-After is enforced by the
rate limiter."""


@dataclass
class FairQueue:
    """One process's memory of the merchants it works for, kept as long as they have work."""

    _turn_ended: dict[str, datetime] = field(default_factory=dict)
    _cool_downs: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    def in_turn(
        self, earliest: Sequence[tuple[str, datetime]], under_way: Collection[str]
    ) -> list[tuple[str, datetime]]:
        """Return the merchants that are not under way in the order of their turns, each with its earliest start.

        A merchant with a backlog has the oldest row of all; it still waits in line after each of its turns.
        """
        names = {name for name, _ in earliest} | set(under_way)
        self._turn_ended = {name: at for name, at in self._turn_ended.items() if name in names}
        self._cool_downs = {name: each for name, each in self._cool_downs.items() if name in names}
        waiting = [each for each in earliest if each[0] not in under_way]
        in_turn = sorted(waiting, key=lambda each: max(each[1], self._turn_ended.get(each[0], each[1])))
        return [(name, max(due_at, self._cool_downs.get(name, (0, due_at))[1])) for name, due_at in in_turn]

    def turn_ended(self, merchant_id: str, now: datetime) -> None:
        """Put the merchant behind all that already wait."""
        self._turn_ended[merchant_id] = now

    def cool_down(self, merchant_id: str, now: datetime, retry_after: timedelta | None) -> None:
        """Pause the merchant for Clover's Retry-After; without one, longer each time until `reset`."""
        attempts = self._cool_downs.get(merchant_id, (0, now))[0] + 1
        self._cool_downs[merchant_id] = attempts, now + min(retry_after or backoff_delay(attempts), LONGEST_COOL_DOWN)

    def reset(self, merchant_id: str) -> None:
        """End the cool-down: a call succeeded."""
        self._cool_downs.pop(merchant_id, None)
