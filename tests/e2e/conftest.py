"""One running system for all end-to-end tests."""

from collections.abc import AsyncIterator

import pytest
from tests.support.running import running_system

from quicksync_dev.system import System


@pytest.fixture(scope="package")
async def system(postgres_dsn: str, amqp_url: str) -> AsyncIterator[System]:
    """The running system: services, gateway, sandbox and mail catcher."""
    async with running_system(postgres_dsn, amqp_url) as system:
        yield system
