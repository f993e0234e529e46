"""Orders: drafts, references, totals set by the caller, discounts, types, customers and deletion."""

from typing import Any

import pytest
from tests.contract.sandbox.ordering import open_order
from tests.support.clover import Clover, Shop


async def test_a_draft_is_readable_but_not_listed(shop: Shop) -> None:
    """A line item opens the draft."""
    draft, opened = (await shop.post("/orders", {}))["id"], await open_order(shop)
    assert [each["id"] for each in (await shop.get("/orders"))["elements"]] == [opened]
    assert (await shop.get(f"/orders/{draft}"))["id"] == draft

    await shop.post(f"/orders/{draft}/line_items", {"name": "n", "price": 1})
    assert (await shop.get(f"/orders/{draft}"))["state"] == "open"
    assert {each["id"] for each in (await shop.get("/orders"))["elements"]} == {draft, opened}


@pytest.mark.parametrize("reference", ["ABC-DEF", "A" * 13, "", "ÄBC", 12])
async def test_a_reference_is_12_letters_and_digits(shop: Shop, reference: Any) -> None:
    """Any other reference gets the recorded text."""
    reply = await shop.call("POST", "/orders", {"externalReferenceId": reference})

    assert (reply.status, reply.body) == (400, {"message": "Invoice ID cannot exceed 12 characters"})


async def test_references_are_not_unique_and_all_are_found(shop: Shop) -> None:
    """Clover has no idempotency: two orders can have the same reference."""
    made = {await open_order(shop, externalReferenceId="ABCDEF123456") for _ in range(2)}
    found = await shop.get("/orders?filter=externalReferenceId=ABCDEF123456")

    assert {each["id"] for each in found["elements"]} == made


async def test_a_reference_older_than_90_days_is_not_found(clover: Clover, shop: Shop) -> None:
    """The window applies to such filters, not to plain lists."""
    order = await open_order(shop, externalReferenceId="OLD")
    clover.sandbox.world.clock.advance(91 * 24 * 3600)

    assert (await shop.get("/orders?filter=externalReferenceId=OLD"))["elements"] == []
    assert [each["id"] for each in (await shop.get("/orders"))["elements"]] == [order]
    assert (await shop.get("/payments"))["elements"] == []


async def test_nothing_recomputes_a_custom_total(shop: Shop) -> None:
    """Lines do not change it; the caller sets it."""
    order = await open_order(shop, total=500)
    await shop.post(f"/orders/{order}/bulk_line_items", {"items": [{"name": "n", "price": 250}] * 2})
    shown = await shop.get(f"/orders/{order}?expand=lineItems")

    assert (shown["total"], len(shown["lineItems"]["elements"])) == (500, 2)
    assert (await shop.post(f"/orders/{order}", {"total": 700}))["total"] == 700


async def test_discounts_are_negative(shop: Shop) -> None:
    """A positive amount is refused; a percentage has no amount."""
    order = await open_order(shop)
    refused = await shop.call("POST", f"/orders/{order}/discounts", {"name": "d", "amount": 5})
    made = await shop.post(f"/orders/{order}/discounts", {"name": "d", "percentage": 10})

    assert refused.status == 400
    assert "amount" not in made


async def test_a_deleted_order_is_gone_but_listed_by_its_deletion(shop: Shop) -> None:
    """Deletion is soft."""
    order = await open_order(shop)
    assert (await shop.call("DELETE", f"/orders/{order}")).body == {}

    assert (await shop.call("GET", f"/orders/{order}")).body == {"message": "Not Found", "details": "Order not found"}
    assert [each["id"] for each in (await shop.get("/orders?filter=deletedTime>0"))["elements"]] == [order]


@pytest.mark.parametrize(("mode", "status"), [("refuse", 400), ("accept", 200)])
async def test_an_order_type_is_optional_and_an_unknown_one_a_switch(
    clover: Clover, shop: Shop, mode: str, status: int
) -> None:
    """An order without a type is accepted."""
    clover.sandbox.switches.set({"unknown_order_type": mode})
    gone = await shop.post("/order_types", {"label": "QuickSync"})
    await shop.call("DELETE", f"/order_types/{gone['id']}")

    assert (await shop.call("POST", "/orders", {"orderType": {"id": gone["id"]}})).status == status
    assert (await shop.get("/order_types"))["elements"] == []


async def test_customers_are_attached_by_list_or_envelope(shop: Shop) -> None:
    """Clients send both forms; an unknown customer is refused."""
    customer = {"id": (await shop.post("/customers", {"firstName": "Ada"}))["id"]}
    order = await open_order(shop, customers=[customer])
    await shop.post(f"/orders/{order}", {"customers": {"elements": [customer]}})
    shown = await shop.get(f"/orders/{order}?expand=customers")

    assert [each["firstName"] for each in shown["customers"]["elements"]] == ["Ada"]
    assert (await shop.call("POST", "/orders", {"customers": [{"id": "NONE"}]})).status == 400
