"""The checks of a merchant's setup: each failing one is a problem with a remedy, and closes by itself."""

from datetime import timedelta
from typing import Any

import pytest
from tests.integration.catalog.conftest import Catalog, Shop

from clover_sandbox.merchant_factory import MerchantSpec
from clover_sandbox.world import DEFAULT_PERMISSIONS
from common.contracts.clover import ObjectChanged
from common.contracts.notifier import RecheckRequested
from common.contracts.problems import Code, ProblemClosed, ProblemOpened

NEEDED = [f"{area}_{letter}" for area in ("INVENTORY", "ORDERS", "PAYMENTS", "CUSTOMERS") for letter in "RW"]


async def checks(catalog: Catalog, shop: Shop) -> dict[str, Any]:
    status, body = await catalog.call("GET", f"/v1/merchants/{shop.id}/setup")
    assert status == 200, body
    return {each["name"]: each for each in body["checks"]}


async def states(catalog: Catalog, shop: Shop) -> dict[str, str]:
    return {name: each["state"] for name, each in (await checks(catalog, shop)).items()}


async def recheck(catalog: Catalog, shop: Shop, code: Code) -> None:
    await catalog.deliver(RecheckRequested(merchant_id=shop.id, code=code))
    await catalog.run_until_idle()


async def opened(catalog: Catalog) -> list[Code]:
    return [event.code for event in await catalog.emitted(ProblemOpened)]


async def closed(catalog: Catalog) -> list[Code]:
    return [event.code for event in await catalog.emitted(ProblemClosed)]


def set_properties(catalog: Catalog, shop: Shop, **properties: Any) -> None:
    catalog.clover.world.merchants[shop.id].properties.update(properties)


async def test_a_good_setup_has_no_problem(catalog: Catalog) -> None:
    """All is checked when the merchant is connected, and webhooks are unknown until some had time to arrive."""
    shop = await catalog.set_up()
    assert await states(catalog, shop) == {
        **dict.fromkeys(("token", "permissions", "track_stock", "update_stock", "currency"), "ok"),
        **dict.fromkeys(("webhooks", "order_type", "tender"), "unknown"),
    }
    assert await opened(catalog) == []
    assert not catalog.clover.journal.writes_applied


@pytest.mark.parametrize("missing", NEEDED)
async def test_each_permission_is_probed(catalog: Catalog, missing: str) -> None:
    """A missing one is named; with the permission the problem closes by itself. Nothing is changed by the probes."""
    merchant, token = catalog.clover.world.add_merchant(MerchantSpec(), DEFAULT_PERMISSIONS - {missing}, None)
    shop = Shop(merchant.id, token, "us")
    assert (await catalog.connect(shop))[0] == 201
    await catalog.run_until_idle()
    check = (await checks(catalog, shop))["permissions"]
    assert (check["state"], check["problem"], missing in check["message"]) == ("failed", "permission_missing", True)
    assert check["remedy"]
    problem = next(each for each in await catalog.emitted(ProblemOpened) if each.code == Code.PERMISSION_MISSING)
    assert [missing in each.reason for each in problem.affected] == [True]
    assert not catalog.clover.journal.writes_applied

    shop.token = catalog.clover.world.install(merchant, DEFAULT_PERMISSIONS)
    assert (await catalog.connect(shop))[0] == 200
    await catalog.run_until_idle()
    assert (await states(catalog, shop))["permissions"] == "ok"
    assert Code.PERMISSION_MISSING in await closed(catalog)


async def test_the_token_that_was_saved_last_is_checked(catalog: Catalog) -> None:
    """Clover accepts the token of before as well, and the worker still has its grant."""
    shop = await catalog.set_up()
    merchant = catalog.clover.world.merchants[shop.id]
    shop.token = catalog.clover.world.install(merchant, {"MERCHANT_R", "INVENTORY_R"})
    assert (await catalog.connect(shop))[0] == 200
    await catalog.run_until_idle()
    assert (await states(catalog, shop))["permissions"] == "failed"
    assert await opened(catalog) == [Code.PERMISSION_MISSING]


@pytest.mark.parametrize(
    ("properties", "check", "code"),
    [
        ({"trackStock": False}, "track_stock", Code.TRACK_STOCK_OFF),
        ({"updateStock": None}, "update_stock", Code.UPDATE_STOCK_OFF),
        ({"defaultCurrency": "CAD"}, "currency", Code.CURRENCY_CHANGED),
    ],
)
async def test_a_property_that_changes_is_a_problem(
    catalog: Catalog, properties: dict[str, Any], check: str, code: Code
) -> None:
    """Noticed by Clover's webhook about the merchant, or after hours; it closes on Check again, or by itself."""
    shop = await catalog.set_up()
    right = dict(catalog.clover.world.merchants[shop.id].properties)
    set_properties(catalog, shop, **properties)
    await catalog.deliver(ObjectChanged(merchant_id=shop.id, kind="M", object_id=shop.id, action="UPDATE", sent_at=1))
    await catalog.run_until_idle()
    assert (await states(catalog, shop))[check] == "failed"
    assert await opened(catalog) == [code]
    await recheck(catalog, shop, code)
    assert await opened(catalog) == [code]
    set_properties(catalog, shop, **{name: right[name] for name in properties})
    await recheck(catalog, shop, code)
    assert await closed(catalog) == [code]

    set_properties(catalog, shop, **properties)
    catalog.clock.advance(6 * 3600)
    await catalog.run_until_idle()
    assert await opened(catalog) == [code, code]
    set_properties(catalog, shop, **{name: right[name] for name in properties})
    catalog.clock.advance(30)
    await catalog.run_until_idle()
    assert await closed(catalog) == [code, code]


