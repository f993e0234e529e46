"""The order type and the tender: looked for, stored, and the orders that wait for them released."""

from datetime import timedelta

from common.clover.transport import MerchantApi
from common.contracts.problems import Code
from common.db.unit import Priority
from common.errors import AllAgain, Forbidden, Held, Transient
from common.work.batch import Batch
from orders import clover, store
from orders.deps import Deps
from orders.domain.setup import SETUP_CODES, Setup
from orders.kinds import FIND_SETUP, SETUP_KEY
from orders.sync.turns import InOrder

CURRENCY_LOOK = timedelta(hours=1)
"""The pause between looks for the currency of orders that wait for it: it hardly ever changes."""


async def find_setup(batch: Batch, deps: Deps) -> None:
    """Look for the order type and the tender; release the orders that wait for them, or look again later."""
    async with batch.database.connection() as conn:
        before = await store.setup.find(conn, batch.merchant_id)
        if not await store.holding.any_held(conn, batch.merchant_id, (*SETUP_CODES, Code.ORDER_CURRENCY)):
            return
    async with deps.clover.session(batch.merchant_id, batch.priority) as api:
        found, _ = await look_for_setup(batch, api, before)
    async with batch.database.connection() as conn:
        waits = await store.holding.any_held(conn, batch.merchant_id, (Code.ORDER_CURRENCY,))
    pause = CURRENCY_LOOK if found.complete else found.look_again_after(batch.now)
    if waits or not found.complete:
        for key in batch.keys:
            batch.repeat(key, pause)


async def create_order_type(batch: Batch, deps: Deps) -> None:
    """Create the order type unless it is there, and release the orders that wait for it.

    A creation whose answer was lost is failed and attempted again: it is looked for before each attempt.
    """
    async with batch.database.connection() as conn:
        before = await store.setup.find(conn, batch.merchant_id)
    async with deps.clover.session(batch.merchant_id, batch.priority, before_write=batch.check_lease) as api:
        if await clover.find_order_type(api) is None:
            await clover.create_order_type(api)
        await look_for_setup(batch, api, before)


async def look_for_setup(batch: Batch, api: MerchantApi, before: Setup) -> tuple[Setup, int]:
    """Read the setup from Clover and release the orders that wait for a part that is there now. Also their number."""
    order_type_id, tender_id = await clover.find_order_type(api), await clover.find_tender(api)
    books = await clover.read_books(api) if order_type_id and tender_id else None
    parts = zip(SETUP_CODES, (order_type_id, tender_id), strict=True)
    async with batch.unit() as unit:
        found = before.found(order_type_id, tender_id, unit.now, books)
        await store.setup.save(unit, batch.merchant_id, found)
        released = [
            await store.holding.release(unit, batch.merchant_id, code) for code, part in parts if part is not None
        ]
        if found.books.currency != before.books.currency:
            released.append(await store.holding.release(unit, batch.merchant_id, Code.ORDER_CURRENCY))
    return found, sum(released)


class SetupCheck:
    """The setup as one batch of orders needs it: read again after a minute, or when Clover refuses it."""

    def __init__(self, batch: Batch, api: MerchantApi) -> None:
        self._batch = batch
        self._api = api
        self._looks = InOrder(Transient, Forbidden)
        self._setup: Setup | None = None
        self._reminded = False

    @property
    def last(self) -> Setup:
        """The setup that `ready` returned last."""
        return self._setup or Setup()

    async def ready(self) -> Setup:
        """Return order type and tender, read again when that was a minute ago. Raises Held when one is missing."""
        async with self._looks.turn():
            if not (await self._stored()).is_fresh(self._batch.now):
                await self._look()
            return await self._whole()

    async def known(self) -> Setup:
        """Return order type and tender as they were read last, for an order in Clover; read them when one is missing.

        While Clover fails half the time, the orders that it has already need no further reads.
        """
        async with self._looks.turn():
            if not (await self._stored()).complete:
                await self._look()
            return await self._whole()

    async def _stored(self) -> Setup:
        if self._setup is None:
            async with self._batch.database.connection() as conn:
                self._setup = await store.setup.find(conn, self._batch.merchant_id)
        return self._setup

    async def has_changed_since(self, used: Setup) -> bool:
        """Return whether Clover has another setup than the one used. Raises Held when a part is missing."""
        async with self._looks.turn():
            if self.last.parts == used.parts:  # otherwise another order has looked meanwhile
                await self._look()
            return (await self._whole()).parts != used.parts

    async def _look(self) -> None:
        self._setup, released = await look_for_setup(self._batch, self._api, self.last)
        if released:  # they are older, and go first
            raise AllAgain(timedelta(0))

    async def _whole(self) -> Setup:
        """Return the setup when nothing is missing; else have the missing part looked for and raise Held."""
        setup = self.last
        missing = [code for code, part in zip(SETUP_CODES, setup.parts, strict=True) if part is None]
        if not missing:
            return setup
        await self.look_later(setup.look_again_after(self._batch.now))
        raise Held(missing[0])

    async def look_later(self, after: timedelta = CURRENCY_LOOK) -> None:
        """Have the setup looked for after this pause, asked for once a batch."""
        if not self._reminded:
            async with self._batch.unit() as unit:
                due = unit.now + after
                unit.mark(FIND_SETUP, self._batch.merchant_id, SETUP_KEY, priority=Priority.LIVE, due=due)
            self._reminded = True
