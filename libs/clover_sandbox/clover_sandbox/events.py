"""What happened in Clover, before anybody is told: object events with their keys."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Type = Literal["CREATE", "UPDATE", "DELETE"]


@dataclass(frozen=True)
class Event:
    """One line of a webhook: `object_id` with its key prefix, ms time, and the rich body IS and IA carry."""

    merchant_id: str
    object_id: str
    type: Type
    ts: int
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The prefix that says what kind of object it is."""
        return self.object_id.partition(":")[0]

    def row(self) -> dict[str, Any]:
        """As it stands in the payload."""
        return {"objectId": self.object_id, "type": self.type, "ts": self.ts, **self.details}


EventListener = Callable[[Event], None]
