"""Compares the sandbox with real answers of Clover from February 2026."""

from typing import Any

import pytest
from tests.support.clover import Shop

ITEM_FILTERS = (
    "modifiedTime, hidden, itemCode, available, lowStock, option.id, excludeCashDiscount, type, modifierGroup.id, "
    "autoManage, all_categorized_items.item_uuid, price, menuId, id, sku, defaultTaxRates, menuItemEnabled, "
    "ageRestricted, tags.id, alternateName, isRevenue, tags.name, deleted, item.id, name, price_type, "
    "itemStock.quantity, itemGroup.id"
)
JSON_TYPE = "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("items", ITEM_FILTERS),
        ("order_types", "id, deletedTime"),
        ("tax_rates", "isDefault, rate, items.id, name, id, taxAmount, taxType"),
        (
            "modifier_groups",
            "modifiedTime, category.id, negativeSortOrder, item.id, sortOrder, name, id, showByDefault",
        ),
        ("cash_events", "employee.id, note, amountChange, employee.name, type, device.id, timestamp"),
        ("employees", "modifiedTime, role, role.id, customId, name, nickname, id, deletedTime, email"),
    ],
)
async def test_lists_name_their_legal_filters(shop: Shop, path: str, fields: str) -> None:
    """The answer has the envelope, the header with the filters, and an href with the limit."""
    reply = await shop.call("GET", f"/{path}")

    assert reply.headers["X-Clover-Allowed-Filter-Fields"] == fields
    assert reply.headers["Content-Type"] == JSON_TYPE
    assert set(reply.body) == {"elements", "href"}
    assert reply.body["href"].endswith(f"/v3/merchants/{shop.merchant.id}/{path}?limit=100")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "cash_events", "GET, OPTIONS"),
        ("POST", "default_service_charge", "GET, OPTIONS"),
        ("GET", "items/X/tax_rates", "OPTIONS"),
        ("GET", "orders/X/payments/Y", "OPTIONS"),
        ("POST", "orders/X/payments/Y/refund", "OPTIONS"),
    ],
)
async def test_a_405_is_plain_text(shop: Shop, method: str, path: str, allow: str) -> None:
    """The answer has no JSON, content type or request id, but an Allow header."""
    reply = await shop.call(method, f"/{path}", {} if method == "POST" else None)

    assert (reply.status, reply.body, reply.headers["Allow"]) == (405, f"405 {method} not allowed.", allow)
    assert not {"Content-Type", "X-Clover-Request-Id"} & set(reply.headers)


async def test_customers_know_no_put(shop: Shop) -> None:
    """PUT and PATCH get a 405."""
    assert [(await shop.call(method, "/customers/X", {})).status for method in ("PUT", "PATCH")] == [405, 405]


async def test_a_fresh_order_has_neither_state_nor_total(shop: Shop) -> None:
    """The answer to `{}` has exactly the recorded keys."""
    order = await shop.post("/orders", {})

    assert list(order) == [
        "href",
        "id",
        "currency",
        "taxRemoved",
        "isVat",
        "manualTransaction",
        "groupLineItems",
        "testMode",
        "createdTime",
        "clientCreatedTime",
        "modifiedTime",
    ]


async def test_a_line_item_ignores_a_quantity(shop: Shop) -> None:
    """Name and price come from the item; a quantity is neither stored nor returned."""
    item = await shop.post("/items", {"name": "Soup of the Day", "price": 599})
    order = await shop.post("/orders", {})
    line = await shop.post(f"/orders/{order['id']}/line_items", {"item": {"id": item["id"]}, "quantity": 3})

    assert set(line) == {
        *("id", "orderRef", "item", "name", "price", "printed", "createdTime"),
        *("orderClientCreatedTime", "exchanged", "refunded", "isRevenue", "isOrderFee"),
    }
    assert (line["name"], line["price"], line["isRevenue"]) == ("Soup of the Day", 599, True)


