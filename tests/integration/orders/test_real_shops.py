"""Orders as real shops make them: with tax, shipping, discounts, tips and open balances, paid in Clover to the cent."""

from typing import Any

import pytest
from tests.integration.orders.conftest import Orders, in_clover
from tests.support.clover import Shop

from clover_sandbox import sales
from common.contracts.orders import OrderSynced


def recalculated(shop: Shop) -> int:
    """The total that a device computes when it opens the shop's order."""
    [made] = in_clover(shop)
    return sales.computed_totals(shop.merchant, made.record, shop.merchant.sheets[made.record["id"]]).total


async def with_rates(orders: Orders, region: str, *percents: float) -> Shop:
    """A merchant whose default rate, in percent, is the first of these."""
    shop = await orders.connected(region)
    for percent in percents:
        body = {"name": f"Tax {percent}", "rate": round(percent * 100_000), "isDefault": percent == percents[0]}
        await shop.post("/tax_rates", body)
    return shop


def sale(currency: str, **changed: Any) -> dict[str, Any]:
    """Three mugs and an untaxed book, less a coupon, with shipping, 8.875 % of tax on top."""
    usual: dict[str, Any] = {
        "number": "#7",
        "currency": currency,
        "lines": [
            {"sku": "MUG", "name": "Mug", "quantity": 3, "unit_price": 1250, "discounts": [{"amount": 100}]},
            {"sku": "", "name": "Book", "quantity": 1, "unit_price": "9.99"},
        ],
        "discounts": [{"name": "WELCOME", "amount": 333}],
        "shipping": [{"name": "Post", "amount": 500}],
        "taxes": [{"name": "Sales tax", "rate": "8.875", "amount": 427}],
        "total": 5243,
    }
    return usual | changed


async def put(orders: Orders, shop: Shop, body: dict[str, Any], source_id: str = "o-1") -> tuple[int, Any]:
    return await orders.call("PUT", orders.path(shop, source_id), body)


async def test_a_lean_order(orders: Orders) -> None:
    """Number, currency, lines and total suffice, and the same again changes nothing."""
    shop = await orders.connected()
    body = {"number": "1", "currency": "USD", "lines": [{"sku": "MUG", "unit_price": 500}], "total": 500}
    assert (await put(orders, shop, body))[0] == 202
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert (await orders.state(shop), made.lines[0]["name"], made.record["title"]) == ("paid", "MUG", "api 1")
    assert (await put(orders, shop, body))[0] == 200


@pytest.mark.parametrize("region", ["us", "eu"])
@pytest.mark.parametrize("percents", [(8.875,), (), (7,)])
async def test_tax_shipping_and_discounts(orders: Orders, region: str, percents: tuple[float, ...]) -> None:
    """With any tax settings a device that opens the order finds what the shop charged."""
    shop = await with_rates(orders, region, *percents)
    status, body = await put(orders, shop, sale(shop.merchant.currency))
    assert status == 202, body
    await orders.run_until_idle()
    seen = await orders.seen(shop)
    [made] = in_clover(shop)
    assert (seen["state"], made.record["total"], made.record["paymentState"]) == ("paid", 5243, "PAID")
    assert recalculated(shop) == 5243
    assert (seen["sums"]["store"], seen["sums"]["clover"]["total"]) == (
        {"total": 5243, "tax": 427, "tip": 0, "paid": 5243},
        5243,
    )
    assert bool(seen["notices"]) != (percents == (8.875,))


async def test_prices_that_contain_tax(orders: Orders) -> None:
    """A VAT merchant's rows are gross and name their rates; so is an American merchant's order exact."""
    line = {"sku": "MUG", "name": "Mug", "quantity": 100, "unit_price": 400, "total": "399.60"}
    taxes = [{"rate": 19, "amount": 6380, "included": True}]
    for region in ("eu", "us"):
        shop = await with_rates(orders, region, 19)
        body = sale(shop.merchant.currency, lines=[line | {"taxes": taxes}], taxes=[], discounts=[], shipping=[])
        assert (await put(orders, shop, body | {"total": 39960}))[0] == 202
        await orders.run_until_idle()
        assert (await orders.state(shop), recalculated(shop)) == ("paid", 39960)
        assert (await orders.seen(shop))["sums"]["clover"]["tax"] == 6380


