"""A local Clover for each test, with a merchant in the United States."""

from collections.abc import AsyncIterator

import pytest
from tests.support.clover import Clover, Shop, local_clover


@pytest.fixture
async def clover() -> AsyncIterator[Clover]:
    async with local_clover() as running:
        yield running


@pytest.fixture
def shop(clover: Clover) -> Shop:
    return clover.open_shop()
