"""Orders that Clover cannot take as they are: in another currency, or with too many lines."""

import pytest
from tests.integration.orders.conftest import Orders, in_clover

from common.contracts.problems import Code, ProblemClosed, ProblemOpened


async def test_an_order_in_a_currency_that_clover_no_longer_has(orders: Orders) -> None:
    """An order in the old currency is held, is never converted, and goes once it is sent in the new one."""
    shop = await orders.connected()
    shop.till("edit_properties", defaultCurrency="EUR")
    await orders.put(shop, currency="USD")
    await orders.put(shop, "o-2", currency="USD")
    await orders.run_until_idle()
    seen = await orders.seen(shop)
    assert (seen["state"], seen["problem"]["code"]) == ("held", "order_currency")
    assert seen["problem"]["reason"] == "The order is in USD, your Clover counts in EUR."
    assert [each for each in orders.calls(shop) if each.startswith("POST")] == []
    [opened] = await orders.emitted(ProblemOpened)
    assert (opened.code, opened.waiting) == (Code.ORDER_CURRENCY, 2)

    assert (await orders.put(shop, currency="EUR"))[0] == 422  # what we know of the merchant is older
    await orders.reconnect(shop)
    assert (await orders.put(shop, currency="EUR"))[0] == 202
    await orders.settle_for(61)
    assert [await orders.state(shop, each) for each in ("o-1", "o-2")] == ["paid", "held"]
    assert [each.record["total"] for each in in_clover(shop)] == [3499]


async def test_a_currency_that_changes_back_releases_what_it_held(orders: Orders) -> None:
    """Any change of the merchant's settings in Clover makes it look."""
    shop = await orders.connected()
    shop.till("edit_properties", defaultCurrency="EUR")
    await orders.put(shop, currency="USD")
    await orders.run_until_idle()
    shop.till("edit_properties", defaultCurrency="USD")
    await orders.object_changed(shop, "M", shop.merchant.id)
    await orders.run_until_idle()
    assert await orders.state(shop) == "paid"


async def test_a_currency_that_changes_back_unnoticed_is_found_by_the_timer(orders: Orders) -> None:
    """Without a webhook it is looked for every hour, as long as an order waits for it, and the problem closes."""
    shop = await orders.connected()
    shop.till("edit_properties", defaultCurrency="EUR")
    await orders.put(shop, currency="USD")
    await orders.settle_for(2 * 3600 + 60)
    assert await orders.state(shop) == "held"
    assert orders.calls(shop).count("GET properties") == 3

    shop.till("edit_properties", defaultCurrency="USD")
    await orders.settle_for(3600)
    assert await orders.state(shop) == "paid"
    assert [each.code for each in await orders.emitted(ProblemClosed)] == [Code.ORDER_CURRENCY]
    assert await orders.fetch("SELECT FROM work WHERE kind = 'find_setup'") == []


@pytest.mark.parametrize(("lines", "state"), [(2497, "paid"), (2498, "held")])
async def test_an_order_with_more_lines_than_clover_takes(orders: Orders, lines: int, state: str) -> None:
    """It is held whole, and the next one goes; one as large as Clover takes has one row for each line."""
    shop = await orders.connected()
    many = [{"sku": f"S-{number}", "name": "Pin", "quantity": 2, "unit_price": 5} for number in range(lines)]
    status, body = await orders.put(shop, lines=many, total=10 * lines, tips=[{"amount": 0}])
    assert status == 202, body
    await orders.put(shop, "o-2")
    await orders.run_until_idle()
    seen = await orders.seen(shop)
    assert (seen["state"], await orders.state(shop, "o-2")) == (state, "paid")
    if state == "held":
        assert seen["problem"]["code"] == "order_too_large"
        assert seen["problem"]["reason"].startswith("It has 2,498 lines")
        assert len(in_clover(shop)) == 1
        assert (await orders.put(shop, lines=many[:2400], total=24000))[0] == 202
        await orders.run_until_idle()
        assert await orders.state(shop) == "paid"
    else:
        assert lines <= len(in_clover(shop)[0].lines) <= 2500


async def test_an_edit_beyond_what_clover_takes(orders: Orders) -> None:
    """It is refused at once, as the order in Clover would be left half changed."""
    shop = await orders.connected()
    await orders.put(shop)
    await orders.run_until_idle()
    many = [{"name": f"Pin {number}", "unit_price": 1} for number in range(2500)]
    body = {"number": "#1001", "currency": "USD", "lines": many, "total": 2500}
    channel = {"channel": {"channel": "shopify", "store": "mugs.example"}}
    status, answer = await orders.call("PUT", f"{orders.path(shop, 'o-1')}?edit=true", body | channel)
    assert (status, [each["field"] for each in answer["errors"]]) == (422, ["lines"])


async def test_ten_thousand_lines_are_refused(orders: Orders) -> None:
    """Nothing is stored of an order that is beyond all bounds."""
    shop = await orders.connected()
    many = [{"name": "Pin", "unit_price": 1}] * 10_000
    status, body = await orders.put(shop, lines=many, total=10_000)
    assert (status, [each["field"] for each in body["errors"]]) == (422, ["lines"])
    assert await orders.fetch("SELECT FROM source_order") == []
