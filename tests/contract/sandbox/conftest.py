"""A local Clover for each test, with a merchant in the United States, and a receiver of webhooks."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from tests.contract.sandbox.receiver import Receiver
from tests.support.clover import Clover, Shop, local_clover


@pytest.fixture
async def clover() -> AsyncIterator[Clover]:
    async with local_clover() as running:
        yield running


@pytest.fixture
def shop(clover: Clover) -> Shop:
    return clover.open_shop()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    taken = Receiver()
    application = web.Application()
    application.router.add_post("/hook", taken.take)
    application.router.add_post("/hanging", taken.hang)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    taken.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield taken
    await runner.cleanup()
