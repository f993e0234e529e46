"""Imports and batches of the same products at the same moment: each row ends right, and nothing is there twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from itertools import cycle
from typing import Any, cast

import pytest
from tests.integration.catalog.changes import send
from tests.integration.catalog.conftest import Catalog, Shop
from tests.integration.catalog.tables import imported, send_file, table
from tests.integration.catalog.variants import groups, row, states, variant
from tests.support.eventually import eventually
from tests.support.service import serving

from catalog.app import build
from catalog.kinds import PUSH_PRODUCT
from catalog.settings import Settings
from catalog.store.portions import AT_ONCE, TRIES, Portions
from common.db.unit import Unit
from common.errors import Conflict

WAITING = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
SIZES = ("S", "M", "L", "XL")


@pytest.fixture
async def replica(catalog: Catalog) -> AsyncIterator[Catalog]:
    """Another process of the service."""
    service = build(cast(Settings, catalog.service.settings), clock=catalog.clock)
    async with serving(service) as http:
        yield Catalog(service, http, catalog.issuer, catalog.clock, catalog.clover)


@pytest.fixture
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few rows make several portions."""
    monkeypatch.setattr("catalog.api.imports.PORTION", 20)
    monkeypatch.setattr("catalog.domain.variants.PORTION", 20)
    monkeypatch.setattr("common.http.rows.PORTION", 10)


def tees(price: int, count: int = 12) -> list[dict[str, Any]]:
    return [
        row(f"{number}-{size}", variant(f"tee-{number}", f"Tee {number}", Size=size), price=price)
        for number in range(count)
        for size in SIZES
    ]


@pytest.mark.usefixtures("small_portions")
async def test_the_same_products_in_eight_requests(catalog: Catalog, replica: Catalog) -> None:
    """The same file, reversed, by size, and a part of it, sent to two processes: all succeed, and each is new once."""
    shop, every = await catalog.connected(), tees(1900)
    by_size = sorted(every, key=lambda each: each["variant"]["options"]["Size"])
    tables = [every, every[::-1], by_size, tees(2100, 6)]
    files = [send_file(to, shop, table(rows)) for to, rows in zip(cycle([catalog, replica]), tables, strict=False)]
    batches = [send(to, shop, rows) for to, rows in zip(cycle([catalog, replica]), tables, strict=False)]
    answers, outcomes = await asyncio.gather(asyncio.gather(*files), asyncio.gather(*batches))

    assert [status for status, _ in answers] == [200] * 4
    effects = Counter(each["outcome"] for _, answer in answers for each in answer["rows"])
    effects += Counter(each["change"]["effect"] for batch in outcomes for each in batch)
    assert effects["new"] == len(every)
    assert effects.total() == 2 * (3 * len(every) + 24)
    assert effects.keys() <= {"new", "changed", "unchanged"}
    await catalog.run_until_idle()
    assert_right(catalog, shop)
    assert set((await states(catalog, shop)).values()) == {"synced"}

    await imported(catalog, shop, table(every))
    await catalog.run_until_idle()
    catalog.clover.journal.forget()
    again = await imported(catalog, shop, table(every))
    await catalog.run_until_idle()
    assert (again["summary"]["unchanged"], again["change_id"], catalog.calls()) == (len(every), None, [])


def assert_right(catalog: Catalog, shop: Shop) -> None:
    """Clover has each item once, in its group."""
    assert len(catalog.items(shop)) == 48
    found = groups(catalog, shop)
    assert sorted(found) == sorted(f"Tee {number}" for number in range(12))
    for number in range(12):
        options, items = found[f"Tee {number}"]
        assert options == {"Size": sorted(SIZES)}
        assert items == {f"SKU-{number}-{size}": [size] for size in SIZES}


async def test_requests_that_deadlock_run_again(catalog: Catalog, replica: Catalog) -> None:
    """PostgreSQL ends one of two transactions that wait for one another; both portions are stored."""
    shop = await catalog.connected()
    await send(catalog, shop, [row("a", None), row("b", None)])
    both_began = asyncio.Barrier(2)
    attempts = Counter[str]()

    async def change(unit: Unit, first: str, second: str) -> None:
        attempts[first] += 1
        await unit.conn.execute("UPDATE product SET price = price + 1 WHERE product_id = $1", first)
        if attempts[first] == 1:
            await both_began.wait()
        await unit.conn.execute("UPDATE product SET price = price + 1 WHERE product_id = $1", second)

    await asyncio.gather(
        catalog.service.deps.portions.run(lambda unit: change(unit, "a", "b")),
        replica.service.deps.portions.run(lambda unit: change(unit, "b", "a")),
    )
    assert [(await catalog.product(shop, each))["price"] for each in "ab"] == [1902, 1902]
    assert sorted(attempts.values()) == [1, 2]


async def test_a_portion_that_always_conflicts_is_given_up(catalog: Catalog) -> None:
    """Nothing of its attempts is stored, and no work is left of them."""
    shop, attempts = await catalog.connected(), 0

    async def work(unit: Unit) -> None:
        nonlocal attempts
        attempts += 1
        unit.mark(PUSH_PRODUCT, shop.id, "p-1")
        await unit.flush()
        raise Conflict

    with pytest.raises(Conflict, match="Send the request again in a few seconds"):
        await Portions(catalog.service.database).run(work)
    assert attempts == TRIES
    assert await catalog.fetch("SELECT FROM work WHERE kind = $1", PUSH_PRODUCT) == []


async def test_many_imports_leave_connections_to_others(catalog: Catalog) -> None:
    """They wait for their turns without a connection each, while another merchant's product is saved."""
    shop, other = await catalog.connected(), await catalog.connected()
    await send(catalog, shop, [row("a", None)])
    async with catalog.service.database.unit() as unit:
        await unit.conn.execute("SELECT FROM product WHERE product_id = 'a' FOR UPDATE")
        waiting = [
            asyncio.create_task(send_file(catalog, shop, table([row("a", None, price=price)])))
            for price in range(100, 112)
        ]
        await eventually(lambda: catalog.fetch(WAITING))
        assert len(await catalog.fetch(WAITING)) <= AT_ONCE
        assert (await catalog.put(other, "one"))[0] == 202
    assert {status for status, _ in await asyncio.gather(*waiting)} == {200}


@pytest.mark.parametrize("product_id", ["SKU-a", "mine"])
async def test_a_product_that_is_created_meanwhile_is_only_changed(catalog: Catalog, product_id: str) -> None:
    """A file changes what it holds: the barcode of the other request stays, under any id."""
    shop = await catalog.connected()
    async with catalog.service.database.unit() as unit:
        await unit.conn.execute(
            "INSERT INTO product (merchant_id, product_id, name, sku, price, currency, status, barcode, updated_at,"
            " puts) "
            "VALUES ($1, $2, 'Mug', 'SKU-a', 100, 'USD', 'active', '40063813', now(), 1)",
            shop.id,
            product_id,
        )
        importing = asyncio.create_task(imported(catalog, shop, "sku,name,price\nSKU-a,Mug,2.00\n"))
        await eventually(lambda: catalog.fetch(WAITING))
    answer = await importing
    assert [(each["product_id"], each["outcome"]) for each in answer["rows"]] == [(product_id, "changed")]
    product = await catalog.product(shop, product_id)
    assert (product["price"], product["barcode"]) == (200, "40063813")
    assert (await catalog.fetch("SELECT count(*) FROM product"))[0][0] == 1
