"""The control API: merchants, ground truth, the call journal, and the sandbox's behaviour."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.support.clover import Clover, Shop

from clover_sandbox.control.api import ENDPOINTS
from clover_sandbox.rest import items, payments
from clover_sandbox.rest.api import FAMILIES
from clover_sandbox.switches import SWITCHES

README = Path(__file__).parents[3] / "libs" / "clover_sandbox" / "README.md"


async def test_it_reports_readiness(clover: Clover) -> None:
    """The answer has sizes and the active limits."""
    reply = await clover.control("GET")

    assert (reply.status, reply.body["ready"], reply.body["merchants"]) == (200, True, 0)
    assert reply.body["limits"] == {"app": 0, "token": 0, "app_concurrent": 0, "token_concurrent": 0}


async def test_a_merchant_is_created_from_its_spec(clover: Clover) -> None:
    """The answer has id and token; absent fields get the region's defaults."""
    spec = {"region": "eu", "name": "Laden", "owner_email": "o@example.org", "order_types": ["QuickSync"], "token": "T"}
    made = (await clover.control("POST", "/merchants", spec)).body
    truth = (await clover.control("GET", f"/merchants/{made['id']}")).body

    assert (made["token"], made["region"]) == ("T", "eu")
    assert (truth["name"], truth["currency"], truth["customerContactEmail"]) == ("Laden", "EUR", "o@example.org")
    assert [each["label"] for each in truth["order_types"]] == ["QuickSync"]


@pytest.mark.parametrize("body", [{"region": "moon"}, {"colour": "red"}, {"region": ["us"]}])
async def test_an_invalid_spec_is_refused(clover: Clover, body: dict[str, Any]) -> None:
    """No merchant is created."""
    assert (await clover.control("POST", "/merchants", body)).status == 400
    assert clover.sandbox.world.merchants == {}


async def test_an_id_is_unique(clover: Clover) -> None:
    """A second merchant with the same id is refused."""
    statuses = [(await clover.control("POST", "/merchants", {"id": "MERCHANT00001"})).status for _ in range(2)]

    assert statuses == [200, 400]


async def test_the_ground_truth_of_a_merchant(clover: Clover, shop: Shop) -> None:
    """It has counts, till movements, and orders with lines and payments, also deleted ones."""
    shop.till("create_item", name="Soup", price=250, sku="SOUP", quantity=10)
    sale = shop.till("sell", sku="SOUP", quantity=2)
    gone = await shop.post("/orders", {"externalReferenceId": "GONE"})
    await shop.call("DELETE", f"/orders/{gone['id']}")
    truth = (await clover.control("GET", f"/merchants/{shop.merchant.id}")).body

    assert [(each["quantity"], each["till_moved"]) for each in truth["items"]] == [(8, -2)]
    assert [(each["id"], each["deleted"]) for each in truth["orders"]] == [(gone["id"], True), (sale["order"], False)]
    (payment,) = truth["orders"][1]["payments"]
    assert (payment["amount"], payment["tender"]["labelKey"]) == (500, "com.clover.tender.cash")
    history = (await clover.control("GET", f"/merchants/{shop.merchant.id}/items/SOUP")).body["history"]
    assert [(each["cause"], each["after"]) for each in history] == [("recount", 10), ("sale", 9), ("sale", 8)]


async def test_the_ground_truth_finds_orders_by_reference(clover: Clover, shop: Shop) -> None:
    """Drafts are included."""
    await shop.post("/orders", {"externalReferenceId": "REF"})
    await shop.post("/orders", {})
    found = (await clover.control("GET", f"/merchants/{shop.merchant.id}/orders?reference=REF")).body["orders"]

    assert [each["externalReferenceId"] for each in found] == ["REF"]


async def test_the_till_works_over_http(clover: Clover, shop: Shop) -> None:
    """A refusal has a reason."""
    path = f"/merchants/{shop.merchant.id}/till"
    made = await clover.control("POST", f"{path}/create_item", {"name": "Soup", "price": 1, "quantity": 0.5})
    refused = await clover.control("POST", f"{path}/sell", {"sku": "NONE"})
    unknown = await clover.control("POST", "/merchants/NONE/till/sell", {})

    assert (made.status, shop.count(made.body["id"])) == (200, 0.5)
    assert (refused.status, unknown.status) == (400, 404)
    assert "sku" in refused.body["message"]


