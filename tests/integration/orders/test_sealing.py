"""Payloads of orders: sealed at rest, each in its own row alone, also those that earlier builds stored in the clear."""

import asyncio
import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr
from tests.integration.orders.conftest import ADA, Orders, in_clover
from tests.integration.orders.test_privacy import everything_stored
from tests.support.clover import Shop

from common.contracts.catalog import MerchantDisconnected
from common.contracts.problems import Code
from common.seal import NotOpened, Sealer
from common.telemetry.metrics import Metrics
from orders.sealing import open_payload, personal_context
from orders.store.payloads import Payloads
from orders.sync import sealing
from orders.sync.sealing import Resealing

OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
TEXTS = ["Teapot", "Engraving", "For Grandma Elisabeth", "Courier to the garden gate", "Wrapped in violet", "loyalty"]
TEXTS += ["Quebec rate", "Kettle card", "given back by hand", "Ring twice", "Byron", "ada@example.com"]
BODY: dict[str, Any] = {
    "lines": [
        {
            "sku": "TEA",
            "name": "Teapot",
            "quantity": 2,
            "unit_price": 1000,
            "options": [{"name": "Engraving", "value": "For Grandma Elisabeth"}],
            "discounts": [{"name": "loyalty", "amount": 100}],
            "taxes": [{"name": "Quebec rate", "rate": "10", "amount": 190}],
        }
    ],
    "shipping": [{"name": "Courier to the garden gate", "amount": 500}],
    "fees": [{"name": "Wrapped in violet", "amount": 50}],
    "total": 2640,
    "payments": [{"name": "Kettle card", "amount": 2640}],
    "refunds": [{"name": "given back by hand", "amount": 40}],
    "note": "Ring twice",
    "customer": ADA,
}
# As the build before stored it: defaults of lines left out, those of the charges not.
LINES = '[{"sku": "MUG", "name": "Mug (Engraving: Elisabeth)", "quantity": 2, "unit_price": 1250}]'
CHARGES = json.dumps(
    {
        "discounts": [],
        "shipping": [{"name": "Courier", "amount": 500, "discounts": [], "taxes": []}],
        "fees": [],
        "taxes": [],
        "tips": [],
        "rounding": 0,
        "payments": None,
        "refunds": [],
    }
)
STORED_BEFORE = """
UPDATE source_order SET lines = $1::jsonb, charges = $2::jsonb, payload = NULL, total = 3000, units = 2
WHERE source_id = $3
"""

COPY = """
UPDATE source_order SET payload = (SELECT payload FROM source_order WHERE source_id = $2) WHERE source_id = $1
"""


def texts_in(text: str) -> list[str]:
    return [each for each in TEXTS if each.lower() in text.lower()]


def resealing(orders: Orders, metrics: Metrics | None = None, *keys: str) -> Resealing:
    """Return the loop of a process, with these keys instead of its own."""
    sealer = Sealer.of([SecretStr(each) for each in keys]) if keys else orders.service.deps.sealer
    deps = replace(orders.service.deps, sealer=sealer, payloads=Payloads(sealer))
    return Resealing(deps, metrics or Metrics())


def in_the_clear(metrics: Metrics) -> float | None:
    """The number of orders in the clear as the metric shows it; None when it names none."""
    return metrics.registry.get_sample_value("quicksync_sealed_values", {"key": "none"})


async def walk(loop: Resealing) -> None:
    await loop.walk(asyncio.Event())


async def payloads(orders: Orders) -> list[bytes | None]:
    return [row["payload"] for row in await orders.fetch("SELECT payload FROM source_order ORDER BY arrival")]


async def stored_before(orders: Orders, shop: Shop, source_id: str = "o-1", **other: Any) -> None:
    """Have an order in the table as the build before stored it."""
    assert (await orders.put(shop, source_id, number=source_id, **other))[0] == 202
    await orders.fetch(STORED_BEFORE, LINES, CHARGES, source_id)