async def test_tips_gift_cards_and_several_payments(orders: Orders) -> None:
    """The tip stands on a payment and not in the total, and each payment is recorded by itself."""
    shop = await with_rates(orders, "us", 8.875)
    payments = [{"name": "gift card", "amount": 1000}, {"name": "visa", "amount": 4743}]
    await put(orders, shop, sale("USD", tips=[{"amount": 500}], total=5743, payments=payments))
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert (await orders.state(shop), made.record["total"], made.record["paymentState"]) == ("paid", 5243, "PAID")
    assert [(each["amount"], each["tipAmount"], each["note"]) for each in made.payments] == [
        (1000, 0, "gift card"), (4243, 500, "visa"),
    ]  # fmt: skip
    assert sum(each["taxAmount"] for each in made.payments) == 427


async def test_a_payment_with_a_long_name(orders: Orders) -> None:
    """It is cut to what Clover takes, which counts two for an emoji; the order is paid."""
    shop = await orders.connected()
    await put(orders, shop, sale("USD", payments=[{"name": "🎁" * 200, "amount": 5243}]))
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert (await orders.state(shop), made.payments[0]["note"]) == ("paid", "🎁" * 127)


@pytest.mark.parametrize(("payments", "state"), [([], "OPEN"), ([{"amount": 2000}], "PARTIALLY_PAID")])
async def test_an_open_balance(orders: Orders, payments: list[Any], state: str) -> None:
    """An order that is not paid in its store is not paid in Clover, and rests as such."""
    shop = await orders.connected()
    await put(orders, shop, sale("USD", payments=payments))
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert (await orders.state(shop), made.record["paymentState"]) == ("unpaid", state)
    assert len(await orders.emitted(OrderSynced)) == 1
    assert await orders.fetch("SELECT FROM work WHERE kind = 'push_order'") == []
    status, body = await orders.act(shop, "complete")
    assert (status, body["type"]) == (409, "urn:quicksync:problem:order_unpaid")


async def test_a_free_order(orders: Orders) -> None:
    """It has no payment and is closed, so that nobody takes it for an open tab."""
    shop = await orders.connected()
    line = {"sku": "MUG", "name": "Mug", "quantity": 2, "unit_price": 500, "discounts": [{"amount": 1000}]}
    await put(orders, shop, {"number": "1", "currency": "USD", "lines": [line], "total": 0})
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert (await orders.state(shop), made.record["state"], made.payments) == ("paid", "locked", [])
    await orders.act(shop, "complete")
    await orders.run_until_idle()
    assert await orders.state(shop) == "done"


async def test_amounts_finer_than_a_cent(orders: Orders) -> None:
    """53.964 is rounded once, and never part-paid for it."""
    shop = await with_rates(orders, "eu", 20)
    body = sale("EUR", lines=[{"name": "Mug", "unit_price": "53.964"}], taxes=[], discounts=[], shipping=[])
    await put(orders, shop, body | {"total": "53.964", "payments": [{"amount": "53.964"}]})
    await orders.run_until_idle()
    assert (await orders.state(shop), recalculated(shop)) == ("paid", 5396)


async def test_prices_that_a_store_has_divided(orders: Orders) -> None:
    """Shopify sends what it divided with all digits; the line is rounded as a whole."""
    shop = await orders.connected()
    line = {"name": "Mug", "quantity": 3, "unit_price": "33.3333333333333333"}
    status, answer = await put(orders, shop, {"number": "1", "currency": "USD", "lines": [line], "total": "100.00"})
    assert status == 202, answer
    await orders.run_until_idle()
    assert (await orders.state(shop), recalculated(shop)) == ("paid", 10000)


async def test_goods_by_weight_are_sold_as_their_item(orders: Orders) -> None:
    """A linked item takes the weight; its price × weight is the line's."""
    shop = await orders.connected()
    item = await shop.post("/items", {"name": "Tea", "price": 1999, "priceType": "PER_UNIT", "unitName": "kg"})
    await orders.link(shop, "TEA", item["id"])
    line = {"sku": "TEA", "name": "Tea", "quantity": "0.5", "unit_price": "19.99", "total": "10.00"}
    await put(orders, shop, {"number": "1", "currency": "USD", "lines": [line], "total": 1000})
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert (await orders.state(shop), recalculated(shop)) == ("paid", 1000)
    assert [(each["unitQty"], each["item"]) for each in made.lines] == [(500, {"id": item["id"]})]


