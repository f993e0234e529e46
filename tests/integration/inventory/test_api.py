"""Inventory's HTTP API."""

import asyncio
import json
import re
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from tests.integration.inventory.conftest import Inventory
from tests.support.clover import Shop
from yarl import URL

from inventory.api import ROUTES


def adjustment(**other: Any) -> dict[str, Any]:
    return {"key": "order-1", "sku": "SKU-1", "delta": -1, "cause": "web sale"} | other


async def adjust(inventory: Inventory, shop: Shop, *adjustments: dict[str, Any]) -> tuple[int, Any]:
    return await inventory.ask("POST", shop, "/stock/adjustments", {"adjustments": list(adjustments)})


async def test_a_repeated_adjustment_gets_the_same_answer_and_changes_nothing(inventory: Inventory) -> None:
    """Repeats change nothing, one after another or at the same time."""
    shop = await inventory.connect()
    await inventory.item(shop, 10, sku="SKU-1")

    answers = await asyncio.gather(*(adjust(inventory, shop, adjustment()) for _ in range(5)))
    answers.append(await adjust(inventory, shop, adjustment()))

    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0] == 200
    assert answers[0][1]["movements"][0]["after"] == 9
    assert len(await inventory.stock_changes()) == 1


async def test_a_key_used_for_another_adjustment_is_refused(inventory: Inventory) -> None:
    """The problem names the position, and no adjustment of the list is applied."""
    shop = await inventory.connect()
    await inventory.item(shop, 10, sku="SKU-1")
    await adjust(inventory, shop, adjustment())

    status, problem = await adjust(inventory, shop, adjustment(key="order-2"), adjustment(delta=-5))

    assert status == 422
    assert [each["field"] for each in problem["errors"]] == ["adjustments.1.key"]
    assert len(await inventory.stock_changes()) == 1


async def test_an_adjustment_may_name_an_item_id_and_become_negative(inventory: Inventory) -> None:
    """Items without a SKU are adjusted by id, below zero too."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 1)

    status, answer = await adjust(inventory, shop, {"key": "a", "item_id": item, "delta": -2.5})

    assert status == 200
    [moved] = answer["movements"]
    assert (moved["before"], moved["after"], moved["cause"]) == (1, -1.5, "adjusted in QuickSync")
    assert await inventory.stock(shop, item) == (-1.5, 1)


async def test_bad_adjustments_are_refused_by_field_and_change_nothing(inventory: Inventory) -> None:
    """Each mistake is a 422 that names its field."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    wrong = {
        "adjustments.0.sku": adjustment(sku="SKU-9"),
        "adjustments.0.delta": adjustment(delta=0),
        "adjustments.0.cause": adjustment(cause="x" * 201),
        "adjustments.0.key": adjustment(key="x" * 101),
        "adjustments.0": adjustment(item_id=item),
        "adjustments.0.note": adjustment(note="?"),
        "adjustments.0.item_id": {"key": "a", "item_id": "ITEM000000009", "delta": 1},
    }
    for field, body in wrong.items():
        status, problem = await adjust(inventory, shop, body)
        assert (status, problem["errors"][0]["field"]) == (422, field), problem
    for body in (adjustment(delta=0.0005), adjustment(delta="1"), adjustment(delta=1e13), adjustment(cause="a\0b")):
        assert (await adjust(inventory, shop, body))[0] == 422

    assert await inventory.stock_changes() == []
    assert await inventory.fetch("SELECT 1 FROM work") == []


async def test_a_thousand_adjustments_fit_in_one_request(inventory: Inventory) -> None:
    """The longest keys and causes fit; one adjustment more is refused."""
    shop = await inventory.connect()
    await inventory.item(shop, 10, sku="S" * 100)
    each = {"sku": "S" * 100, "delta": -0.001, "cause": "ü" * 200}
    many = [{"key": f"{number:0100}", **each} for number in range(1001)]

    assert (await adjust(inventory, shop, *many))[0] == 422
    status, answer = await adjust(inventory, shop, *many[:1000])
    assert status == 200
    assert answer["movements"][-1]["after"] == 9


