"""The shop of tests/support/shop.py, served over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web_runner import AppRunner, BaseRunner
from pydantic import SecretStr
from tests.support.logs import collected
from tests.support.shop import ROUTES, Shop
from tests.support.tokens import Issuer

from common.errors import Unavailable
from common.http.app import build_app
from common.settings import CommonSettings
from common.telemetry.metrics import Metrics

SECRETS = [SecretStr("the secret in use"), SecretStr("the one before")]

Client = TestClient[Any, Any]


class AsInProduction(TestServer):
    """aiohttp's test server, except that, as in service.py, no caller who goes away cancels a handler."""

    async def _make_runner(self, **options: Any) -> BaseRunner:
        ours = {"handler_cancellation": False, "access_log": None, "shutdown_timeout": 0.1}
        return AppRunner(self.app, **options | ours)


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def logged() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Collect the log; call it for the lines written so far."""
    with collected("shop") as stream:
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def broken() -> set[str]:
    """Name a check in it and /readyz finds that part broken."""
    return set()


@pytest.fixture
async def client(issuer: Issuer, shop: Shop, broken: set[str], logged: object) -> AsyncIterator[Client]:
    del logged  # first of all, so that nothing is written elsewhere
    settings = CommonSettings(
        env="dev",
        postgres_dsn=SecretStr("postgresql://"),
        amqp_url=SecretStr("amqp://"),
        jwt_public_keys=[Issuer().public_pem, issuer.public_pem],
        internal_secrets=SECRETS,
        http_read_timeout=0.3,
    )

    async def outbox() -> dict[str, object]:
        if "outbox" in broken:
            raise Unavailable("the broker cannot be reached")
        return {"oldest_seconds": 0.5}

    async def database() -> None:
        if "hang" in broken:
            await asyncio.Event().wait()
        if "database" in broken:
            raise OSError("cannot connect to postgresql://orders:hunter2@db")

    app = build_app("shop", ROUTES, shop, settings, Metrics(), {"outbox": outbox, "database": database})
    async with TestClient(AsInProduction(app)) as client:
        yield client
