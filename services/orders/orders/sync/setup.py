"""The order type and the tender: looked for, remembered, and what waits for them released."""

from datetime import timedelta

from common.clover.transport import MerchantApi
from common.db.unit import Priority
from common.errors import Held, Throttled, TimedOut, Unavailable
from common.work import table
from common.work.batch import Batch
from orders import clover, store
from orders.deps import Deps
from orders.domain.setup import FIND_SETUP, SETUP_CODES, SETUP_KEY, Setup
from orders.sync.pauses import Pausing, Stop


async def find_setup(batch: Batch, deps: Deps) -> None:
    """Look for the order type and the tender; what waits for them is sent, or they are looked for again later."""
    async with batch.database.connection() as conn:
        before = await store.setup(conn, batch.merchant_id)
        if not await store.any_waiting(conn, batch.merchant_id, SETUP_CODES):
            return
    async with deps.clover.session(batch.merchant_id) as api:
        found, _ = await look_for_setup(batch, api, before)
    if not found.complete:
        for key in batch.keys:
            batch.repeat(key, found.look_again_after(batch.now))


async def look_for_setup(batch: Batch, api: MerchantApi, before: Setup) -> tuple[Setup, int]:
    """See what Clover has; what waits for a part that is there now is taken again. Also says how many those are."""
    order_type_id, tender_id = await clover.find_order_type(api), await clover.find_tender(api)
    there = zip(SETUP_CODES, (order_type_id, tender_id), strict=True)
    async with batch.unit() as unit:
        found = before.found(order_type_id, tender_id, unit.now)
        await store.save_setup(unit, batch.merchant_id, found)
        released = [await table.release(unit, batch.merchant_id, code) for code, part in there if part is not None]
    return found, sum(released)


class SetupCheck:
    """The setup as one batch of orders needs it: looked at again after a minute, or when Clover refuses it."""

    def __init__(self, batch: Batch, api: MerchantApi, pausing: Pausing) -> None:
        self._batch = batch
        self._api = api
        self._pausing = pausing
        self._setup: Setup | None = None
        self._reminded = False

    async def ready(self) -> Setup:
        """Order type and tender, looked for again when that is a minute ago. Raises Held when one is missing."""
        if self._setup is None:
            async with self._batch.database.connection() as conn:
                self._setup = await store.setup(conn, self._batch.merchant_id)
        if not self._setup.is_fresh(self._batch.now):
            await self._look(self._setup)
        return await self._whole(self._setup)

    async def has_changed(self, setup: Setup) -> bool:
        """Whether Clover has another setup than we thought. Raises Held when a part is missing."""
        found = await self._whole(await self._look(setup))
        return found.parts != setup.parts

    async def _look(self, before: Setup) -> Setup:
        try:
            self._setup, released = await look_for_setup(self._batch, self._api, before)
        except (Throttled, Unavailable, TimedOut) as error:
            raise await self._pausing.stop(error) from error
        if released:  # they are older, and go first
            raise Stop(timedelta(0))
        return self._setup

    async def _whole(self, setup: Setup) -> Setup:
        """The setup when nothing is missing; else it is looked for from now on. Raises Held."""
        missing = [code for code, part in zip(SETUP_CODES, setup.parts, strict=True) if part is None]
        if not missing:
            return setup
        if not self._reminded:
            async with self._batch.unit() as unit:
                due = unit.now + setup.look_again_after(unit.now)
                unit.mark(FIND_SETUP, self._batch.merchant_id, SETUP_KEY, priority=Priority.LIVE, due=due)
            self._reminded = True
        raise Held(missing[0])
