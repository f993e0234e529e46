"""Each example of docs/mapping.md becomes an order in Clover that is paid to the cent."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.integration.orders.conftest import Orders, in_clover
from tests.integration.orders.test_real_shops import put, recalculated, with_rates

from common.money import exponent

DOCUMENT = Path(__file__).parents[3] / "docs" / "mapping.md"
EXAMPLES: dict[str, dict[str, Any]] = {
    body["channel"]["channel"]: body
    for body in map(json.loads, re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL))
}
REGIONS = {"USD": "us", "EUR": "eu"}
RATES: dict[str, tuple[float, ...]] = {
    "shopify": (4, 4.5, 0.375), "woocommerce": (19,), "vendure": (19, 7), "ebay": (8.875,), "square": (8.5,),
}  # fmt: skip


def minor(amount: int | str, currency: str) -> int:
    """The minor units of an amount that is written as a number of them or as a decimal text."""
    return amount if isinstance(amount, int) else round(float(amount) * 10 ** exponent(currency))


def test_each_store_has_an_example() -> None:
    """A store without rates below would silently not be played."""
    assert set(EXAMPLES) == set(RATES)


@pytest.mark.parametrize("has_rates", [True, False], ids=["rates", "no rates"])
@pytest.mark.parametrize("store", RATES)
async def test_an_example_is_paid_to_the_cent(orders: Orders, store: str, *, has_rates: bool) -> None:
    """A device that opens the order finds the store's total, and the payments cover it exactly."""
    body = EXAMPLES[store]
    currency = body["currency"]
    total = minor(body["total"], currency)
    tip = sum(minor(each["amount"], currency) for each in body.get("tips", []))
    shop = await with_rates(orders, REGIONS[currency], *(RATES[store] if has_rates else ()))
    status, answer = await put(orders, shop, body)
    assert status == 202, answer
    await orders.run_until_idle()
    seen = await orders.seen(shop)
    [made] = in_clover(shop)
    assert (seen["state"], made.record["paymentState"]) == ("paid", "PAID")
    assert (made.record["total"], recalculated(shop)) == (total - tip, total - tip)
    assert sum(each["amount"] + each["tipAmount"] for each in made.payments) == total
    assert seen["sums"]["store"]["paid"] == total
