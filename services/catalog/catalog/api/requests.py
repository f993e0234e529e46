"""The changes of one request of many rows, which is handled in portions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self
from uuid import UUID

from catalog.domain.changes import Change, Claims, Effect
from catalog.store import changes
from catalog.store.changes import Kind
from common.db.unit import Unit
from common.ids import uuid7


@dataclass(frozen=True)
class Request:
    """The changes that a request has made so far, as one change set. A request that changes nothing leaves no trace."""

    kind: Kind
    change_id: UUID = field(default_factory=uuid7)
    counts: Counter[str] = field(default_factory=Counter)
    claims: Claims = field(default_factory=Claims)
    is_recorded: bool = False

    async def record(self, unit: Unit, merchant_id: str, made: Sequence[Change], refused: int) -> Self:
        """Record the changes of a portion; return the request with them, which counts once the unit has committed."""
        counts = self.counts + Counter(each.effect.value for each in made) + Counter(refused=refused)
        is_recorded = self.is_recorded or any(each.effect is not Effect.UNCHANGED for each in made)
        if is_recorded:
            await changes.save_set(unit, merchant_id, self.change_id, self.kind, counts, made)
        return replace(self, counts=counts, is_recorded=is_recorded)
