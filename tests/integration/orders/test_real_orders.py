"""Orders as the stores of `tests/data/real_orders.json` make them end in Clover to the cent, as paid as there."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.integration.orders.conftest import Orders, in_clover
from tests.integration.orders.test_real_shops import put, recalculated
from tests.support.clover import Shop

CASES = json.loads((Path(__file__).parents[2] / "data" / "real_orders.json").read_text())


async def opened(orders: Orders, case: dict[str, Any]) -> Shop:
    """A merchant of the case's region and currency, with its tax rates."""
    shop = await orders.connected(case["region"])
    if "currency" in case:
        shop.till("edit_properties", defaultCurrency=case["currency"])
        await orders.reconnect(shop)
    for percent in case["rates"]:
        await shop.post("/tax_rates", {"name": f"Tax {percent}", "rate": round(percent * 100_000)})
    return shop


@pytest.mark.parametrize("has_rates", [True, False], ids=["rates", "no rates"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
async def test_an_order_ends_as_in_its_store(orders: Orders, case: dict[str, Any], *, has_rates: bool) -> None:
    """A device computes the store's total and tax; what was paid is recorded, and what is left to do is said."""
    expected = case["expected"]
    shop = await opened(orders, case if has_rates else case | {"rates": []})
    status, answer = await put(orders, shop, case["body"])
    assert status == 202, answer
    await orders.run_until_idle()
    seen, [made] = await orders.seen(shop), in_clover(shop)
    assert (seen["state"], made.record["total"], recalculated(shop)) == (
        expected["state"],
        expected["total"],
        expected["total"],
    )
    if expected["total"]:
        assert made.record["paymentState"] == expected["payment_state"]
    tips = sum(each["tipAmount"] for each in made.payments)
    assert (sum(each["amount"] for each in made.payments) + tips, tips) == (expected["paid"], expected["tip"])
    said = " ".join(seen["notices"])
    assert all(each in said for each in expected["notices"]), said
    if has_rates:
        sums = seen["sums"]
        assert "has no tax rates" not in said
        assert sums["rounding"] == expected["rounding"], "rounding makes any total exact, also that of wrong prices"
        assert abs(sums["clover"]["tax"] - sums["store"]["tax"]) <= 1
    assert (await put(orders, shop, case["body"]))[0] == 200