@pytest.mark.parametrize("order_type", [False, True])
async def test_nothing_of_a_payload_is_in_the_clear(orders: Orders, order_type: bool) -> None:
    """In no column of any table, held or sent; in Clover all of it stands that was sent."""
    shop = await orders.connected(order_type=order_type)
    assert (await orders.put(shop, **BODY))[0] == 202
    await orders.run_until_idle()
    assert await orders.state(shop) == ("paid" if order_type else "held")
    assert texts_in(await everything_stored(orders)) == []
    _, edited = await orders.put(shop, "o-1?edit=true", **BODY | {"number": "#2", "note": "Ring twice, then knock"})
    assert edited["state"] in {"held", "created"}
    orders.add_order_type(shop)
    await orders.settle_for(60)
    assert await orders.state(shop) == "paid"
    assert texts_in(await everything_stored(orders)) == []
    [made] = in_clover(shop)
    assert "Teapot (Engraving: For Grandma Elisabeth)" in {each["name"] for each in made.lines}


async def test_a_payload_in_another_place_does_not_open(orders: Orders) -> None:
    """Neither in the row of another order nor in another column; the order is held, and the others go."""
    shop, other = await orders.connected(order_type=False), await orders.connected(order_type=False)
    await orders.put(other, "theirs", **BODY)
    for number in range(5):
        await orders.put(shop, f"o-{number}", number=f"#{number}")
    for source_id, other_id in (("o-1", "theirs"), ("o-2", "o-3")):
        await orders.fetch(COPY, source_id, other_id)
    await orders.fetch("UPDATE source_order SET payload = customer WHERE source_id = 'theirs'")
    sealer = orders.service.deps.sealer
    for row in await orders.fetch("SELECT * FROM source_order WHERE source_id IN ('o-1', 'o-2', 'theirs')"):
        with pytest.raises(NotOpened):
            open_payload(sealer, row["merchant_id"], row["reference"], row["payload"])
    for each in (shop, other):
        orders.add_order_type(each)
    await orders.settle_for(60)
    rows = await orders.fetch("SELECT source_id, status, held_problem FROM source_order ORDER BY source_id")
    held = ("held", Code.ORDER_REJECTED)
    assert [tuple(row) for row in rows] == [
        ("o-0", "paid", None),
        ("o-1", *held),
        ("o-2", *held),
        ("o-3", "paid", None),
        ("o-4", "paid", None),
        ("theirs", *held),
    ]
    assert in_clover(other) == []


async def test_lists_and_expiry_open_no_payload(orders: Orders) -> None:
    """Pages, the CSV file, a bulk retry and the age limit need only what is in the clear."""
    shop = await orders.connected(order_type=False)
    for number in range(3):
        await orders.put(shop, f"o-{number}", number=f"#{number}")
    await orders.run_until_idle()
    await orders.fetch("UPDATE source_order SET payload = '\\x00'")
    _, page = await orders.call("GET", f"{orders.path(shop)}?state=held")
    assert [(each["number"], each["total"]) for each in page["orders"]] == [(f"#{n}", 3499) for n in range(3)]
    headers = {"Authorization": f"Bearer {orders.issuer.token()}"}
    async with orders.http.get(f"{orders.path(shop)}.csv", headers=headers) as response:
        assert (await response.text()).count("order_type_missing") == 3
    retry = f"{orders.path(shop)}:retry"
    assert await orders.call("POST", retry, {"problem": "order_type_missing"}) == (202, {"orders": 3})
    orders.clock.advance(timedelta(days=31))
    await orders.settle_for(7200)
    rows = await orders.fetch("SELECT DISTINCT status FROM source_order")
    assert [row["status"] for row in rows] == ["expired"]


