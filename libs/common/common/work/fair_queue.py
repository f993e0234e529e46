"""Whose turn it is among merchants with work: who waited longest, and nobody whose Clover takes no calls for now."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from common.backoff import backoff_delay

LONGEST_REST = timedelta(seconds=30)
"""Whoever presses Retry waits no longer; a longer wish of Clover's is kept by the pace of the calls."""


@dataclass
class FairQueue:
    """What one process remembers of the merchants it works for, as long as they have work."""

    _turn_ended: dict[str, datetime] = field(default_factory=dict)
    _rests: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    def in_turn(
        self, earliest: Sequence[tuple[str, datetime]], under_way: Collection[str]
    ) -> list[tuple[str, datetime]]:
        """The merchants that are not under way in the order of their turns, each with when it may be taken.

        A merchant with a backlog, whose oldest row is older than all others', waits in line after each turn.
        """
        names = {name for name, _ in earliest} | set(under_way)
        self._turn_ended = {name: at for name, at in self._turn_ended.items() if name in names}
        self._rests = {name: rest for name, rest in self._rests.items() if name in names}
        waiting = [each for each in earliest if each[0] not in under_way]
        in_turn = sorted(waiting, key=lambda each: max(each[1], self._turn_ended.get(each[0], each[1])))
        return [(name, max(due_at, self._rests.get(name, (0, due_at))[1])) for name, due_at in in_turn]

    def turn_ended(self, merchant_id: str, now: datetime) -> None:
        """Its turn is over: whoever has waited since before goes first."""
        self._turn_ended[merchant_id] = now

    def cool_down(self, merchant_id: str, now: datetime, wish: timedelta | None) -> None:
        """Let it alone for as long as Clover wishes, else longer each time until something goes well."""
        tries = self._rests.get(merchant_id, (0, now))[0] + 1
        self._rests[merchant_id] = tries, now + min(wish or backoff_delay(tries), LONGEST_REST)

    def reset(self, merchant_id: str) -> None:
        """Something went well."""
        self._rests.pop(merchant_id, None)