async def test_every_call_is_recorded(clover: Clover, shop: Shop) -> None:
    """An entry has times, status, fault and whether the call was applied, but never a token."""
    clover.fail("fail_after", method="POST", path="/items$", times=1)
    await shop.call("POST", "/items", {"name": "n", "price": 1})
    await shop.call("GET", "/nonsense")
    body = (await clover.control("GET", f"/requests?merchant={shop.merchant.id}&method=POST")).body

    (entry,) = body["requests"]
    assert (entry["status"], entry["applied"], entry["fault"], entry["over_limit"]) == (503, True, "fail_after", None)
    assert entry["out"] >= entry["in"]
    assert body["counters"]["by_status"] == {"503": 1, "404": 1}
    assert shop.token not in str(body)


async def test_calls_are_filtered_and_deleted(clover: Clover, shop: Shop) -> None:
    """Filters are seq, path and status; deletion keeps the numbering."""
    for path in ("/items", "/orders", "/items", "/nonsense"):
        await shop.call("GET", path)
    seqs = [
        (await clover.control("GET", f"/requests?{query}")).body["requests"]
        for query in ("path=/items", "since=3", "status=404", "limit=1")
    ]
    assert [[each["seq"] for each in rows] for rows in seqs] == [[1, 3], [4], [4], [1]]

    await clover.control("DELETE", "/requests")
    await shop.call("GET", "/items")
    body = (await clover.control("GET", "/requests")).body
    assert ([each["seq"] for each in body["requests"]], body["counters"]["total"], body["last_seq"]) == ([5], 1, 5)


async def test_faults_are_set_counted_and_cleared(clover: Clover, shop: Shop) -> None:
    """Rules can be replaced, added and removed."""
    await clover.control("PUT", "/faults", {"rules": [{"id": "a", "kind": "refuse", "times": 1}]})
    added = (await clover.control("POST", "/faults", {"kind": "delay", "ms": 1})).body
    await shop.call("GET", "/items")
    rules = (await clover.control("GET", "/faults")).body["rules"]

    assert [(each["id"], each["matched"], each["played"]) for each in rules] == [("a", 1, 1), (added["id"], 0, 0)]
    assert (await clover.control("DELETE", "/faults/a")).status == 200
    assert (await clover.control("DELETE", "/faults/a")).status == 404
    await clover.control("DELETE", "/faults")
    assert (await clover.control("GET", "/faults")).body["rules"] == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/switches", {"deduct": "sometimes"}),
        ("PATCH", "/limits", {"token": "many"}),
        ("PUT", "/faults", {"rules": {}}),
        ("POST", "/faults", {"kind": "refuse", "path": "("}),
        ("PATCH", "/latency", {"ms": "long"}),
        ("PATCH", "/latency", {"milliseconds": 5}),
        ("PATCH", "/latency", {"p50": 50}),
        ("PATCH", "/latency", {"p50": 50, "p99": 20}),
        ("PATCH", "/latency", {"p50": 0, "p99": 20}),
        ("PATCH", "/latency", {"ms": 50, "spike_probability": 2}),
        ("PATCH", "/latency", {"ms": 50, "p95": 60}),
        ("POST", "/clock", {"advance": -1}),
        ("POST", "/clock", {"advance": 1e18}),
        ("GET", "/requests?since=yesterday", None),
    ],
)
async def test_an_invalid_behaviour_setting_is_400(clover: Clover, method: str, path: str, body: Any) -> None:
    """The answer has a reason."""
    reply = await clover.control(method, path, body)

    assert reply.status == 400
    assert reply.body["message"]


async def test_behaviour_is_changed_and_shown(clover: Clover) -> None:
    """Switches have descriptions; limits, latency and clock are settable."""
    await clover.control("PATCH", "/switches", {"deduct": "on_payment"})
    switches = (await clover.control("GET", "/switches")).body
    limits = (await clover.control("PATCH", "/limits", {"token": 3})).body
    before = (await clover.control("GET")).body["now"]
    after = (await clover.control("POST", "/clock", {"advance": 100})).body["now"]

    assert (switches["modes"]["deduct"], switches["switches"]["deduct"]["confidence"]) == ("on_payment", "a guess")
    assert (limits["token"], after - before >= 100_000) == (3, True)
    assert (await clover.control("DELETE", "/switches")).body["modes"]["deduct"] == "none"


async def test_latency_is_changed_and_shown(clover: Clover) -> None:
    """It is constant, or log-normal with spikes."""
    constant = await clover.control("PATCH", "/latency", {"ms": 5})
    spread = await clover.control("PATCH", "/latency", {"p50": 5, "p99": 9, "spike_ms": 100, "spike_probability": 0.5})

    assert constant.body == {"p50": 5, "p99": 5, "spike_ms": 0, "spike_probability": 0}
    assert (await clover.control("GET")).body["latency"] == spread.body