@pytest.mark.parametrize("sealed", [False, True])
async def test_an_order_of_the_build_before_is_sent(orders: Orders, sealed: bool) -> None:
    """Before it is sealed in the background and after; it reaches Clover with its customer, and can be edited there."""
    shop = await orders.connected(order_type=False)
    await stored_before(orders, shop, customer=ADA)
    await orders.run_until_idle()
    assert await orders.state(shop) == "held"
    if sealed:
        await walk(resealing(orders))
        assert "Elisabeth" not in await everything_stored(orders)
    orders.add_order_type(shop)
    await orders.settle_for(60)
    assert await orders.state(shop) == "paid"
    [made] = in_clover(shop)
    assert [each["name"] for each in made.lines] == [*["Mug (Engraving: Elisabeth)"] * 2, "Courier"]
    assert len(made.customers) == 1
    line = {"sku": "MUG", "name": "Mug", "quantity": 1, "unit_price": 1250}
    assert (await orders.put(shop, "o-1?edit=true", number="o-1", lines=[line], total=1250, customer=ADA))[0] == 202
    await orders.run_until_idle()
    [made] = in_clover(shop)
    assert [each["name"] for each in made.lines] == ["Mug"]
    assert "Elisabeth" not in await everything_stored(orders)


async def test_orders_stored_in_the_clear_are_sealed_in_portions(
    orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them, also one whose customer does not open."""
    monkeypatch.setattr(sealing, "PORTION", 2)
    monkeypatch.setattr(sealing, "REST_SECONDS", 0)
    shops = [await orders.connected() for _ in range(2)]
    for number in range(5):
        await stored_before(orders, shops[number % 2], f"o-{number}", customer=ADA)
    await orders.put(shops[0], "new")
    loop = resealing(orders)
    broken = "UPDATE source_order SET customer = '\\x00' WHERE source_id = 'o-3' RETURNING customer"
    await orders.fetch(broken)
    await walk(loop)
    rows = await orders.fetch("SELECT * FROM source_order WHERE source_id <> 'new'")
    for row in rows:
        text = open_payload(orders.service.deps.sealer, row["merchant_id"], row["reference"], row["payload"])
        assert json.loads(text) == json.loads(CHARGES) | {"lines": json.loads(LINES)}
        assert (row["lines"], row["charges"]) == (None, None)
    before = await payloads(orders)
    await walk(loop)
    assert await payloads(orders) == before


async def test_a_customer_is_erased_in_either_form(orders: Orders) -> None:
    """On request nothing of the customer is left, sealed or not; the order is sealed all the same."""
    shop = await orders.connected(order_type=False)
    await orders.put(shop, "new", customer=ADA)
    await stored_before(orders, shop, "before", customer=ADA)
    account: dict[str, Any] = {"account_id": "acc-1", "region": "us", "currency": "USD", "timezone": "America/New_York"}
    erase = {"erase_before": orders.clock.now() + timedelta(seconds=1), "version": 10**12}
    await orders.deliver(MerchantDisconnected(merchant_id=shop.merchant.id, **account, **erase))
    await walk(resealing(orders))
    rows = await orders.fetch("SELECT customer, payload IS NOT NULL AS sealed FROM source_order")
    assert [tuple(row) for row in rows] == [(None, True)] * 2


@pytest.fixture
async def upgrade(orders: Orders) -> None:
    """The database held orders when it was migrated, so processes of the release before may run for some minutes."""
    await orders.fetch("INSERT INTO sealing VALUES ($1)", orders.clock.now() + timedelta(minutes=10))


@pytest.mark.usefixtures("upgrade")
async def test_the_release_before_reads_new_orders_at_first(orders: Orders) -> None:
    """Its data stand where it looks; once the time is over, all is sealed, and later orders at once."""
    shop = await orders.connected(order_type=False)
    await orders.put(shop, **BODY)
    await orders.put(shop, "corrected", **BODY | {"number": "#2"})
    await orders.put(shop, "corrected", **BODY | {"number": "#3"})
    metrics = Metrics()
    loop = resealing(orders, metrics)
    await walk(loop)
    assert in_the_clear(metrics) == 2
    for row in await orders.fetch("SELECT lines, charges FROM source_order"):
        [line] = json.loads(row["lines"])
        assert (line["sku"], line["quantity"], line["unit_price"]) == ("TEA", 2, 1000)
        assert [each["amount"] for each in json.loads(row["charges"])["shipping"]] == [500]

    orders.clock.advance(timedelta(minutes=11))
    await orders.put(shop, "later", **BODY | {"number": "#4"})
    await walk(loop)
    assert in_the_clear(metrics) is None
    assert texts_in(await everything_stored(orders)) == []
    assert [(await orders.put(shop, **BODY))[0] for _ in range(2)] == [200, 200]


@pytest.mark.usefixtures("upgrade")
async def test_the_release_before_cannot_overwrite_a_sealed_order(orders: Orders) -> None:
    """An order has one payload: clear lines beside a sealed one would be read by some and not by others."""
    shop = await orders.connected(order_type=False)
    await orders.put(shop)
    orders.clock.advance(timedelta(minutes=11))
    await walk(resealing(orders))
    with pytest.raises(asyncpg.CheckViolationError):
        await orders.fetch("UPDATE source_order SET lines = $1::jsonb, charges = $2::jsonb", LINES, CHARGES)


class TestKeys:
    """Master keys are rotated while orders runs."""

    @pytest.fixture
    def changed(self) -> dict[str, Any]:
        return {"master_keys": [SecretStr(OLD)]}

    async def test_an_old_key_can_be_taken_away(self, orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
        """All orders are sealed with the new key; the metric shows when the old one has none left."""
        monkeypatch.setattr(sealing, "PORTION", 2)
        monkeypatch.setattr(sealing, "REST_SECONDS", 0)
        shop = await orders.connected(order_type=False)
        for number in range(3):
            await orders.put(shop, f"o-{number}", number=f"#{number}", customer=ADA)
        await orders.put(shop, "without", number="#3")
        await orders.fetch("UPDATE source_order SET customer = '\\x00' WHERE source_id = 'o-2'")
        metrics, old = Metrics(), Sealer.of([SecretStr(OLD)])

        def count(key: bytes) -> float | None:
            return metrics.registry.get_sample_value("quicksync_sealed_values", {"key": key.hex()})

        loop = resealing(orders, metrics, NEW, OLD)
        await walk(loop)
        assert count(old.first_key) == 1  # that of the customer which does not open
        new = Sealer.of([SecretStr(NEW)])
        for row in await orders.fetch("SELECT * FROM source_order WHERE source_id <> 'o-2'"):
            names = row["merchant_id"], row["reference"]
            assert open_payload(new, *names, row["payload"])
            assert row["customer"] is None or new.open(row["customer"], context=personal_context(*names))
        before = await payloads(orders)
        await walk(loop)
        assert await payloads(orders) == before

    async def test_what_waits_is_sent_under_the_new_key(self, orders: Orders) -> None:
        """A process that was not restarted yet opens what the new one sealed, once it has the new key as its second."""
        shop = await orders.connected(order_type=False)
        await orders.put(shop, customer=ADA)
        await walk(resealing(orders, None, NEW, OLD))
        deps, sealer = orders.service.deps, Sealer.of([SecretStr(OLD), SecretStr(NEW)])
        orders.new_worker(replace(deps, sealer=sealer, payloads=Payloads(sealer)))
        orders.add_order_type(shop)
        await orders.settle_for(60)
        rows = await orders.fetch("SELECT state FROM source_order")
        assert [row["state"] for row in rows] == ["paid"]


async def test_a_body_is_the_same_after_an_upgrade(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside the US, a release may keep less of a body than the one before; the body is recognized all the same."""
    shop = await orders.connected("eu")
    line = {"name": "Ring", "unit_price": 100, "options": [{"name": "Gravur", "value": "Elisabeth"}]}
    body: dict[str, Any] = {"lines": [line], "total": 100}
    with monkeypatch.context() as earlier:
        earlier.setattr("orders.api.parts.is_choice", lambda *_: True)
        assert (await orders.put(shop, **body))[0] == 202
    await orders.run_until_idle()
    assert (await orders.put(shop, **body))[0] == 200
    other = {**line, "name": "Rings"}
    assert (await orders.put(shop, **body | {"lines": [other]}))[0] == 409
    assert (await orders.put(shop, "o-1?edit=true", **body | {"lines": [other]}))[0] == 202
    await orders.run_until_idle()
    assert (await orders.put(shop, **body))[0] == 409  # what was sent before the edit is another order now
