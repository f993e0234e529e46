"""The budget of the calls that turns make, as the worker sees it."""

from dataclasses import dataclass
from typing import Protocol


class Budget(Protocol):
    """The budget of the calls that turns make."""

    def background_turns(self) -> int:
        """Return how many turns of background work may run at once, so that none waits long for its first call."""
        ...

    def expect(self, merchant_ids: list[str]) -> None:
        """Prepare the calls of these merchants, whose turns come next."""
        ...


@dataclass(frozen=True)
class Unlimited:
    """The budget of a service whose work needs none."""

    turns: int

    def background_turns(self) -> int:
        """Implement Budget."""
        return self.turns

    def expect(self, merchant_ids: list[str]) -> None:
        """Implement Budget."""
