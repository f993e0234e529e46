"""Edits one after another, over a Clover that fails: the order ends as its store says last, with each payment once."""

from random import Random
from typing import Any

import pytest
from tests.integration.orders.conftest import ADA, SETTLE, Orders, in_clover

from clover_sandbox import sales

FAULTS = ["apply_then_drop", "drop_before_apply", "fail_after", "throttle"]
CALLS = [
    ("DELETE", r"/line_items/\w+"),
    ("POST", r"/bulk_line_items$"),
    ("POST", r"/orders/\w+$"),
    ("POST", r"/payments$"),
    ("POST", r"/orders$"),
    ("GET", r"/orders"),
]


def some_order(random: Random, currency: str) -> dict[str, Any]:
    """An order of up to four lines, with tax, shipping and a tip or without, paid in full, in part or not."""
    lines, total = [], 0
    for _ in range(random.randint(1, 4)):
        quantity, price = random.choice([1, 2, 3, 120]), random.randint(0, 900)
        discount = random.choice([0, quantity * price // 3])
        lines.append(
            {
                "sku": f"S{random.randint(0, 4)}",
                "quantity": quantity,
                "unit_price": price,
                "discounts": [{"amount": discount}],
            }
        )
        total += quantity * price - discount
    taxes, shipping, tip = random.choice([0, round(total * 0.19)]), random.choice([0, 499]), random.choice([0, 150])
    total += taxes + shipping + tip
    payments = random.choice([[], [total // 2], [total // 3, total - total // 3], [total]])
    return {
        "number": "#1",
        "currency": currency,
        "lines": lines,
        "taxes": [{"rate": 19, "amount": taxes}],
        "shipping": [{"amount": shipping}],
        "tips": [{"amount": tip}],
        "total": total,
        "payments": [{"amount": each} for each in payments],
        "customer": random.choice([None, ADA, ADA | {"email": "b@x.example"}]),
    }


@pytest.mark.parametrize("seed", range(10))
async def test_an_order_ends_as_its_store_says_last(orders: Orders, seed: int) -> None:
    """Rows, total and payments are those of the last edit that was taken, and nobody has to press Retry."""
    random = Random(seed)
    shop = await orders.connected(random.choice(["us", "eu"]))
    for percent in random.sample([7, 19], random.randint(0, 2)):
        await shop.post("/tax_rates", {"name": f"Tax {percent}", "rate": percent * 100_000})
    last: dict[str, Any] = {}
    for _ in range(random.randint(2, 5)):
        if random.random() < 0.5:
            method, path = random.choice(CALLS)
            orders.clover.fail(random.choice(FAULTS), method=method, path=path, times=random.randint(1, 2))
        body = some_order(random, shop.merchant.currency)
        status, answer = await orders.call("PUT", f"{orders.path(shop, 'o-1')}?edit=true", body)
        assert status in {200, 202, 409}, answer
        if status != 409:
            last = body
        await orders.settle_for(random.choice([0, SETTLE / 3, 4 * SETTLE]))
    await orders.settle_for(12 * SETTLE)

    [made] = in_clover(shop)
    seen = await orders.seen(shop)
    computed = sales.computed_totals(shop.merchant, made.record, shop.merchant.sheets[made.record["id"]]).total
    assert seen["state"] in {"paid", "unpaid"}
    assert made.record["total"] == computed == seen["sums"]["clover"]["total"]
    assert computed in {last["total"], last["total"] - last["tips"][0]["amount"]}
    assert len(made.lines) == len({line["userData"] for line in made.lines})
    assert sum(each["amount"] + each.get("tipAmount", 0) for each in made.payments) == seen["sums"]["clover"]["paid"]
