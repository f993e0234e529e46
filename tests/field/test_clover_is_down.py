"""Users met: with Clover answering 500, the page said "All is well" for about eight minutes."""

from datetime import timedelta

import pytest
from tests.integration.catalog.conftest import Catalog, catalog, changed, limits
from tests.integration.orders.conftest import Orders, orders
from tests.support.service import Harness

from common.contracts.problems import Code, ProblemClosed, ProblemOpened

__all__ = ["catalog", "changed", "limits", "orders"]

MINUTE = timedelta(minutes=1)


async def reported(service: Harness) -> ProblemOpened:
    """Work, second by second, until a problem opens, for a minute at most."""
    began = service.clock.now()
    while service.clock.now() - began < MINUTE:
        await service.run_until_idle()
        if found := await service.emitted(ProblemOpened):
            return found[0]  # type: ignore[no-any-return]
        service.clock.advance(1)
    raise AssertionError("nothing is reported within a minute")


@pytest.mark.parametrize("warm", [False, True])
async def test_a_new_order_reports_it(orders: Orders, warm: bool) -> None:
    """Whether orders went through before or not, a minute without Clover is reported, once; its return closes it."""
    shop = await orders.connected()
    if warm:
        await orders.put(shop, "o-0")
        await orders.run_until_idle()
    orders.clover.fail("fail_before")
    for number in range(1, 30):
        await orders.put(shop, f"o-{number}")

    assert (await reported(orders)).code is Code.CLOVER_UNREACHABLE
    orders.clover.sandbox.faults.clear()
    await orders.settle_for(300)
    assert [each.code for each in await orders.emitted(ProblemClosed)] == [Code.CLOVER_UNREACHABLE]


async def test_a_new_product_reports_it(catalog: Catalog) -> None:
    """A product that waits for Clover is reported with the time of its first failure."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": "fail_before"})
    began = catalog.clock.now()
    await catalog.put(shop)
    problem = await reported(catalog)

    assert problem.code is Code.CLOVER_UNREACHABLE
    assert problem.failing_since is not None
    assert problem.failing_since - began < timedelta(seconds=5)
