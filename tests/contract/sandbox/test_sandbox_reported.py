"""Clover as third-party clients saw it: nobody recorded these answers, and several clients rely on them."""

from collections.abc import Iterator
from pathlib import Path
from re import findall

import pytest
from tests.support.clover import Clover, Shop
from tests.support.documents import ROOT

MOST_EXPANDS = 3
"""As documented. Four were answered, but that may end."""


async def paid(shop: Shop) -> str:
    """Sell something at the till; return the id of the payment."""
    item = await shop.post("/items", {"name": "Mug", "price": 500})
    shop.till("sell", item=item["id"], quantity=1)
    [payment] = (await shop.get("/payments"))["elements"]
    return str(payment["id"])


@pytest.mark.parametrize(("query", "found"), [("voided=false", 1), ("voided!=true", 1), ("voided=true", 0)])
async def test_payments_are_filtered_by_voided(shop: Shop, query: str, found: int) -> None:
    """A payment that was never voided counts as not voided."""
    await paid(shop)
    assert len((await shop.get(f"/payments?filter={query}"))["elements"]) == found


async def test_items_are_filtered_by_category(clover: Clover, shop: Shop) -> None:
    """The recorded list of filters lacks it, so a switch refuses it."""
    item = await shop.post("/items", {"name": "Mug", "price": 500})
    await shop.post("/items", {"name": "Cap", "price": 900})
    category = await shop.post("/categories", {"name": "Drinks"})
    tie = {"elements": [{"category": {"id": category["id"]}, "item": {"id": item["id"]}}]}
    await shop.post("/category_items", tie)

    path = f"/items?filter=categoryId={category['id']}"
    assert [each["id"] for each in (await shop.get(path))["elements"]] == [item["id"]]
    reply = await shop.call("GET", path)
    assert "categoryId" not in reply.headers["X-Clover-Allowed-Filter-Fields"]

    clover.sandbox.switches.set({"unlisted_filters": "refuse"})
    assert (await shop.call("GET", path)).status == 400


async def test_four_expands_of_an_order_are_answered(clover: Clover, shop: Shop) -> None:
    """The fourth is ignored; a switch refuses the call, as the documentation's limit may be meant."""
    await paid(shop)
    [order] = (await shop.get("/orders"))["elements"]
    path = f"/orders/{order['id']}?expand=lineItems.modifications,payments,customers,discounts"
    shown = await shop.get(path)
    assert {"lineItems", "payments"} <= shown.keys()
    assert "discounts" not in shown

    clover.sandbox.switches.set({"too_many_expands": "refuse"})
    assert (await shop.call("GET", path)).status == 400


def expands() -> Iterator[tuple[Path, list[str]]]:
    for path in sorted((ROOT / "services").rglob("*.py")):
        for text in findall(r"""(?i)expand["']?(?:: str)?\s*[:=]\s*["']([^"']+)["']""", path.read_text()):
            yield path, text.split(",")


def test_our_services_never_send_more_than_three() -> None:
    """The effect of four expands is not documented."""
    assert len(list(expands())) > 3
    assert [(path, names) for path, names in expands() if len(names) > MOST_EXPANDS] == []


@pytest.mark.parametrize("path", ["/roles", "/tip_suggestions"])
async def test_further_lists_are_answered(shop: Shop, path: str) -> None:
    """Their contents are not known; they stay empty."""
    assert (await shop.get(path))["elements"] == []


async def test_shifts_are_below_employees(shop: Shop) -> None:
    """Also with a window of time; there is no list of all shifts."""
    [owner] = (await shop.get("/employees"))["elements"]
    shifts = f"/employees/{owner['id']}/shifts"
    assert (await shop.get(shifts))["elements"] == []
    assert (await shop.get(f"{shifts}?filter=inTime>=1&filter=inTime<=2"))["elements"] == []
    assert (await shop.call("GET", "/employees/0000000000000/shifts")).status == 404
    assert (await shop.call("GET", "/shifts")).status == 404
