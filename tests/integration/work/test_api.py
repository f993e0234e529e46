"""Pending work, as it is listed and retried over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from tests.support.clock import FakeClock
from tests.support.pools import open_kept
from tests.support.tokens import Issuer

from common.contracts.problems import Code
from common.db.database import Database
from common.http.app import build_app
from common.settings import CommonSettings
from common.telemetry.metrics import Metrics
from common.work import run as runs
from common.work import table
from common.work.api import progress, routes
from common.work.row import Hold

MERCHANT, OTHER = "MRCHNT0000001", "MRCHNT0000002"
SAVE = "INSERT INTO merchant (merchant_id, account_id, region, currency, timezone) VALUES ($1, 'a', 'us', 'USD', 'UTC')"


@dataclass
class Working:
    """A service with work to show. It is also the dependencies its routes see."""

    database: Database
    clock: FakeClock
    http: Any = None

    async def page(self, merchant: str = MERCHANT, status: int = 200, **query: Any) -> dict[str, Any]:
        answer = await self.http.get(f"/v1/merchants/{merchant}/work/inventory", params=query)
        assert answer.status == status, await answer.text()
        return dict(await answer.json())

    async def keys(self, **query: Any) -> list[str]:
        return [row["key"] for row in (await self.page(**query))["work"]]

    async def retry(self, work_id: object, merchant: str = MERCHANT) -> int:
        answer = await self.http.post(f"/v1/merchants/{merchant}/work/inventory/{work_id}/retry")
        return int(answer.status)


@pytest.fixture
async def working(database_dsn: str) -> AsyncIterator[Working]:
    """One row due, one waiting, one held; and one of another merchant."""
    issuer, clock = Issuer(), FakeClock()
    database = Database(database_dsn, "inventory", clock)
    await open_kept(database)
    async with database.unit() as unit:
        for merchant in (MERCHANT, OTHER):
            await unit.conn.execute(SAVE, merchant)
        unit.mark("push_stock", MERCHANT, ["due", "held"])
        unit.mark("sweep", MERCHANT, "waiting", due=clock.now() + timedelta(hours=1))
        unit.mark("push_stock", OTHER, "foreign")
    async with database.unit() as unit:
        rows = await table.due(unit.conn, MERCHANT, clock.now(), 10)
        held = [(row, Hold(Code.STOCK_REJECTED, "no such item")) for row in rows if row.key == "held"]
        await table.hold(unit, MERCHANT, "push_stock", held)
    made = CommonSettings(
        env="dev", postgres_dsn=SecretStr("x"), amqp_url=SecretStr("x"), jwt_public_keys=[issuer.public_pem]
    )
    working = Working(database, clock)
    app = build_app("inventory", routes("inventory"), working, made, Metrics(), {})
    async with TestClient(TestServer(app), headers=issuer.headers("work:read work:write")) as working.http:
        yield working
    await database.close()


async def test_each_row_has_its_state_and_reason(working: Working) -> None:
    """The list shows state, problem, reason and attempts of this merchant's rows only, oldest first."""
    listed = await working.page()
    [held] = [row for row in listed["work"] if row["state"] == "held"]

    assert {row["key"]: row["state"] for row in listed["work"]} == {"due": "due", "held": "held", "waiting": "waiting"}
    assert (held["kind"], held["problem"], held["reason"]) == ("push_stock", "stock_rejected", "no such item")
    assert listed["next"] is None


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ({"state": "due"}, ["due"]),
        ({"state": "waiting"}, ["waiting"]),
        ({"state": "held"}, ["held"]),
        ({"kind": "sweep"}, ["waiting"]),
        ({"problem": "stock_rejected"}, ["held"]),
        ({"problem": "tender_missing"}, []),
    ],
)
async def test_rows_are_filtered(working: Working, query: dict[str, str], keys: list[str]) -> None:
    """The filters are state, kind and problem."""
    assert await working.keys(**query) == keys


async def test_pages_follow_one_another(working: Working) -> None:
    """`next` of one page is the `cursor` of the following one; every row appears once."""
    first = await working.page(limit=2)
    second = await working.page(limit=2, cursor=first["next"])

    assert [len(first["work"]), len(second["work"]), second["next"]] == [2, 1, None]
    assert {row["key"] for row in first["work"] + second["work"]} == {"due", "held", "waiting"}


async def test_a_row_is_retried(working: Working) -> None:
    """A held row becomes due at once, and counts under its problem until it succeeds."""
    [held] = (await working.page(state="held"))["work"]

    assert await working.retry(held["id"]) == 202
    assert await working.keys(state="held") == []
    assert await working.keys(state="due", problem="stock_rejected") == ["held"]


async def test_unknown_row_cannot_be_retried(working: Working) -> None:
    """Unknown rows, rows of other merchants and malformed ids are refused."""
    [foreign] = (await working.page(OTHER))["work"]

    assert await working.retry(foreign["id"]) == 404
    assert await working.retry(10**17) == 404
    assert [await working.retry(each) for each in ("x", "-1", "9" * 30)] == [422, 422, 422]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 501}, {"state": "failed"}, {"problem": "none"}, {"x": 1}])
async def test_invalid_query_is_refused(working: Working, query: dict[str, Any]) -> None:
    """The response names the parameter."""
    refused = await working.page(status=422, **query)

    assert refused["errors"][0]["field"] in query


async def test_an_unknown_merchant_is_not_found(working: Working) -> None:
    """An unknown merchant is a 404 instead of an empty list."""
    await working.page("MRCHNT0000009", status=404)


async def test_progress_of_long_work_is_shown(working: Working) -> None:
    """Work under way shows what is done of how much, its rate and the time left; other work shows none."""
    [row] = [row for row in (await working.page())["work"] if row["key"] == "waiting"]
    run = await runs.find(working.database, MERCHANT, "sweep", "waiting", work_id=row["id"], seq=1, version=1)
    run.total = 1000
    working.clock.advance(20)
    async with working.database.unit() as unit:
        await run.save(unit, "next", done=200)
    shown = {row["key"]: row["progress"] for row in (await working.page())["work"]}

    began = "2026-11-23T12:00:00Z"
    assert shown["waiting"] == {"done": 200, "total": 1000, "rate": 10.0, "seconds_left": 80, "started_at": began}
    assert shown["due"] is None


def test_progress_has_limits() -> None:
    """An unknown total has no time left; a clock that went back and a total that was too low give none below zero."""
    start = FakeClock().now()
    early = progress(10, 5, start + timedelta(hours=1), start)

    assert progress(10, None, start, start + timedelta(seconds=5)).seconds_left is None
    assert progress(0, 5, start, start).seconds_left is None
    assert (early.rate, early.seconds_left, early.started_at) == (10.0, 0, start)
