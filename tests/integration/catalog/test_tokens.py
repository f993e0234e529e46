"""OAuth tokens are refreshed in time, once each: by any number of replicas, and when answers are lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import pytest
from tests.integration.catalog.conftest import Catalog, Shop
from tests.support.eventually import eventually
from tests.support.service import serving

from catalog.app import build
from catalog.clover.oauth import OAuthClient, TokenRefused
from catalog.domain.oauth import OAuthApp, Tokens
from catalog.kinds import REFRESH_TOKENS, TOKENS
from catalog.sealing import Secret, open_sealed
from catalog.settings import Settings
from catalog.store import tokens
from common.clover.transport import Unread
from common.contracts.catalog import MerchantConnected
from common.contracts.notifier import RecheckRequested
from common.contracts.problems import Code, ProblemClosed, ProblemOpened
from common.db.unit import Connection

DUE = 1500
"""Seconds after which 80 % of a token's half hour are over, and a minute for a slow machine: Clover's clock runs on."""


def refreshes(catalog: Catalog, path: str = "/oauth/v2/refresh") -> int:
    return sum(entry.path == path for entry in catalog.clover.journal.since(0))


async def expire(catalog: Catalog, seconds: float = DUE) -> None:
    """Let time pass, for Clover as well, and do the work that is due."""
    catalog.clock.advance(seconds)
    catalog.clover.world.clock.advance(seconds)
    await catalog.run_until_idle()


async def works(catalog: Catalog, shop: Shop) -> bool:
    """Whether Clover accepts the stored access token."""
    [row] = await catalog.fetch("SELECT sealed_token FROM connection WHERE merchant_id = $1", shop.id)
    text = open_sealed(catalog.service.deps.sealer, Secret.TOKEN, shop.id, row["sealed_token"])
    token = catalog.clover.world.token_for(text)
    return token is not None and token.merchant_id == shop.id


async def is_used(catalog: Catalog) -> bool:
    """Whether Clover has seen a refresh token."""
    return any(held.used for held in catalog.clover.oauth.refreshes.values())


async def refused(catalog: Catalog, shop: Shop) -> dict[str, str]:
    """Ask for a grant; return why the merchant has none."""
    asked = {"merchants": [{"merchant_id": shop.id}], "holder": "0" * 8 + "-0000-4000-8000-" + "0" * 12, "service": "x"}
    _, lent = await catalog.call("POST", "/internal/grants", asked, internal=True)
    return dict(lent["refused"])


async def test_tokens_are_refreshed_again_and_again(catalog: Catalog) -> None:
    """Not before 70 % of their life, and before they expire; work goes on with the new ones."""
    shop = await catalog.connected_by_oauth()
    await expire(catalog, 1250)
    assert refreshes(catalog) == 0
    for number in range(1, 5):
        await expire(catalog, DUE - 1250 if number == 1 else DUE)
        assert refreshes(catalog) == number
        assert await works(catalog, shop)
    await catalog.put(shop)
    assert await catalog.synced(shop)


async def test_a_clock_ahead_of_clovers_takes_no_token_for_expired(catalog: Catalog) -> None:
    """The life of a token counts by the clock that issued it; else each would be refreshed as soon as it came."""
    catalog.clock.advance(3600)
    shop = await catalog.connected_by_oauth()
    assert refreshes(catalog) == 0
    await expire(catalog)
    assert refreshes(catalog) == 1
    assert await works(catalog, shop)


async def test_a_token_that_expires_at_once_is_not_refreshed_without_a_pause(catalog: Catalog) -> None:
    """Without Clover's Date there is nothing to compare the clocks by: a refresh follows after a pause."""
    catalog.clover.switches.set({"date_header": "absent"})
    catalog.clock.advance(3600)
    await catalog.connected_by_oauth()
    await expire(catalog, 6)
    assert refreshes(catalog) == 1


@pytest.mark.parametrize("recovery", ["offered", "unannounced"])
@pytest.mark.parametrize("fault", ["apply_then_drop", "fail_after", "truncate", "malformed"])
async def test_a_lost_answer_is_recovered(catalog: Catalog, fault: str, recovery: str) -> None:
    """Clover has rotated the pair and the answer did not arrive: the next attempt gets the pair in recovery."""
    shop = await catalog.connected_by_oauth()
    catalog.clover.switches.set({"refresh_recovery": recovery})
    catalog.clover.faults.add({"kind": fault, "path": "/oauth/v2/refresh", "times": 1})
    await expire(catalog)
    await expire(catalog, 30)
    assert (refreshes(catalog), refreshes(catalog, "/oauth/v2/recovery")) == (2, 1)
    assert await works(catalog, shop)
    assert await catalog.emitted(ProblemOpened) == []
    await expire(catalog)
    assert refreshes(catalog) == 3