async def test_a_modification_carries_name_and_amount_of_its_modifier(shop: Shop) -> None:
    """Repeats are not deduplicated."""
    group = await shop.post("/modifier_groups", {"name": "Extras", "minRequired": 0, "maxAllowed": 3})
    modifier = await shop.post(f"/modifier_groups/{group['id']}/modifiers", {"name": "Extra Cheese", "price": 150})
    order = await shop.post("/orders", {})
    line = await shop.post(f"/orders/{order['id']}/line_items", {"name": "Soup", "price": 1})
    path = f"/orders/{order['id']}/line_items/{line['id']}/modifications"
    first, second = [await shop.post(path, {"modifier": {"id": modifier["id"]}}) for _ in range(2)]

    assert first["id"] != second["id"]
    assert {**first, "id": ""} == {
        "id": "",
        "lineItemRef": {"id": line["id"]},
        "name": "Extra Cheese",
        "amount": 150,
        "modifier": {"id": modifier["id"]},
    }


CREATED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "modifier_groups",
        {"name": "Temperature", "minRequired": 0, "maxAllowed": 1},
        {"showByDefault": True, "deleted": False},
    ),
    ("tax_rates", {"name": "Tax", "rate": 550000, "isDefault": False, "taxType": "VAT_EXEMPT"}, {}),
    (
        "items",
        {"name": "Soup", "price": 599},
        {"priceType": "FIXED", "available": True, "isRevenue": True, "deleted": False},
    ),
]


@pytest.mark.parametrize(("kind", "body", "added"), CREATED, ids=[row[0] for row in CREATED])
async def test_creation_answers_200_with_the_whole_object(shop: Shop, kind: str, body: Any, added: Any) -> None:
    """The answer has the sent fields, Clover's additions and an id; the request has its own id."""
    reply = await shop.call("POST", f"/{kind}", body)

    assert (reply.status, reply.headers["Content-Type"]) == (200, JSON_TYPE)
    assert len(reply.headers["X-Clover-Request-Id"]) == 36
    assert {**body, **added}.items() <= reply.body.items()


async def test_the_first_order_type_becomes_the_default(shop: Shop) -> None:
    """A new merchant has none; the second one is not the default."""
    body = {"label": "Web", "taxable": True, "fee": 100, "minOrderAmount": 500, "avgOrderTime": 0, "isDeleted": False}
    before = await shop.get("/order_types")
    first, second = await shop.post("/order_types", body), await shop.post("/order_types", body)

    assert before["elements"] == []
    assert (first["isDefault"], second["isDefault"]) == (True, False)
    assert (first["filterCategories"], first["hoursAvailable"], first["isDeleted"]) == (False, "BUSINESS", False)


async def test_a_service_charge_needs_its_id(shop: Shop) -> None:
    """A missing id gets the recorded text; the merchant's charge is added to the order."""
    order = await shop.post("/orders", {})
    charge = await shop.get("/default_service_charge")
    path = f"/orders/{order['id']}/service_charge"
    refused = await shop.call("POST", path, {"name": "VCR Test Service Charge", "percentageDecimal": 1500})

    assert charge == {
        "id": charge["id"],
        "name": "Service Charge",
        "enabled": False,
        "percentage": 10,
        "percentageDecimal": 100000,
    }
    assert (refused.status, refused.body) == (400, {"message": "Service charge in body is missing an ID"})
    assert (await shop.post(path, {"id": charge["id"], "enabled": True}))["enabled"] is True


async def test_associations_and_deletions_answer_an_empty_object(shop: Shop) -> None:
    """Both answer 200 `{}`."""
    item, tax = (
        await shop.post("/items", {"name": "A", "price": 1}),
        await shop.post("/tax_rates", {"name": "T", "rate": 1}),
    )
    tied = await shop.post(
        "/tax_rate_items", {"elements": [{"item": {"id": item["id"]}, "taxRate": {"id": tax["id"]}}]}
    )
    shown = await shop.get(f"/items/{item['id']}?expand=taxRates")
    deleted = await shop.call("DELETE", f"/items/{item['id']}")

    assert tied == {}
    assert [each["id"] for each in shown["taxRates"]["elements"]] == [tax["id"]]
    assert (deleted.status, deleted.body) == (200, {})
