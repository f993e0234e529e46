"""Backoff in creating the orders of a merchant, so that none overtakes another while Clover takes no calls."""

from datetime import timedelta

import structlog

from common.backoff import backoff_delay
from common.contracts.problems import Code
from common.errors import Again, Throttled, Transient
from common.work.batch import DELAYED_ATTEMPTS, Batch
from orders import store

log = structlog.get_logger()


LONGEST = timedelta(hours=1)


class Stop(Again):
    """Nothing more is created for this merchant before the pause is over."""


class Pausing:
    """The pauses of one merchant; each in a row is longer. They are kept in the database: whoever works next obeys."""

    def __init__(self, batch: Batch, count: int) -> None:
        self._batch = batch
        self._count = count

    async def stop(self, error: Transient) -> Stop:
        """Begin the next pause; raise what is returned."""
        wished = error.retry_after if isinstance(error, Throttled) else None
        self._count += 1
        wait = min(wished or backoff_delay(self._count), LONGEST)
        async with self._batch.unit() as unit:
            await store.save_pause(unit, self._batch.merchant_id, self._count, wait)
        log.warning("orders pause", reason=str(error), seconds=round(wait.total_seconds(), 1))
        return Stop(wait, told(self._count))

    async def over(self) -> None:
        """Clover takes orders again."""
        if self._count:
            self._count = 0
            async with self._batch.unit() as unit:
                await store.save_pause(unit, self._batch.merchant_id, 0, timedelta(0))


def told(pauses: int) -> Code | None:
    """The problem to be told of after so many pauses in a row."""
    return Code.CLOVER_UNREACHABLE if pauses >= DELAYED_ATTEMPTS else None
