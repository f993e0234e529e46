"""The time that a batch has for itself before it gives way to other work."""

from common.db.database import Database
from common.db.unit import Priority

SLICE_SECONDS = 1.0
"""Long enough that the overhead of a slice is small, short enough that nobody notices the wait for it."""

URGENT_SECONDS = 0.02
"""Interval between two looks for more urgent work during a slice; a page of Clover takes longer."""

URGENT = """
SELECT EXISTS (
    SELECT FROM unnest($2::smallint[]) AS level (priority) CROSS JOIN LATERAL (
        SELECT FROM work WHERE merchant_id = $1 AND work.priority = level.priority AND NOT held AND due_at <= $3 LIMIT 1
    ) AS first
)
"""


class Slice:
    """The time since a batch of this priority began for a merchant, and whether more urgent work waits for its end."""

    def __init__(self, database: Database, merchant_id: str, priority: Priority) -> None:
        self._database = database
        self._merchant_id = merchant_id
        self._above = [each for each in Priority if each < priority]
        self._began = database.clock.monotonic()
        self._looked_at = float("-inf")
        self._is_urgent = False

    def lasted(self, seconds: float) -> bool:
        """Return whether it began this many seconds ago, or earlier."""
        return self._database.clock.monotonic() - self._began >= seconds

    async def is_preceded(self) -> bool:
        """Return whether more urgent work of the merchant is due."""
        now = self._database.clock.monotonic()
        if self._above and now - self._looked_at >= URGENT_SECONDS:
            self._looked_at = now
            async with self._database.connection() as conn:
                self._is_urgent = bool(
                    await conn.fetchval(URGENT, self._merchant_id, self._above, self._database.clock.now())
                )
        return self._is_urgent