@pytest.mark.parametrize("fault", ["fail_before", "drop_before_apply", "throttle"])
async def test_a_refresh_that_clover_never_saw_is_repeated(catalog: Catalog, fault: str) -> None:
    """The same token is sent again, and no recovery is needed."""
    shop = await catalog.connected_by_oauth()
    catalog.clover.faults.add({"kind": fault, "path": "/oauth/v2/refresh", "times": 2})
    await expire(catalog)
    await expire(catalog, 60)
    await expire(catalog, 60)
    assert refreshes(catalog, "/oauth/v2/recovery") == 0
    assert await works(catalog, shop)


async def test_a_process_killed_during_a_refresh_loses_nothing(catalog: Catalog) -> None:
    """The next process does not know whether the token was used: it sends it again, and recovers the pair."""
    shop = await catalog.connected_by_oauth()
    catalog.clover.faults.add({"kind": "delay", "ms": 60_000, "when": "after", "path": "/oauth/v2/refresh", "times": 1})
    catalog.clock.advance(DUE)
    running = asyncio.create_task(catalog.run_until_idle())
    await eventually(lambda: is_used(catalog))
    await catalog.kill_worker(shop)
    running.cancel()
    catalog.clock.advance(60)
    await catalog.run_until_idle()
    assert refreshes(catalog, "/oauth/v2/recovery") == 1
    assert await works(catalog, shop)


