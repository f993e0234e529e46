"""Decides on a refusal of our access to a merchant's Clover."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

LASTING = timedelta(days=1)
"""After a day of refusals the tokens are erased: a Clover that refuses everybody by mistake is mended before."""

SOONEST = timedelta(minutes=1)
LATEST = timedelta(hours=1)


class NextStep(Enum):
    """The step to take after a refused access."""

    ERASE = "erase"
    """The app was uninstalled: the tokens serve nobody any more."""

    REFRESH = "refresh"
    """Another access token may be accepted."""

    WAIT = "wait"
    """Ask again later; a person may connect the merchant in between."""


@dataclass(frozen=True)
class RefusedAccess:
    """An access that Clover refuses since `refused_at`.

    `uninstalled_at` is when a webhook said that the app was uninstalled. `is_refreshable` means that there is a refresh
    token that Clover has not refused.
    """

    refused_at: datetime
    uninstalled_at: datetime | None
    is_refreshable: bool

    def next_step(self, now: datetime) -> NextStep:
        """Return the next step. A webhook alone erases nothing: it may be late, or of a stranger."""
        if self.is_refreshable:
            return NextStep.REFRESH
        if self.uninstalled_at is not None or now - self.refused_at >= LASTING:
            return NextStep.ERASE
        return NextStep.WAIT

    def ask_again_after(self, now: datetime) -> timedelta:
        """Return the pause before the next question: a tenth of the time for which it is refused."""
        return min(max((now - self.refused_at) / 10, SOONEST), LATEST)
