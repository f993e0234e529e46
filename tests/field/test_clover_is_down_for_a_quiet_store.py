"""Users met: with Clover answering 500, the page of a store without due work said "All is well"."""

from datetime import timedelta
from typing import Any

import pytest
from tests.integration.catalog.conftest import Catalog, catalog, limits
from tests.integration.notifier.conftest import MERCHANT, Notifier, directory, notifier, postbox

from catalog.store import outages as store
from catalog.sync import outages
from catalog.sync.outages import OutageWatch
from common.clover.transport import Unread
from common.contracts.problems import Code, ProblemClosed, ProblemOpened
from common.errors import Unavailable

__all__ = ["catalog", "directory", "limits", "notifier", "postbox"]

MINUTE = timedelta(minutes=1)


@pytest.fixture
def changed() -> dict[str, Any]:
    """No sweep comes by in these tests."""
    return {"item_sweep_seconds": 3600.0}


async def watch(catalog: Catalog, seconds: float, keeper: OutageWatch) -> None:
    """Keep the watch for so long."""
    until = catalog.clock.now() + timedelta(seconds=seconds)
    while catalog.clock.now() < until:
        await keeper.look()
        catalog.clock.advance(1)


async def opened(catalog: Catalog) -> list[ProblemOpened]:
    return [each for each in await catalog.emitted(ProblemOpened) if each.code is Code.CLOVER_UNREACHABLE]


@pytest.mark.parametrize("stores", [1, 5])
async def test_every_store_of_the_region_learns_of_it_within_a_minute(catalog: Catalog, stores: int) -> None:
    """Each is informed since when, and again when Clover answers; a store of another region hears nothing."""
    shops = [await catalog.connected() for _ in range(stores)]
    elsewhere = await catalog.connected("eu")
    keeper = OutageWatch(catalog.service.deps)
    await watch(catalog, 30, keeper)
    for shop in shops:
        catalog.clover.faults.add({"kind": "fail_before", "status": 500, "merchant": shop.id})
    began = catalog.clock.now()
    await watch(catalog, 60, keeper)

    problems = await opened(catalog)
    assert sorted(each.merchant_id for each in problems) == sorted(each.id for each in shops)
    assert elsewhere.id not in {each.merchant_id for each in problems}
    assert all(began <= each.failing_since <= began + MINUTE for each in problems if each.failing_since)
    assert {each.waiting for each in problems} == {0}
    catalog.clover.faults.clear()
    await watch(catalog, 60, keeper)
    closed = await catalog.emitted(ProblemClosed)
    assert sorted((each.merchant_id, each.opened_at) for each in closed) == sorted(
        (each.merchant_id, each.opened_at) for each in problems
    )


async def test_the_watch_costs_calls_by_region_and_none_while_others_are_answered(catalog: Catalog) -> None:
    """Twelve stores cost as many calls as one, and every store is asked in its turn."""
    shops = [await catalog.connected() for _ in range(12)]
    keeper = OutageWatch(catalog.service.deps)
    await watch(catalog, 20, keeper)
    catalog.clover.journal.forget()
    await watch(catalog, 150, keeper)
    asked = [each.merchant_id for each in catalog.clover.journal.since(0)]
    assert 5 <= len(asked) <= 11
    assert len(set(asked)) == len(asked)

    catalog.clover.journal.forget()
    for _ in range(10):
        async with catalog.service.deps.clover.session(shops[0].id) as api:
            await api.post("items", {"name": "Mug", "price": 100}, Unread)
        await watch(catalog, 10, keeper)
    assert {each.method for each in catalog.clover.journal.since(0)} == {"POST"}


async def test_an_outage_is_reported_once_by_several_replicas(catalog: Catalog) -> None:
    """One process keeps the watch at a time; the next one does not report again what is known."""
    shop = await catalog.connected()
    first, second = OutageWatch(catalog.service.deps), OutageWatch(catalog.service.deps)
    catalog.clover.faults.add({"kind": "fail_before", "merchant": shop.id})
    for _ in range(60):
        await first.look()
        await second.look()
        catalog.clock.advance(1)
    await catalog.fetch("DELETE FROM lease")
    await watch(catalog, 40, second)
    assert len(await opened(catalog)) == 1

    catalog.clover.faults.clear()
    await watch(catalog, 40, second)
    assert len(await catalog.emitted(ProblemClosed)) == 1


async def test_many_stores_are_informed_in_portions(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """No transaction has an event for each of all merchants, and a process that ends in between loses none."""
    monkeypatch.setattr(outages, "PORTION", 2)
    shops = [await catalog.connected() for _ in range(5)]
    for shop in shops:
        catalog.clover.faults.add({"kind": "fail_before", "merchant": shop.id})
    save, portions = store.save_informed, list[str | None]()

    async def save_once(unit: Any, informing: Any, last: str | None) -> None:
        portions.append(last)
        if len(portions) in {2, 6}:
            raise Unavailable("the process ends")
        await save(unit, informing, last)

    monkeypatch.setattr(store, "save_informed", save_once)
    with pytest.raises(Unavailable):
        await watch(catalog, 60, OutageWatch(catalog.service.deps))
    assert len(await opened(catalog)) == 2
    await catalog.fetch("DELETE FROM lease")
    keeper = OutageWatch(catalog.service.deps)
    await watch(catalog, 30, keeper)
    problems = await opened(catalog)
    assert sorted(each.merchant_id for each in problems) == sorted(each.id for each in shops)

    catalog.clover.faults.clear()
    with pytest.raises(Unavailable):
        await watch(catalog, 40, keeper)
    await watch(catalog, 20, keeper)
    assert {(each.merchant_id, each.opened_at) for each in await catalog.emitted(ProblemClosed)} == {
        (each.merchant_id, each.opened_at) for each in problems
    }
    assert len(portions) == 3 + 1 + 3 + 1


async def test_a_refusal_is_an_answer(catalog: Catalog) -> None:
    """A store that revoked our access, or a 429, says nothing against Clover."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": "unauthorized", "merchant": shop.id})
    await watch(catalog, 90, OutageWatch(catalog.service.deps))

    assert await opened(catalog) == []


async def test_the_page_says_so(notifier: Notifier) -> None:
    """It says that Clover does not respond, since when, and that nothing is lost; afterwards that all is well."""
    since = notifier.clock.now() - timedelta(seconds=40)
    about: dict[str, Any] = {"merchant_id": MERCHANT, "code": Code.CLOVER_UNREACHABLE, "opened_at": since}
    await notifier.deliver(ProblemOpened(**about, waiting=0, revision=1, affected=[], failing_since=since))
    _, page = await notifier.log_in()
    assert "responding" in page
    assert "Nothing is lost" in page
    assert f'datetime="{since.isoformat()}"' in page
    assert "All is well" not in page

    await notifier.deliver(ProblemClosed(**about, resumed_count=0))
    _, page = await notifier.log_in()
    assert "All is well" in page
