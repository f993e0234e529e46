"""Pauses in creating the orders of a merchant, so that none overtakes another while Clover takes no calls."""

from datetime import timedelta

import structlog

from common.backoff import backoff_delay
from common.contracts.problems import Code
from common.errors import Again, Throttled, Transient
from common.work.batch import Batch
from orders import store

log = structlog.get_logger()

LONGEST = timedelta(hours=1)

REPORTED_PAUSES = 6
"""Pauses in a row after which they are reported: with the backoff, five pauses have taken about half a minute."""


class PauseMerchant(Again):
    """No order of this merchant is created before the pause is over."""


class MerchantPause:
    """The pauses of one merchant; each in a row is longer. The database keeps them for whichever process works next."""

    def __init__(self, batch: Batch, count: int) -> None:
        self._batch = batch
        self._count = count

    async def begin(self, error: Transient) -> PauseMerchant:
        """Begin the next pause; the caller raises the returned exception."""
        asked_for = error.retry_after if isinstance(error, Throttled) else None
        self._count += 1
        wait = min(asked_for or backoff_delay(self._count), LONGEST)
        async with self._batch.unit() as unit:
            await store.setup.save_pause(unit, self._batch.merchant_id, self._count, wait)
        log.warning("orders pause", reason=str(error), seconds=round(wait.total_seconds(), 1))
        return PauseMerchant(wait, pause_problem(self._count))

    async def end(self) -> None:
        """Note that Clover takes orders again."""
        if self._count:
            self._count = 0
            async with self._batch.unit() as unit:
                await store.setup.save_pause(unit, self._batch.merchant_id, 0, timedelta(0))


def pause_problem(pauses: int) -> Code | None:
    """Return the problem to report after this number of pauses in a row."""
    return Code.CLOVER_UNREACHABLE if pauses >= REPORTED_PAUSES else None
