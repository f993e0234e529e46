"""A merchant whose Clover refuses us: uninstalled, refused for a while, or with a token that ended too soon."""

import pytest
from tests.integration.catalog.conftest import Catalog, Shop

from catalog.clover import connections as clover
from common.clover.transport import MerchantApi
from common.contracts.catalog import MerchantConnected, MerchantDisconnected
from common.contracts.clover import ObjectChanged
from common.contracts.notifier import RecheckRequested
from common.contracts.problems import Code, ProblemClosed, ProblemOpened

DAY = 24 * 3600


async def uninstall(catalog: Catalog, shop: Shop) -> None:
    """Uninstall the app in Clover, which sends its webhook."""
    catalog.clover.world.uninstall(catalog.clover.world.merchants[shop.id])
    await hear_uninstall(catalog, shop)


async def hear_uninstall(catalog: Catalog, shop: Shop) -> None:
    app = catalog.clover.world.app.id
    await catalog.deliver(ObjectChanged(merchant_id=shop.id, kind="A", object_id=app, action="DELETE", sent_at=1))
    await catalog.run_until_idle()


async def hear_lost(catalog: Catalog, shop: Shop) -> None:
    """Let another service report that Clover refuses it."""
    now = catalog.clock.now()
    lost = {"merchant_id": shop.id, "code": Code.CONNECTION_LOST, "waiting": 3, "opened_at": now, "revision": 1}
    await catalog.deliver(ProblemOpened(**lost, affected=[]))
    await catalog.run_until_idle()


async def tokens(catalog: Catalog) -> list[bool]:
    """Whether each connection has its tokens."""
    rows = await catalog.fetch("SELECT sealed_token, sealed_refresh_token FROM connection")
    return [row["sealed_token"] is not None for row in rows]


@pytest.mark.parametrize("way", ["api_token", "oauth"])
async def test_an_uninstalled_app_loses_its_tokens(catalog: Catalog, way: str) -> None:
    """The tokens are erased, the work is held, the address stays for the e-mail; reconnecting resumes all of it."""
    shop = await (catalog.connected() if way == "api_token" else catalog.connected_by_oauth())
    await uninstall(catalog, shop)
    catalog.clock.advance(15)
    await catalog.run_until_idle()
    assert await tokens(catalog) == [False]
    opened = (await catalog.emitted(ProblemOpened))[-1]
    assert opened.code == Code.CONNECTION_LOST
    assert ["uninstalled" in each.reason for each in opened.affected][-1]
    assert (await catalog.call("GET", f"/v1/merchants/{shop.id}"))[1]["access_lost_at"]
    assert (await catalog.call("GET", f"/internal/merchants/{shop.id}/contact", internal=True))[0] == 200
    assert await catalog.emitted(MerchantDisconnected) == []
    await catalog.put(shop)
    await catalog.run_until_idle()
    assert (await catalog.product(shop))["sync"]["problem"] == Code.CONNECTION_LOST

    shop.token = catalog.clover.world.install(catalog.clover.world.merchants[shop.id])
    assert (await catalog.connect(shop))[0] == 200
    assert await catalog.synced(shop)
    assert (await catalog.call("GET", f"/v1/merchants/{shop.id}"))[1]["access_lost_at"] is None
    assert len(await catalog.emitted(ProblemClosed)) == len({each.opened_at for each in await opened_of(catalog)})


async def opened_of(catalog: Catalog) -> list[ProblemOpened]:
    return list(await catalog.emitted(ProblemOpened))


async def test_a_late_webhook_ends_no_connection(catalog: Catalog) -> None:
    """Clover is asked first: the app may have been installed again since."""
    shop = await catalog.connected()
    await hear_uninstall(catalog, shop)
    assert await tokens(catalog) == [True]
    assert await catalog.emitted(ProblemOpened) == []
    catalog.clover.faults.add({"kind": "unauthorized", "times": 10})
    await hear_lost(catalog, shop)
    assert await tokens(catalog) == [True]


