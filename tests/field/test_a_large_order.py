"""Users met: an order of 461 kB that its schema allows was answered 413, although 8 MiB were named."""

import json

import pytest
from tests.integration.orders.conftest import Orders, changed, order, orders

__all__ = ["changed", "orders"]


@pytest.mark.parametrize("letter", ["x", "\u00e9", "\N{SOCKS}", '"', "\\"])
async def test_the_largest_order_is_taken(orders: Orders, letter: str) -> None:
    """As many lines with names as long as the schema allows, in any letters and any escaping."""
    shop = await orders.connected()
    lines = [
        {"sku": f"{number:03}" + letter * 97, "name": letter * 255, "quantity": 5, "unit_price": 1}
        for number in range(500)
    ]
    customer = dict.fromkeys(("first_name", "last_name", "email", "phone"), letter * 255)
    status, body = await orders.put(shop, lines=lines, total=2500, customer=customer)
    assert (status, body.get("errors")) == (202, None)


async def test_a_larger_body_is_refused_with_the_real_limit(orders: Orders) -> None:
    """The refusal names the limit of this address, and a body below it is not refused for its size."""
    shop = await orders.connected()
    status, body = await orders.call("PUT", orders.path(shop, "o-1"), order(shop) | {"number": "x" * 40_000_000})
    limit = int("".join(filter(str.isdigit, body["detail"])))
    padded = limit - len(json.dumps(order(shop) | {"number": ""}))
    nearly, _ = await orders.call("PUT", orders.path(shop, "o-1"), order(shop) | {"number": "x" * padded})

    assert (status, nearly) == (413, 422)
