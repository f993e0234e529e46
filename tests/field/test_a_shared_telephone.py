"""Users met: two people with one telephone number, or with 000 000 0000, and the second order bore the first's record.

The e-mail address decides. A number decides only together with the name, and only where there is no address.
"""

from typing import Any

import pytest
from tests.integration.orders.conftest import SETTLE, Orders, changed, in_clover, orders

__all__ = ["changed", "orders"]

ADA: dict[str, Any] = {
    "first_name": "Ada",
    "last_name": "Byron",
    "email": "ada@example.com",
    "phone": "+1 212 555 0100",
}
BOB: dict[str, Any] = {
    "first_name": "Bob",
    "last_name": "Stone",
    "email": "bob@example.com",
    "phone": "+1 212 555 0100",
}


async def customers_of(orders: Orders, shop: Any, *customers: dict[str, Any]) -> list[Any]:
    """Send an order for each customer, one after another, and return the customer ids on them in Clover."""
    for number, customer in enumerate(customers):
        await orders.put(shop, f"o-{number}", customer=customer)
        await orders.run_until_idle()
    return [one for each in in_clover(shop) for one in (each.customers or ["none"])]


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        (ADA, BOB, False),
        (ADA, BOB | {"phone": "(212) 555-0100"}, False),
        (ADA | {"phone": "000 000 0000"}, BOB | {"phone": "0000000000"}, False),
        (ADA, ADA | {"email": "ADA@Example.com", "phone": None}, True),
        (ADA | {"email": "ADA@Example.com"}, ADA | {"email": "Ada@example.com"}, True),
        (ADA | {"email": "ADA@Example.com"}, ADA | {"first_name": "A.", "last_name": "King"}, True),
        (ADA, ADA | {"first_name": "A.", "last_name": "King", "phone": None}, True),
        (ADA, ADA | {"email": None}, True),
        (ADA, {"first_name": " ADA", "last_name": "byron ", "phone": "+1 212  555 0100"}, True),
        (ADA, BOB | {"email": None}, False),
        (ADA | {"email": None, "phone": "0000000000"}, ADA | {"email": None, "phone": "0000000000"}, False),
        (ADA | {"email": None}, ADA | {"email": "other@example.com"}, False),
        ({"first_name": "Ada", "last_name": "Byron"}, {"first_name": "Ada", "last_name": "Byron"}, False),
        ({"first_name": "", "last_name": "", "phone": "+1 212 555 0100"}, BOB | {"email": None}, False),
    ],
)
async def test_whose_record_is_on_the_order(
    orders: Orders, first: dict[str, Any], second: dict[str, Any], is_one: bool
) -> None:
    """The second order bears the first customer's record only where it is the same person."""
    shop = await orders.connected()
    one, other = await customers_of(orders, shop, first, second)
    assert (one == other) is is_one
    assert "none" not in {one, other}


async def test_the_oldest_of_several_with_one_address(orders: Orders) -> None:
    """The same record is found each time."""
    shop = await orders.connected()
    ids = []
    for number in range(3):
        body = {"firstName": f"A{number}", "emailAddresses": [{"emailAddress": "ada@example.com"}]}
        ids.append((await shop.post("/customers", body))["id"])
        record = {"customerSince": 1_700_000_000_000 - 1000 * (number == 1)}
        shop.merchant.objects["customers"].change(ids[-1], record)
    assert await customers_of(orders, shop, ADA, ADA) == [ids[1]] * 2


async def test_a_clover_that_ignores_the_filter(orders: Orders) -> None:
    """Nobody else's record is taken, and the right one is found beyond the first page."""
    shop = await orders.connected()
    strangers = [{"id": f"STRANGER{n:05}", "firstName": "Ada", "lastName": "Byron"} for n in range(100)]
    ours = {"id": "ADA0000000001", "emailAddresses": {"elements": [{"emailAddress": "Ada@example.com"}]}}
    orders.clover.fail("refuse", method="GET", path=r"/customers.*offset=0", status=200, body={"elements": strangers})
    orders.clover.fail("refuse", method="GET", path=r"/customers.*offset=100", status=200, body={"elements": [ours]})
    orders.clover.fail("refuse", method="POST", path=r"/orders/\w+$", status=200, body={}, id="attached")
    await customers_of(orders, shop, ADA)
    assert "POST customers" not in orders.calls(shop)


@pytest.mark.parametrize("customer", [ADA, ADA | {"email": None}, {"first_name": "Ada", "last_name": "Byron"}])
async def test_a_creation_without_an_answer(orders: Orders, customer: dict[str, Any]) -> None:
    """The customer is found again by what identifies them, though another person has the same name or number."""
    shop = await orders.connected()
    await shop.post("/customers", {"firstName": "Ada", "lastName": "Byron"})
    other = {"firstName": "Bob", "lastName": "Stone", "phoneNumbers": [{"phoneNumber": ADA["phone"]}]}
    await shop.post("/customers", other)
    before = {each["id"] for each in shop.merchant.objects["customers"].everything()}
    orders.clover.fail("apply_then_drop", method="POST", path=r"/customers$", times=1)
    await orders.put(shop, customer=customer)
    await orders.settle_for(3 * SETTLE)
    [made] = in_clover(shop)
    created = {each["id"] for each in shop.merchant.objects["customers"].everything()} - before
    assert created == set(made.customers)
    assert len(created) == 1