async def test_control_calls_are_not_clover_calls(clover: Clover) -> None:
    """Control calls are neither recorded nor limited."""
    for _ in range(3):
        await clover.control("GET")

    assert clover.sandbox.journal.total == 0


@pytest.mark.parametrize("size", [500, 5_000])
async def test_an_answer_reads_only_what_it_returns(clover: Clover, shop: Shop, size: int) -> None:
    """A page, a look-up by SKU and the latest changes read as many records in a large shop as in a small one."""
    await clover.control("POST", f"/merchants/{shop.merchant.id}/items", {"count": size, "quantity": 1})
    items = shop.merchant.objects["items"]
    before, costs = items.examined, []
    for path in (
        "/items?limit=100&offset=300",
        "/item_stocks?limit=50",
        "/items?filter=sku=SKU-000077",
        "/items?filter=modifiedTime>9999999999999",
        "/items?filter=modifiedTime>0&orderBy=modifiedTime ASC&offset=300&limit=20",
        "/items?filter=name=Item SKU-000077&filter=sku=SKU-000077",
        "/items?filter=deleted=true",
    ):
        await shop.get(path)
        costs.append(items.examined - before)
        before = items.examined

    assert costs == [100, 50, 1, 0, 20, 1, 0]


async def refunded_order(shop: Shop, number: int) -> dict[str, str]:
    """A paid and refunded order of a new customer, with the ids of all three."""
    contacts = {
        "emailAddresses": [{"emailAddress": f"{number}@example.org"}],
        "phoneNumbers": [{"phoneNumber": f"555{number}"}],
    }
    customer = await shop.post("/customers", {"firstName": "Ada", "lastName": f"L{number}", **contacts})
    body = {"state": "open", "externalReferenceId": f"R{number}", "customers": [{"id": customer["id"]}]}
    order = await shop.post("/orders", body)
    await shop.post(f"/orders/{order['id']}/line_items", {"name": "n", "price": 10})
    paid = shop.till("pay_order", order=order["id"])
    shop.till("refund", order=order["id"])
    return {"customer": customer["id"], "order": order["id"], "payment": paid["payment"]}


@pytest.mark.parametrize(
    ("path", "kind", "cost"),
    [
        ("/customers?filter=emailAddress=7@example.org", "customers", 1),
        ("/customers?filter=phoneNumber in ('5557','5558')", "customers", 2),
        ("/customers?filter=firstName=Ada&filter=lastName=L7", "customers", 1),
        ("/customers/{customer}?expand=orders", "orders", 0),
        ("/orders/{order}?expand=refunds", "refunds", 1),
        ("/payments/{payment}?expand=refunds", "refunds", 1),
    ],
)
async def test_customers_payments_and_refunds_are_found_without_a_scan(
    shop: Shop, path: str, kind: str, cost: int
) -> None:
    """Indexes cover contacts and names, a customer's orders, and the refunds of an order or payment."""
    made = [await refunded_order(shop, number) for number in range(12)]
    before = shop.merchant.objects[kind].examined
    shown = await shop.get(path.format(**made[7]))

    rows = shown if "elements" in shown else shown[path.rpartition("=")[2]]
    assert len(rows["elements"]) == max(cost, 1)
    assert shop.merchant.objects[kind].examined - before == cost


def test_the_readme_names_every_path_of_clover_with_its_methods() -> None:
    """The README and the router list the same paths."""
    section = " ".join(README.read_text().partition("## What is there")[2].split())
    named = {path: set(methods.split()) for path, methods in re.findall(r"`([^`]+)` ((?:[A-Z]+ ?)+|nothing)", section)}
    there: dict[str, set[str]] = {path: {"nothing"} for family in (items, payments) for path in family.KNOWN}
    for route in (route for family in FAMILIES for route in family.ROUTES if route.path):
        there.setdefault(route.path, set()).add(route.method)

    assert named == there


def test_the_readme_names_every_switch_with_its_modes() -> None:
    """The table of confidence lists each switch with its default mode first."""
    text = README.read_text()
    modes = {
        name: ", ".join([each.default, *(mode for mode in each.modes if mode != each.default)])
        for name, each in SWITCHES.items()
    }

    assert [f"`{name}` {said}" for name, said in modes.items() if f"`{name}` {said}" not in text] == []


def test_the_readme_names_every_path_of_the_control_api() -> None:
    """The README and the control API list the same paths."""
    text = README.read_text()

    assert [
        f"{method} /_sandbox{path}" for method, path, _ in ENDPOINTS if f"`{method} /_sandbox{path}`" not in text
    ] == []