async def test_webhooks_that_do_not_come_are_a_problem_until_one_does(catalog: Catalog) -> None:
    """A quiet merchant's are provoked by a change that nobody sees; the next webhook closes the problem."""
    shop = await catalog.set_up()
    catalog.clock.advance(330)
    await catalog.run_until_idle()
    groups = catalog.clover.world.merchants[shop.id].objects["modifier_groups"]
    assert "POST modifier_groups" in catalog.calls()
    assert list(groups) == []
    assert (await states(catalog, shop))["webhooks"] == "unknown"
    catalog.clock.advance(330)
    await catalog.run_until_idle()
    assert (await states(catalog, shop))["webhooks"] == "failed"
    assert await opened(catalog) == [Code.WEBHOOKS_MISSING]

    await catalog.hear(shop, "0123456789ABC")
    assert (await states(catalog, shop))["webhooks"] == "ok"
    assert await closed(catalog) == [Code.WEBHOOKS_MISSING]


async def test_a_webhook_that_comes_is_proof_enough(catalog: Catalog) -> None:
    """A merchant whose webhooks arrive is not touched."""
    shop = await catalog.set_up()
    await catalog.hear(shop, "0123456789ABC")
    catalog.clock.advance(330)
    await catalog.run_until_idle()
    assert (await states(catalog, shop))["webhooks"] == "ok"
    assert "POST modifier_groups" not in catalog.calls()


async def test_a_provoking_change_that_was_left_behind_is_removed(catalog: Catalog) -> None:
    """A process that ends in between leaves a group, which the next one deletes with its own."""
    shop = await catalog.set_up()
    catalog.clover.faults.add({"kind": "fail_before", "method": "DELETE", "path": "modifier_groups", "times": 1})
    for _ in range(3):
        catalog.clock.advance(330)
        await catalog.run_until_idle()
    catalog.clock.advance(25 * 3600)
    await catalog.run_until_idle()
    assert list(catalog.clover.world.merchants[shop.id].objects["modifier_groups"]) == []


async def test_a_merchant_can_forbid_the_provoking_change(catalog: Catalog) -> None:
    """Whether webhooks arrive is then known from those that come alone."""
    shop = await catalog.set_up()
    change = {"settings": {"provoke_webhooks": False}}
    status, body = await catalog.call("PATCH", f"/v1/merchants/{shop.id}", change)
    assert (status, body["settings"]["provoke_webhooks"]) == (200, False)
    catalog.clock.advance(330)
    await catalog.run_until_idle()
    assert "POST modifier_groups" not in catalog.calls()
    assert (await states(catalog, shop))["webhooks"] == "unknown"


async def test_a_token_that_clover_refuses_fails_its_check(catalog: Catalog) -> None:
    """The other checks keep what they found, and the access is looked into."""
    shop = await catalog.set_up()
    catalog.clover.world.merchants[shop.id].installed = False
    await recheck(catalog, shop, Code.PERMISSION_MISSING)
    found = await checks(catalog, shop)
    assert (found["token"]["state"], found["token"]["problem"]) == ("failed", "connection_lost")
    assert found["permissions"]["state"] == "ok"
    assert (await catalog.call("GET", f"/v1/merchants/{shop.id}"))[1]["access_lost_at"]


@pytest.mark.parametrize("fault", ["fail_before", "malformed", "throttle"])
async def test_a_failing_clover_is_no_finding(catalog: Catalog, fault: str) -> None:
    """A check that cannot be made says nothing about the setup, and is made later."""
    shop = await catalog.set_up()
    set_properties(catalog, shop, trackStock=False)
    catalog.clover.faults.add({"kind": fault})
    await recheck(catalog, shop, Code.TRACK_STOCK_OFF)
    assert (await states(catalog, shop))["track_stock"] == "ok"
    catalog.clover.faults.clear()
    for _ in range(3):
        catalog.clock.advance(60)
        await catalog.run_until_idle()
    assert (await states(catalog, shop))["track_stock"] == "failed"


async def test_a_disconnected_merchant_has_no_setup(catalog: Catalog) -> None:
    """Its problems close, as nothing is to be set up; the next connection checks anew."""
    shop = await catalog.set_up()
    set_properties(catalog, shop, trackStock=False)
    await recheck(catalog, shop, Code.TRACK_STOCK_OFF)
    await catalog.call("DELETE", f"/v1/merchants/{shop.id}")
    await catalog.run_until_idle()
    assert await closed(catalog) == [Code.TRACK_STOCK_OFF]
    assert (await catalog.call("GET", f"/v1/merchants/{shop.id}/setup"))[0] == 404


@pytest.mark.parametrize(("code", "check"), [(Code.ORDER_TYPE_MISSING, "order_type"), (Code.TENDER_MISSING, "tender")])
async def test_what_orders_misses_is_shown_too(catalog: Catalog, code: Code, check: str) -> None:
    """Orders looks for it when an order needs it; its problem says so, also when its reports overtake one another."""
    shop = await catalog.connected()
    at = catalog.clock.now()
    opened = ProblemOpened(merchant_id=shop.id, code=code, waiting=1, opened_at=at, revision=1, affected=[])
    await catalog.deliver(opened)
    found = (await checks(catalog, shop))[check]
    assert (found["state"], found["problem"], bool(found["remedy"])) == ("failed", code, True)
    await catalog.deliver(ProblemClosed(merchant_id=shop.id, code=code, resumed_count=1, opened_at=at))
    await catalog.deliver(opened)
    assert (await states(catalog, shop))[check] == "ok"
    await recheck(catalog, shop, Code.PERMISSION_MISSING)
    assert (await states(catalog, shop))[check] == "ok"
    await catalog.deliver(opened.model_copy(update={"opened_at": at + timedelta(hours=1)}))
    assert (await states(catalog, shop))[check] == "failed"