async def test_goods_by_weight_whose_item_is_sold_by_the_piece_go_without_it(orders: Orders) -> None:
    """Clover would ignore the weight and take the price of a whole unit; the timeline says what to change."""
    shop = await orders.connected()
    for sku, price in (("TEA", 1999), ("HAM", 2000), ("CUP", 500)):
        item = await shop.post("/items", {"name": sku, "price": price, "priceType": "FIXED"})
        await orders.link(shop, sku, item["id"])
    lines = [
        {"sku": "TEA", "name": "Tea", "quantity": "0.5", "unit_price": "19.99", "total": "10.00"},
        {"sku": "HAM", "name": "Ham", "quantity": "0.25", "unit_price": "20.00"},
        {"sku": "CUP", "name": "Cup", "unit_price": "5.00"},
    ]
    await put(orders, shop, {"number": "1", "currency": "USD", "lines": lines, "total": 2000})
    await orders.run_until_idle()
    [made] = in_clover(shop)
    timeline = (await orders.seen(shop))["timeline"]

    assert (await orders.state(shop), recalculated(shop)) == ("paid", 2000)
    assert sorted(("item" in each, each["name"], each["price"]) for each in made.lines) == [
        (False, "0.25 × Ham", 500),
        (False, "0.5 × Tea", 1000),
        (True, "Cup", 500),
    ]
    assert [each["detail"].split(",")[1] for each in timeline if each["event"] == "items_dropped"] == [
        " the item of HAM isn't sold by weight",
        " the item of TEA isn't sold by weight",
    ]


async def test_refunds_and_options_are_shown(orders: Orders) -> None:
    """Options stand in the row's name, and the merchant reads what is left to do at the till."""
    shop = await orders.connected()
    options = [{"name": "Size", "value": "L"}, {"value": "Gift wrap", "price": 50}]
    line = {"sku": "TEE", "name": "Tee", "unit_price": 1000, "options": options}
    body = {"number": "1", "currency": "USD", "lines": [line], "total": 1050, "payments": [{"amount": 1050}]}
    await put(orders, shop, body | {"refunds": [{"amount": 300}]})
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert made.lines[0]["name"] == "Tee (Size: L, Gift wrap)"
    [said] = (await orders.seen(shop))["notices"]
    assert "refund $3.00 there as External Payment" in said


async def test_sums_that_differ(orders: Orders) -> None:
    """Both sums are named, and what ours consists of."""
    shop = await orders.connected()
    status, body = await put(orders, shop, sale("USD", total=5000))
    assert (status, [each["field"] for each in body["errors"]]) == (422, ["total"])
    assert body["errors"][0]["problem"] == (
        "is 5000; lines 4649, discounts -333, shipping 500, added taxes 427 come to 5243, which is $52.43"
    )


@pytest.mark.parametrize(
    ("amount", "field"),
    [(12.5, "total"), ("1250", "total"), ("NaN", "total"), (True, "total"), ("1e3", "total"), (-1, "total")],
)
async def test_amounts_in_other_forms(orders: Orders, amount: Any, field: str) -> None:
    """A number with a fraction is no exact amount, and a text without a point may mean cents or dollars."""
    shop = await orders.connected()
    status, body = await put(orders, shop, sale("USD", total=amount))
    assert (status, [each["field"] for each in body["errors"]]) == (422, [field])


async def test_personal_texts_outside_the_us(orders: Orders) -> None:
    """Names in fees, shipping, options and payments are removed before anything is stored."""
    shop = await orders.connected("eu")
    ada = {"first_name": "Ada", "last_name": "Byron", "email": "ada@example.com"}
    body = sale(
        "EUR",
        lines=[{"name": "Ring", "unit_price": 4649, "options": [{"name": "Engraving", "value": "Ada Byron"}]}],
        discounts=[{"name": "for Ada", "amount": 333}],
        shipping=[{"name": "To Ada Byron", "amount": 500}],
        taxes=[{"name": "Ada tax", "rate": "8.875", "amount": 427}],
        payments=[{"name": "Ada's card", "amount": 5243}],
        customer=ada,
    )
    assert (await put(orders, shop, body))[0] == 202
    assert (await put(orders, shop, body))[0] == 200
    await orders.run_until_idle()
    stored = str(await orders.fetch("SELECT * FROM source_order"))
    assert "Ada" not in stored
    assert "Ada" not in str(in_clover(shop))
    assert await orders.state(shop) == "paid"