async def test_the_ledger_explains_the_stock_line_by_line(inventory: Inventory) -> None:
    """Movements come newest first, page by page, and each begins where the previous one ended."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 10, sku="SKU-1")
    await inventory.adjust(shop, "SKU-1", -1)
    await inventory.run_until_idle()
    shop.till("sell", lines=[{"item": item, "quantity": 2}])
    await inventory.changed(shop, item)
    await inventory.run_until_idle()
    await inventory.ask("PUT", shop, "/stock/SKU-1", {"quantity": 5})

    _, first = await inventory.ask("GET", shop, "/stock/SKU-1/ledger?limit=3")
    _, rest = await inventory.ask("GET", shop, f"/stock/SKU-1/ledger?cursor={first['next']}")

    lines = [(each["source"], each["cause"], each["before"], each["after"]) for each in first["movements"]]
    assert lines == [
        ("quicksync", "counted in QuickSync", 7, 5),
        ("clover", "count changed in Clover", 9, 7),
        ("quicksync", "web sale", 10, 9),
    ]
    assert [each["cause"] for each in rest["movements"]] == ["first count seen in Clover"]
    assert rest["next"] is None
    assert first["level"]["pending"] == -2


async def test_stock_is_listed_page_by_page(inventory: Inventory) -> None:
    """Each item is listed once, with its SKU if it has one."""
    shop = await inventory.connect()
    items = [await inventory.item(shop, 1), await inventory.item(shop, None), await inventory.item(shop, 3, sku="S")]

    _, first = await inventory.ask("GET", shop, "/stock?limit=2")
    _, rest = await inventory.ask("GET", shop, f"/stock?cursor={first['next']}")

    listed = first["stock"] + rest["stock"]
    assert sorted(each["item_id"] for each in listed) == sorted(items)
    assert {each["sku"] for each in listed} == {"", "S"}
    assert rest["next"] is None


async def test_unknown_merchants_and_items_are_not_found(inventory: Inventory) -> None:
    """Unknown names are a 404, and so are merchants that the token does not cover."""
    shop, stranger = await inventory.connect(), inventory.clover.open_shop()

    for path in ("/stock", "/stock/SKU-1", "/stock/SKU-1/ledger"):
        assert (await inventory.ask("GET", stranger, path))[0] == 404
    assert (await inventory.ask("GET", shop, "/stock/SKU-1"))[0] == 404
    assert (await inventory.ask("PUT", shop, "/stock/SKU-1", {"quantity": 1}))[0] == 404
    assert (await adjust(inventory, stranger, adjustment()))[0] == 404
    assert (await inventory.ask("GET", shop, "/stock", merchants=[stranger.merchant.id]))[0] == 404
    assert (await inventory.ask("GET", shop, "/stock", scope="stock:write"))[0] == 403


@pytest.mark.parametrize(
    "sku", ["a/b", "/", "a//b", "50%", "%2F", "a+b", "a b", "a&b=c", "a?b#c", "日本", "🧦" * 50, "..."]
)
async def test_every_sku_has_an_address(inventory: Inventory, sku: str) -> None:
    """Percent-encoded, each SKU that catalog accepts names its stock and its ledger."""
    shop = await inventory.connect()
    await inventory.item(shop, 3, sku=sku)
    path = URL(f"/v1/merchants/{shop.merchant.id}/stock/{quote(sku, safe='')}", encoded=True)
    headers = {"Authorization": f"Bearer {inventory.issuer.token()}"}

    async with inventory.http.put(path, json={"quantity": 4}, headers=headers) as answer:
        assert (answer.status, (await answer.json())["sku"]) == (200, sku)
    async with inventory.http.get(path / "ledger", headers=headers) as answer:
        assert (answer.status, (await answer.json())["level"]["on_hand"]) == (200, 4)


async def test_setting_the_present_count_changes_nothing(inventory: Inventory) -> None:
    """It causes no movement, no event and no write."""
    shop = await inventory.connect()
    await inventory.item(shop, 10, sku="SKU-1")

    status, level = await inventory.ask("PUT", shop, "/stock/SKU-1", {"quantity": 10.0})
    await inventory.run_until_idle()

    assert (status, level["on_hand"], level["pending"]) == (200, 10, 0)
    assert await inventory.stock_changes() == []
    assert inventory.calls() == []


async def test_the_examples_of_the_document_are_true(inventory: Inventory) -> None:
    """Sent one after another, the examples get exactly the answers that the document shows."""
    shop = await inventory.connect()
    item = await inventory.item(shop, 15, sku="MUG-BLUE")
    story = sorted(ROUTES, key=lambda route: ["PUT", "POST", "GET"].index(route.method))

    for route in story:
        path = route.path.removeprefix("/v1/merchants/{merchant_id}").replace("{sku}", "MUG-BLUE")
        query = "" if route.takes_body or not route.example else f"?{urlencode(route.example)}"
        body = route.example if route.takes_body else None
        status, answer = await inventory.ask(route.method, shop, path + query, body)
        assert (status, timeless(answer, item)) == (route.status, timeless(route.gives_example, item)), route.summary
        await inventory.run_until_idle()


def timeless(answer: Any, item: str) -> Any:
    """The answer with the item id of the examples, and without times."""
    text = json.dumps(answer).replace(item, "4XGZ7Q2MT8ND1")
    return json.loads(re.sub(r'"recorded_at": "[^"]*"', '"recorded_at": ""', text))
