"""Odd input: every answer has Clover's form, and the journal agrees with it."""

import asyncio
import io
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.clover import Clover, Shop
from tests.support.eventually import eventually

from clover_sandbox.app import LARGEST_BODY
from clover_sandbox.rest.api import FAMILIES
from clover_sandbox.rest.customer_kinds import ADDRESS, CARD, CUSTOMERS, EMAIL, METADATA, PHONE
from clover_sandbox.rest.inventory_kinds import ITEMS, MODIFIER_GROUPS, TAX_RATES
from clover_sandbox.rest.merchant_kinds import ORDER_TYPES, TENDERS
from clover_sandbox.rest.merchant_profile import PROPERTIES
from clover_sandbox.rest.order_kinds import ORDERS
from clover_sandbox.rest.orders import SERVICE_CHARGE
from clover_sandbox.rest.payment_kinds import PAYMENTS

ODD: tuple[Any, ...] = (None, "x", -1, 1.5, True, [], {}, [None], {"id": 7}, {"id": "NONE"}, 10**30)
SHAPES = (ADDRESS, CARD, CUSTOMERS.shape, EMAIL, METADATA, PHONE, ITEMS.shape, MODIFIER_GROUPS.shape, TAX_RATES.shape)
MORE_SHAPES = (ORDER_TYPES.shape, ORDERS.shape, PAYMENTS.shape, TENDERS.shape, SERVICE_CHARGE, PROPERTIES)
REFERENCES = ("item", "items", "elements", "quantity", "orderCart", "lineItems", "discounts", "serviceCharge")
NAMES = sorted({name for shape in (*SHAPES, *MORE_SHAPES) for name in shape} | {*REFERENCES, "customers", "taxRates"})


async def fill(shop: Shop) -> dict[str, str]:
    """Create one object of each kind and return the id for each path segment."""
    ids = {
        "items": (await shop.post("/items", {"name": "Item", "price": 100}))["id"],
        "item_groups": (await shop.post("/item_groups", {"name": "Group"}))["id"],
        "categories": (await shop.post("/categories", {"name": "Category"}))["id"],
        "tags": (await shop.post("/tags", {"name": "Tag"}))["id"],
        "tax_rates": (await shop.post("/tax_rates", {"name": "Tax", "rate": 1, "isDefault": True}))["id"],
        "modifier_groups": (await shop.post("/modifier_groups", {"name": "Extras"}))["id"],
        "order_types": (await shop.post("/order_types", {"label": "Web"}))["id"],
        "customers": (await shop.post("/customers", {"firstName": "Ada"}))["id"],
        "orders": (await shop.post("/orders", {"state": "open"}))["id"],
        "tenders": next(iter((await shop.get("/tenders"))["elements"]))["id"],
        "service_charge": (await shop.get("/default_service_charge"))["id"],
    }
    ids["attributes"] = (await shop.post("/attributes", {"name": "Size", "itemGroup": {"id": ids["item_groups"]}}))[
        "id"
    ]
    order = f"/orders/{ids['orders']}"
    ids["line_items"] = (await shop.post(f"{order}/line_items", {"item": {"id": ids["items"]}}))["id"]
    ids["payments"] = (await shop.post(f"{order}/payments", {"tender": {"id": ids["tenders"]}, "amount": 1}))["id"]
    ids["modifiers"] = (
        await shop.post(f"/modifier_groups/{ids['modifier_groups']}/modifiers", {"name": "Cheese", "price": 1})
    )["id"]
    return {**ids, "item_stocks": ids["items"]}


def real(path: str, ids: dict[str, str]) -> str:
    """Return the path of a route with ids of existing objects."""
    segments = path.split("/")
    named = (ids.get(segments[place - 1], "NONE") if each[:1] == "{" else each for place, each in enumerate(segments))
    return f"/{'/'.join(named)}"


def paths(method: str) -> list[str]:
    return [route.path for family in FAMILIES for route in family.ROUTES if route.method == method]


def odd_bodies() -> Iterator[Any]:
    """Generate bodies with an odd value in each field of any object."""
    return ({name: value, "name": "n", "amount": 1, "price": 1} for value, name in itertools.product(ODD, NAMES))


async def test_odd_values_in_any_field_are_answered(clover: Clover, shop: Shop) -> None:
    """Every object stays readable, writable and payable afterwards."""
    ids, bodies = await fill(shop), itertools.cycle(odd_bodies())
    statuses = set()
    for path in paths("POST"):
        for body in itertools.islice(bodies, 60):
            statuses.add((await shop.call("POST", real(path, ids), body)).status)
    statuses |= {(await shop.call("GET", real(path, ids))).status for path in paths("GET")}

    assert statuses == {200, 400, 404}
    assert {each.status for each in clover.sandbox.journal.since(0)} == statuses


@pytest.mark.parametrize("field", ["isRevenue", "priceType", "available", "hidden", "defaultTaxRates"])
async def test_a_cleared_field_gets_its_default(shop: Shop, field: str) -> None:
    """The item can still be counted, ordered and sold."""
    item = await shop.post("/items", {"name": "Item", "price": 100, "autoManage": True})
    cleared = await shop.post(f"/items/{item['id']}", {field: None})
    await shop.post(f"/item_stocks/{item['id']}", {"quantity": 0})
    order = await shop.post("/orders", {"state": "open"})
    await shop.post(f"/orders/{order['id']}/line_items", {"item": {"id": item["id"]}})

    assert cleared[field] == item[field]
    assert shop.till("sell", item=item["id"])["total"] == 100