async def test_a_process_that_lost_its_lease_sends_no_refresh_token(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stood still before the call, so another process may refresh by now: the token is sent once, by that one."""
    shop = await catalog.connected_by_oauth()
    note_sent, sent = tokens.note_sent, []

    async def stalls(conn: Connection, merchant_id: str, tokens_id: UUID, now: datetime) -> bool:
        is_noted = await note_sent(conn, merchant_id, tokens_id, now)
        sent.append(refreshes(catalog, "/oauth/v2/refresh"))
        if len(sent) == 1:
            catalog.clock.advance(60)
        return is_noted

    monkeypatch.setattr(tokens, "note_sent", stalls)
    catalog.clock.advance(DUE)
    await catalog.run_until_idle()
    catalog.clock.advance(60)
    await catalog.run_until_idle()
    assert sent == [0, 0]
    assert refreshes(catalog, "/oauth/v2/refresh") == 1
    assert await works(catalog, shop)


async def test_a_lost_connection_is_reported_and_resumes_after_reconnecting(catalog: Catalog) -> None:
    """The access token serves until it expires; then the work is held, until a person connects the merchant again."""
    shop = await catalog.connected_by_oauth()
    catalog.clover.switches.set({"refresh_recovery": "absent"})
    catalog.clover.faults.add({"kind": "apply_then_drop", "path": "/oauth/v2/refresh", "times": 1})
    await expire(catalog)
    await expire(catalog, 30)
    [opened] = await catalog.emitted(ProblemOpened)
    assert (opened.code, opened.waiting) == (Code.CONNECTION_LOST, 1)
    assert [(each.subject, "any more" in each.reason) for each in opened.affected] == [("Sign-in to Clover", True)]
    await catalog.put(shop)
    assert await catalog.synced(shop)

    await expire(catalog, 600)
    assert await refused(catalog, shop) == {shop.id: "not_connected"}
    await catalog.put(shop, name="Big mug")
    await catalog.run_until_idle()
    assert (await catalog.product(shop))["sync"]["problem"] == Code.CONNECTION_LOST
    asked = refreshes(catalog)
    await expire(catalog, 3600)
    assert refreshes(catalog) == asked

    await catalog.connect_by_oauth(shop)
    await catalog.run_until_idle()
    assert (await catalog.product(shop))["sync"]["state"] == "synced"
    [closed] = await catalog.emitted(ProblemClosed)
    assert closed.code == Code.CONNECTION_LOST
    await expire(catalog)
    assert await works(catalog, shop)


async def test_a_refusal_that_clover_takes_back_ends_by_a_recheck(catalog: Catalog) -> None:
    """Check again tries the same token; when Clover accepts it, all services hear that they may go on."""
    shop = await catalog.connected_by_oauth()
    catalog.clover.faults.add({"kind": "unauthorized", "path": "/oauth/v2/refresh", "times": 1})
    catalog.clover.faults.add({"kind": "unauthorized", "path": "/oauth/v2/recovery"})
    await expire(catalog)
    assert len(await catalog.emitted(ProblemOpened)) == 1
    catalog.clover.faults.clear()
    await catalog.deliver(RecheckRequested(merchant_id=shop.id, code=Code.CONNECTION_LOST))
    await catalog.run_until_idle()
    assert await works(catalog, shop)
    assert len(await catalog.emitted(ProblemClosed)) == 1
    first, second = await catalog.emitted(MerchantConnected)
    assert second.version > first.version


async def test_work_waits_for_a_late_refresh_and_is_not_held(catalog: Catalog) -> None:
    """While Clover issues no tokens, an expired one is no reason to ask a person."""
    shop = await catalog.connected_by_oauth()
    catalog.clover.faults.add({"kind": "fail_before", "path": "/oauth/"})
    await expire(catalog)
    await expire(catalog, 400)
    assert await refused(catalog, shop) == {shop.id: "renewing"}
    await catalog.put(shop)
    await catalog.run_until_idle()
    assert (await catalog.product(shop))["sync"]["problem"] is None
    catalog.clover.faults.clear()
    await expire(catalog, 300)
    await expire(catalog, 60)
    assert await catalog.synced(shop)


async def test_a_grant_ends_with_its_token(catalog: Catalog) -> None:
    """Nobody keeps a token beyond its life."""
    shop = await catalog.connected_by_oauth()
    catalog.clock.advance(1790)
    asked = {"merchants": [{"merchant_id": shop.id}], "holder": "0" * 8 + "-0000-4000-8000-" + "0" * 12, "service": "x"}
    _, lent = await catalog.call("POST", "/internal/grants", asked, internal=True)
    assert [grant["expires_in"] < 11 for grant in lent["grants"]] == [True]


async def test_a_process_with_the_old_token_goes_on_with_the_new_one(catalog: Catalog) -> None:
    """Clover may end the access token with the refresh: a call that is refused for it is made again at once."""
    catalog.clover.switches.set({"refresh_ends_access": "yes"})
    shop = await catalog.connected_by_oauth()
    async with catalog.service.deps.clover.session(shop.id) as api:
        await api.get("", Unread)
        await catalog.fetch("UPDATE connection SET refresh_at = $1", catalog.clock.now())
        async with catalog.service.database.unit() as unit:
            unit.mark(REFRESH_TOKENS, shop.id, TOKENS)
        await catalog.run_until_idle()
        catalog.clover.journal.forget()
        await api.get("", Unread)
        async with api.reserve(2) as pair:
            await pair.get("", Unread)
            await pair.get("properties", Unread)
    assert [entry.status for entry in catalog.clover.journal.since(0)] == [401, 200, 200, 200]


@pytest.mark.parametrize("is_refused", [False, True])
async def test_a_refresh_leaves_the_tokens_of_a_new_connection(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, *, is_refused: bool
) -> None:
    """A person connects the merchant again while a refresh is under way: what it learns is about the former tokens."""
    shop = await catalog.connected_by_oauth()
    refresh = OAuthClient.refresh
    newer: list[Any] = []

    async def overtaken(client: OAuthClient, app: OAuthApp, token: str) -> Tokens:
        pair = await refresh(client, app, token)
        if not newer:
            await catalog.connect_by_oauth(shop)
            newer.extend(await catalog.fetch("SELECT tokens_id, sealed_token FROM connection"))
            if is_refused:
                raise TokenRefused("used before")
        return pair

    monkeypatch.setattr(OAuthClient, "refresh", overtaken)
    await expire(catalog)
    assert newer
    assert await catalog.fetch("SELECT tokens_id, sealed_token FROM connection WHERE lost_at IS NULL") == newer
    assert await works(catalog, shop)


async def connected(catalog: Catalog, number: int) -> list[Shop]:
    shops = [catalog.shop() for _ in range(number)]
    await asyncio.gather(*(catalog.connect_by_oauth(each) for each in shops))
    await catalog.fetch("DELETE FROM work WHERE kind = 'check_setup'")
    await catalog.run_until_idle()
    return shops


class TestThreeReplicas:
    """Three replicas of catalog share the work, and fifty merchants' tokens expire at once."""

    @pytest.fixture
    async def replicas(self, catalog: Catalog) -> AsyncIterator[list[Catalog]]:
        settings = cast("Settings", catalog.service.settings)
        async with AsyncExitStack() as stack:
            others = []
            for _ in range(2):
                service = build(settings, clock=catalog.clock)
                http = await stack.enter_async_context(serving(service))
                others.append(Catalog(service, http, catalog.issuer, catalog.clock, catalog.clover))
            yield [catalog, *others]

    async def test_each_token_is_refreshed_once(self, catalog: Catalog, replicas: list[Catalog]) -> None:
        """One refresh call per token, and none is used twice."""
        shops = await connected(catalog, 50)
        catalog.clover.journal.forget()
        catalog.clock.advance(DUE)
        await asyncio.gather(*(each.run_until_idle() for each in replicas))
        assert refreshes(catalog) == 50
        assert [entry.status for entry in catalog.clover.journal.since(0) if "oauth" in entry.path] == [200] * 50
        assert all([await works(catalog, shop) for shop in shops])

    async def test_every_merchant_stays_connected_when_answers_are_lost(
        self, catalog: Catalog, replicas: list[Catalog]
    ) -> None:
        """Half of the answers are lost, some several times in a row."""
        shops = await connected(catalog, 50)
        catalog.clover.faults.add({"kind": "apply_then_drop", "path": "/oauth/v2/refresh", "probability": 0.5})
        catalog.clock.advance(DUE)
        for attempt in range(6):
            await asyncio.gather(*(each.run_until_idle() for each in replicas))
            catalog.clock.advance(30)
            if attempt == 3:
                catalog.clover.faults.clear()
        assert all([await works(catalog, shop) for shop in shops])
        assert await catalog.emitted(ProblemOpened) == []
        assert refreshes(catalog) > 50
        lost = "SELECT FROM connection WHERE lost_at IS NOT NULL OR refresh_sent_at IS NOT NULL"
        assert await catalog.fetch(lost) == []
