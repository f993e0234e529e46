"""Stock that orders deduct, and what brings it back."""

import pytest
from tests.contract.sandbox.ordering import open_order, pay, stocked_item
from tests.support.clover import Clover, Shop


@pytest.mark.parametrize(("mode", "after"), [("none", [10, 10]), ("on_line_item", [9, 9]), ("on_payment", [10, 9])])
async def test_the_policy_decides_when_stock_is_deducted(
    clover: Clover, shop: Shop, mode: str, after: list[float]
) -> None:
    """Open question 1: the policies are none, on the line, and on payment."""
    clover.sandbox.switches.set({"deduct": mode})
    item, order = await stocked_item(shop), await open_order(shop, total=250)
    await shop.post(f"/orders/{order}/line_items", {"item": {"id": item}})
    counts = [shop.count(item)]
    await pay(shop, order, 250)

    assert [*counts, shop.count(item)] == after


async def test_a_line_deducts_its_stock_once(clover: Clover, shop: Shop) -> None:
    """A change of policy between line and payment does not deduct twice."""
    clover.sandbox.switches.set({"deduct": "on_line_item"})
    item, order = await stocked_item(shop), await open_order(shop, total=250)
    await shop.post(f"/orders/{order}/line_items", {"item": {"id": item}})
    clover.sandbox.switches.set({"deduct": "on_payment"})
    await pay(shop, order, 250)

    assert shop.count(item) == 9


@pytest.mark.parametrize("setting", ["updateStock", "trackStock"])
async def test_without_the_merchants_setting_no_stock_is_deducted(clover: Clover, shop: Shop, setting: str) -> None:
    """Deduction needs updateStock, which needs trackStock."""
    clover.sandbox.switches.set({"deduct": "on_line_item"})
    await shop.post("/properties", {setting: False})
    item = await stocked_item(shop)
    await shop.post(f"/orders/{await open_order(shop)}/line_items", {"item": {"id": item}})

    assert shop.count(item) == 10


@pytest.mark.parametrize(("mode", "count"), [("no", 8), ("yes", 10)])
async def test_whether_deletion_restocks_is_a_switch(clover: Clover, shop: Shop, mode: str, count: float) -> None:
    """It applies to lines and orders; stock that was not deducted is not restored."""
    clover.sandbox.switches.set({"deduct": "on_line_item", "restock_on_delete": mode})
    item, order = await stocked_item(shop), await open_order(shop)
    path = f"/orders/{order}/line_items"
    lines = [await shop.post(path, {"item": {"id": item}}) for _ in range(2)]
    await shop.call("DELETE", f"{path}/{lines[0]['id']}?reason=void")
    await shop.call("DELETE", f"/orders/{order}")

    assert shop.count(item) == count
