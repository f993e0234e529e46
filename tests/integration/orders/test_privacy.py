"""Personal data: none of a European customer anywhere, an American one's sealed and in Clover only."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.integration.orders.conftest import Orders, in_clover
from tests.support.logs import collected

from orders import store

CANARIES = ["Zacanaria", "Quetzalbyrd", "canary@secret.example", "+49 30 5550123"]
CUSTOMER = dict(zip(("first_name", "last_name", "email", "phone"), CANARIES, strict=True))
TEXTS: dict[str, Any] = {
    "number": "#7 Zacanaria",
    "channel": {"channel": "shopify", "store": "canary@secret.example"},
    "lines": [
        {"sku": "SKU-Zacanaria", "name": "For Zacanaria Quetzalbyrd, +49 30 5550123", "quantity": 1, "unit_price": 5}
    ],
    "total": 5,
}


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that is logged, at the most talkative level."""
    with collected("orders") as stream:
        yield stream


async def everything_stored(orders: Orders) -> str:
    """Every row of every table, as text; sealed bytes as what they are."""
    tables = await orders.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'orders'")
    rows = [row for table in tables for row in await orders.fetch(f'SELECT * FROM "{table["tablename"]}"')]  # noqa: S608
    return " ".join(
        value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for row in rows for value in row
    )


def found_in(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary.lower() in text.lower()]


@pytest.mark.parametrize("region", ["eu", "la"])
async def test_nothing_of_a_european_customer_is_kept_sent_or_logged(
    logged: io.StringIO, orders: Orders, region: str
) -> None:
    """Not in a table, an event, a log line or Clover, when all goes well or wrong; no permission for it is needed."""
    shop = await orders.connected(region, without=["CUSTOMERS_R", "CUSTOMERS_W"])
    orders.clover.fail("fail_after", method="POST", path=r"/orders$", times=1)
    orders.clover.fail("refuse", method="POST", path=r"/payments$", times=1)
    await orders.put(shop, customer=CUSTOMER, **TEXTS)
    await orders.put(shop, customer=CUSTOMER | {"last_name": "Other"}, **TEXTS)
    await orders.settle_for(100)
    await orders.act(shop, "retry")
    await orders.settle_for(100)

    assert await orders.state(shop) == "paid"
    [made] = in_clover(shop)
    assert made.customers == []
    assert not [call for call in orders.calls(shop) if "customers" in call]
    assert found_in(await everything_stored(orders)) == []
    assert found_in(logged.getvalue()) == []
    assert found_in(json.dumps(made.record) + json.dumps(made.lines) + json.dumps(made.payments)) == []


async def test_what_a_european_customer_wrote_is_not_kept(logged: io.StringIO, orders: Orders) -> None:
    """An engraving may name anybody: its price is charged, its text is nowhere; the store's own choices stay."""
    shop = await orders.connected("eu")
    engraving = {"name": "Gravur", "value": "Zacanaria", "price": 5}
    line = {"name": "Ring", "unit_price": 100, "options": [{"name": "Size", "value": "54"}, engraving]}
    body: dict[str, Any] = {"lines": [line], "total": 105}
    assert (await orders.put(shop, **body))[0] == 202
    assert (await orders.put(shop, **body))[0] == 200
    await orders.run_until_idle()

    [made] = in_clover(shop)
    assert [(each["name"], each["price"]) for each in made.lines] == [("Ring (Size: 54)", 105)]
    assert found_in(await everything_stored(orders)) == []
    assert found_in(logged.getvalue() + json.dumps(made.lines)) == []


@pytest.mark.parametrize("step", [r"GET customers", r"POST customers", r"POST orders/\w+"])
async def test_an_order_goes_without_a_customer_clover_refuses(logged: io.StringIO, orders: Orders, step: str) -> None:
    """Whichever step is refused the order is paid; the timeline says so, and what Clover said of it goes nowhere."""
    shop = await orders.connected("us")
    method, path = step.split()
    orders.clover.fail("refuse", method=method, path=rf"/{path}(\?|$)", body={"message": "bad filter Zacanaria"})
    await orders.put(shop, customer=CUSTOMER)
    await orders.run_until_idle()

    seen, [made] = await orders.seen(shop), in_clover(shop)
    assert (seen["state"], made.customers) == ("paid", [])
    [said] = [each["detail"] for each in seen["timeline"] if each["event"] == "customer_dropped"]
    assert said == "Clover did not take the customer's details."
    assert found_in(await everything_stored(orders)) == []
    assert found_in(logged.getvalue()) == []


async def test_an_order_goes_without_a_customer_we_may_not_see(orders: Orders) -> None:
    """Without the permission for customers orders are paid all the same, and the timeline says what was refused."""
    shop = await orders.connected("us", without=["CUSTOMERS_R", "CUSTOMERS_W"])
    await orders.put(shop, customer=CUSTOMER)
    await orders.run_until_idle()
    seen = await orders.seen(shop)
    assert seen["state"] == "paid"
    [said] = [each["detail"] for each in seen["timeline"] if each["event"] == "customer_dropped"]
    assert said.startswith("Clover refuses our access to customers")


async def test_an_american_customer_is_in_clover_only(logged: io.StringIO, orders: Orders) -> None:
    """The details reach Clover's customer, and stand in no table, event, log line or text of the order."""
    shop = await orders.connected("us")
    await orders.put(shop, customer=CUSTOMER)
    await orders.run_until_idle()

    [made] = in_clover(shop)
    [customer] = shop.merchant.objects["customers"].everything()
    assert (customer["firstName"], made.customers) == ("Zacanaria", [customer["id"]])
    assert found_in(await everything_stored(orders)) == []
    assert found_in(logged.getvalue()) == []
    assert found_in(json.dumps(made.record)) == []


async def test_a_merchant_no_longer_in_the_us_gets_no_customer(orders: Orders) -> None:
    """An order taken in as American is sent without its customer when Clover says the merchant is European by then."""
    shop = await orders.connected("us")
    await orders.put(shop, customer=CUSTOMER)
    shop.merchant.region = "eu"
    orders.clover.fail("apply_then_drop", method="POST", path=r"/orders$", times=1)
    await orders.run_until_idle()
    assert await orders.state(shop) == "paid"
    assert not [call for call in orders.calls(shop) if "customers" in call]


async def test_a_linked_sku_that_sounds_like_a_name(orders: Orders) -> None:
    """Once linked it is kept for a European order, and an order taken in before is still the same."""
    shop = await orders.connected("eu")
    line = {"sku": "TEE-GREEN", "name": "Tee", "quantity": 1, "unit_price": 500}
    green = {"lines": [line], "total": 500, "customer": CUSTOMER | {"last_name": "Green"}}
    await orders.put(shop, "before", **green)
    await orders.link(shop, "TEE-GREEN", "1TEM000000001")
    assert (await orders.put(shop, "before", **green))[0] == 200
    await orders.put(shop, "after", **green)
    references = [row["reference"] for row in await orders.fetch("SELECT reference FROM source_order ORDER BY arrival")]
    async with orders.service.database.connection() as conn:
        kept = await store.orders.find(conn, orders.service.deps.payloads, shop.merchant.id, references)
    assert [each.source.lines[0].sku for each in kept] == ["TEE-***", "TEE-GREEN"]