async def test_an_order_without_client_time_takes_lines_and_an_odd_charge_is_refused(shop: Shop) -> None:
    """Both orders stay payable."""
    order = f"/orders/{(await shop.post('/orders', {'state': 'open', 'clientCreatedTime': 1}))['id']}"
    await shop.post(order, {"clientCreatedTime": None})
    await shop.post(f"{order}/line_items", {"name": "n", "price": 100})
    charge = (await shop.get("/default_service_charge"))["id"]
    tender = next(iter((await shop.get("/tenders"))["elements"]))["id"]
    odd = [
        await shop.call("POST", f"{order}/service_charge", {"id": charge, "percentageDecimal": v}) for v in ("x", 1.5)
    ]

    assert [each.status for each in odd] == [400, 400]
    assert (await shop.post(f"{order}/payments", {"tender": {"id": tender}, "amount": 100}))["result"] == "SUCCESS"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/items/*", 404),
        ("/payments?orderBy=tender ASC", 400),
        ("/items?filter=price>0&offset=99999999999999999999", 400),
        ("/items?filter=modifiedTime>1e300000", 200),
        ("/items?filter=price<1e-99999999999999999999", 200),
        ("/items?filter=name=%ED%A0%80", 200),
    ],
)
async def test_odd_addresses_are_answered(shop: Shop, path: str, status: int) -> None:
    """`*` is an invalid path, a reference is not an order id, and huge numbers are refused quickly."""
    ids = await fill(shop)
    tender = {"tender": {"id": ids["tenders"]}, "amount": 1}
    await shop.post(f"/orders/{ids['orders']}/payments", tender)

    assert (await shop.call("GET", path)).status == status


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "n", "price": 1e9999999}',
        b'{"name": "n", "price": 1e300000}',
        b'{"name": "n", "price": 1e99999999999999999999}',
        b'{"name": "n", "price": 1e-99999999999999999999}',
        b'{"name": "\\ud800", "price": 1}',
        b'{"name": "\xed\xa0\x80", "price": 1}',
        b"{" + b" " * LARGEST_BODY + b"}",
    ],
    ids=lambda body: repr(body[:40]),
)
async def test_values_that_cannot_be_answered_are_refused(clover: Clover, shop: Shop, body: bytes) -> None:
    """These are numbers beyond a double, unpaired surrogates and endless bodies."""
    url = f"{shop.url}/v3/merchants/{shop.merchant.id}/items"
    async with shop.http.post(url, data=io.BytesIO(body), headers={"Authorization": f"Bearer {shop.token}"}) as answer:
        assert answer.status == (400 if len(body) < LARGEST_BODY else 413)
        assert set(await answer.json()) == {"message"}
    (entry,) = clover.sandbox.journal.since(0)
    assert (entry.status, entry.applied, entry.answered is None) == (answer.status, False, False)


@pytest.mark.parametrize(
    ("rest", "answered"),
    [(b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", 400), (b"Content-Length: 9\r\n\r\n{", 0)],
)
async def test_an_unreadable_request_is_recorded(clover: Clover, rest: bytes, answered: int) -> None:
    """This covers an invalid encoding and an incomplete body."""
    journal = clover.sandbox.journal
    reader, writer = await asyncio.open_connection("127.0.0.1", int(clover.url.rsplit(":", 1)[1]))
    writer.write(b"POST /oauth/v2/token HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\n%b" % rest)
    if answered:
        assert (await asyncio.wait_for(reader.readline(), 5)).split()[1] == str(answered).encode()
    await eventually(lambda: journal.total == 1)
    writer.close()
    await writer.wait_closed()

    await eventually(lambda: next(journal.since(0)).answered is not None)
    assert next(journal.since(0)).status == answered


async def test_an_error_of_the_sandbox_is_a_recorded_500(
    clover: Clover, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer is JSON, the traceback is logged, and the journal entry is complete."""
    del shop.merchant.properties["defaultCurrency"]
    reply = await shop.call("POST", "/orders", {})
    (entry,) = clover.sandbox.journal.since(0)

    assert (reply.status, reply.body) == (500, {"message": "Internal Server Error"})
    assert (entry.status, entry.applied, entry.answered is None) == (500, False, False)
    assert "KeyError: 'defaultCurrency'" in caplog.text


@pytest.mark.parametrize("quantity", [b"NaN", b"Infinity", b"1e999", b"-1e400"])
async def test_the_till_requires_numbers(clover: Clover, shop: Shop, quantity: bytes) -> None:
    """Any other quantity gets a 400, and the count does not change."""
    item = shop.till("create_item", name="Soup", price=1, sku="S", quantity=5)["id"]
    url = f"{clover.url}/_sandbox/merchants/{shop.merchant.id}/till/recount"
    async with clover.http.post(url, data=b'{"sku": "S", "quantity": %b}' % quantity) as answer:
        assert answer.status == 400
    assert shop.count(item) == 5