async def test_a_refusal_that_passes_resumes_by_itself(catalog: Catalog) -> None:
    """A Clover that refuses everybody by mistake costs nobody the connection, and all services hear of its end."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": "unauthorized"})
    await catalog.put(shop)
    await catalog.run_until_idle()
    await hear_lost(catalog, shop)
    catalog.clock.advance(3600)
    await catalog.run_until_idle()
    assert (await catalog.call("GET", f"/v1/merchants/{shop.id}"))[1]["access_lost_at"]
    assert await tokens(catalog) == [True]

    catalog.clover.faults.clear()
    catalog.clock.advance(400)
    await catalog.run_until_idle()
    assert await catalog.synced(shop)
    assert (await catalog.call("GET", f"/v1/merchants/{shop.id}"))[1]["access_lost_at"] is None
    first, second = await catalog.emitted(MerchantConnected)
    assert second.version > first.version


async def test_a_new_token_ends_a_long_refusal_at_once(catalog: Catalog) -> None:
    """The next question would be half an hour away when the merchant reconnects."""
    shop = await catalog.connected()
    world = catalog.clover.world
    world.uninstall(world.merchants[shop.id])
    await hear_lost(catalog, shop)
    catalog.clock.advance(5 * 3600)
    await catalog.run_until_idle()
    assert await catalog.emitted(ProblemClosed) == []

    shop.token = world.install(world.merchants[shop.id])
    assert (await catalog.connect(shop))[0] == 200
    await catalog.run_until_idle()
    [opened] = {each.opened_at for each in await opened_of(catalog)}
    assert [each.opened_at for each in await catalog.emitted(ProblemClosed)] == [opened]


async def test_a_recheck_asks_about_an_access_that_was_accepted_last(catalog: Catalog) -> None:
    """A service that is refused again for the same reason reports nothing new."""
    shop = await catalog.connected()
    await hear_lost(catalog, shop)
    catalog.clover.faults.add({"kind": "unauthorized"})
    await catalog.deliver(RecheckRequested(merchant_id=shop.id, code=Code.CONNECTION_LOST))
    await catalog.run_until_idle()
    assert (await catalog.call("GET", f"/v1/merchants/{shop.id}"))[1]["access_lost_at"]


async def test_a_lasting_refusal_erases_the_tokens(catalog: Catalog) -> None:
    """After a day of refusals the app counts as uninstalled, without a webhook."""
    shop = await catalog.connected()
    catalog.clover.world.merchants[shop.id].installed = False
    await hear_lost(catalog, shop)
    for _ in range(3):
        catalog.clock.advance(DAY / 3 - 60)
        await catalog.run_until_idle()
        assert await tokens(catalog) == [True]
    catalog.clock.advance(3700)
    await catalog.run_until_idle()
    assert await tokens(catalog) == [False]


async def test_an_access_token_that_ended_too_soon_is_refreshed(catalog: Catalog) -> None:
    """A service that is refused says so; catalog has the means to renew the access, and the work resumes."""
    shop = await catalog.connected_by_oauth()
    catalog.clover.world.revoke_tokens(shop.id, expiring_only=True)
    await hear_lost(catalog, shop)
    catalog.clock.advance(15)
    await catalog.run_until_idle()
    await catalog.put(shop)
    assert await catalog.synced(shop)
    assert len(await catalog.emitted(MerchantConnected)) == 2
    assert await catalog.emitted(ProblemOpened) == []


async def test_a_token_saved_meanwhile_is_not_refused(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person reconnects after Clover refused the old token, and before that is noted: the new one counts as good."""
    shop = await catalog.connected()
    world = catalog.clover.world
    world.uninstall(world.merchants[shop.id])
    clovers_answer = clover.is_accepted

    async def refused_at_last(api: MerchantApi) -> bool:
        is_accepted = await clovers_answer(api)
        if not is_accepted:
            shop.token = world.install(world.merchants[shop.id])
            assert (await catalog.connect(shop))[0] == 200
        return is_accepted

    monkeypatch.setattr(clover, "is_accepted", refused_at_last)
    await hear_uninstall(catalog, shop)
    catalog.clock.advance(15)
    await catalog.run_until_idle()
    assert await tokens(catalog) == [True]
    assert (await catalog.call("GET", f"/v1/merchants/{shop.id}"))[1]["access_lost_at"] is None
    assert await catalog.emitted(ProblemOpened) == []


async def test_refusals_are_not_asked_about_again_and_again(catalog: Catalog) -> None:
    """The own report of a lost access, and those of other services, add no questions to Clover."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": "unauthorized"})
    await hear_lost(catalog, shop)
    asked = len(catalog.calls())
    for _ in range(5):
        await hear_lost(catalog, shop)
    assert len(catalog.calls()) == asked


async def test_the_record_of_personal_data_says_what_is_kept(catalog: Catalog) -> None:
    """Also of a disconnected merchant, with the time of the last request to erase."""
    shop = await catalog.connected()
    path = f"/v1/merchants/{shop.id}"
    _, record = await catalog.call("GET", f"{path}/personal-data")
    assert (record["connected"], record["erase_before"]) == (True, None)
    await catalog.call("DELETE", f"{path}?erase=true")
    status, record = await catalog.call("GET", f"{path}/personal-data")
    assert (status, record["connected"], record["erase_before"] is not None) == (200, False, True)
    assert all(each["when_erased"] and each["when_disconnected"] for each in record["stored"])
    assert (await catalog.call("GET", "/v1/merchants/0000000000000/personal-data"))[0] == 404
    assert (await catalog.call("GET", f"{path}/personal-data", merchants=["0000000000000"]))[0] == 404
