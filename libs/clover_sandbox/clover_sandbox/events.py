"""Object events with their webhook keys."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Type = Literal["CREATE", "UPDATE", "DELETE"]


@dataclass(frozen=True)
class Event:
    """One event of a webhook: the prefixed `object_id`, the time in ms, and the extra body of IS and IA events."""

    merchant_id: str
    object_id: str
    type: Type
    ts: int
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Return the key prefix, which names the kind of object."""
        return self.object_id.partition(":")[0]

    def row(self) -> dict[str, Any]:
        """Return the event as it appears in the payload."""
        return {"objectId": self.object_id, "type": self.type, "ts": self.ts, **self.details}


EventListener = Callable[[Event], None]
