"""A running system whose emails go to a mail server of the test, which can refuse them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from tests.support.postbox import Postbox, listening
from tests.support.running import QUICK, running_system

from quicksync_dev.system import System


@dataclass(frozen=True)
class MailedSystem:
    """The system and its mail server."""

    system: System
    postbox: Postbox


@pytest.fixture(scope="package")
async def mailed_system(postgres_dsn: str, amqp_url: str) -> AsyncIterator[MailedSystem]:
    """Services, gateway, sandbox and mail server, shared by the tests that play a person's part."""
    with listening() as postbox:
        async with running_system(
            postgres_dsn, amqp_url, {**QUICK, "QS_SMTP_URL": postbox.url, "QS_WEBHOOK_PATIENCE_SECONDS": "5"}
        ) as system:
            yield MailedSystem(system, postbox)
