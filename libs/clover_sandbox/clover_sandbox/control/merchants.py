"""Merchants in the control API: create them, add items, read their ground truth, use their till."""

from dataclasses import fields
from decimal import Decimal
from typing import Any

from aiohttp import web

from clover_sandbox.answers import Refused
from clover_sandbox.collection import Record
from clover_sandbox.control.body import body_of, merchant_in, number_in
from clover_sandbox.merchant import Merchant
from clover_sandbox.merchant_factory import REGIONS, MerchantSpec
from clover_sandbox.rest.inventory_kinds import ITEMS
from clover_sandbox.rest.objects import make
from clover_sandbox.sandbox import Sandbox
from clover_sandbox.shapes import accept
from clover_sandbox.stock import write_count
from clover_sandbox.till.actions import play_till

SPEC_FIELDS = frozenset(each.name for each in fields(MerchantSpec))
SHOWN_AT_ONCE = 1000
MOST_FILLED = 1_000_000


async def create_merchant(sandbox: Sandbox, request: web.Request) -> Any:
    """Create a merchant from `{"region", ...}` and answer `{"id", "token"}`."""
    body = await body_of(request)
    permissions, token = _permissions(body), body.pop("token", None)
    unknown = sorted(set(body) - SPEC_FIELDS)
    if unknown:
        raise ValueError(
            f"a merchant has no {unknown[0]!r}; it has {', '.join(sorted(SPEC_FIELDS))}, permissions, token"
        )
    if body.get("region", "us") not in REGIONS:
        raise ValueError(f"region is one of {', '.join(REGIONS)}")
    body["order_types"] = tuple(body.get("order_types", ()))
    merchant, given = sandbox.world.add_merchant(MerchantSpec(**body), permissions, token)
    return {"id": merchant.id, "token": given, "region": merchant.region}


async def list_merchants(sandbox: Sandbox, _request: web.Request) -> Any:
    return {
        "merchants": [
            {"id": each.id, "region": each.region, "name": each.profile["name"]}
            for each in sandbox.world.merchants.values()
        ]
    }


async def read_merchant(sandbox: Sandbox, request: web.Request) -> Any:
    """Return the ground truth with the `limit` (1000) newest items and orders."""
    merchant = merchant_in(sandbox, request)
    limit = number_in(request.query, "limit", SHOWN_AT_ONCE)
    return {
        **merchant.profile,
        "region": merchant.region,
        "currency": merchant.currency,
        "properties": merchant.properties,
        "installed": merchant.installed,
        "counts": {kind: len(collection) for kind, collection in merchant.objects.items()},
        "items": [_item(merchant, each) for each in merchant.objects["items"].page(0, limit)],
        "orders": [order_truth(merchant, each) for each in _newest_orders(merchant, limit)],
        "order_types": list(merchant.objects["order_types"]),
        "customers": [_customer(merchant, each) for each in merchant.objects["customers"].page(0, limit)],
        "personal_fields_dropped": merchant.personal_fields_dropped,
    }


async def read_item(sandbox: Sandbox, request: web.Request) -> Any:
    """Return one item by id or SKU, with the history of its count."""
    merchant = merchant_in(sandbox, request)
    wanted = request.match_info["item"]
    item = merchant.objects["items"].get(wanted) or next(
        iter(merchant.objects["items"].having("sku", [wanted]) or ()), None
    )
    if item is None:
        raise Refused(404, "there is no such item")
    stock = merchant.stocks.get(item["id"])
    history = (
        [{"cause": each.cause, "before": each.before, "after": each.after, "at": each.at} for each in stock.history]
        if stock
        else []
    )
    return {**_item(merchant, item), "history": history}


async def read_orders(sandbox: Sandbox, request: web.Request) -> Any:
    """List orders, drafts and deleted ones too, oldest first. `?reference=` filters by externalReferenceId."""
    merchant = merchant_in(sandbox, request)
    reference = request.query.get("reference")
    orders = merchant.objects["orders"]
    found = None if reference is None else orders.having("externalReferenceId", [reference], hidden_too=True)
    rows = orders.everything() if found is None else list(found)[::-1]
    return {"orders": [order_truth(merchant, each) for each in rows]}


async def fill_items(sandbox: Sandbox, request: web.Request) -> Any:
    """Create many items from `{"count", "prefix"?, "price"?, "quantity"?}` without webhooks."""
    merchant, body = merchant_in(sandbox, request), await body_of(request)
    prefix, count = str(body.get("prefix", "SKU-")), body.get("count", 0)
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MOST_FILLED:
        raise ValueError(f"count must be a whole number up to {MOST_FILLED}")
    quantity = Decimal(str(body["quantity"])) if "quantity" in body else None
    # Longest name and SKU first: when these are accepted, all are.
    last = {"name": f"Item {prefix}{count:06d}", "sku": f"{prefix}{count:06d}", "price": body.get("price", 1000)}
    accepted = accept(ITEMS.shape, last)
    with merchant.silent():
        for number in range(1, count + 1):
            sku = f"{prefix}{number:06d}"
            item = make(merchant, ITEMS, {**accepted, "name": f"Item {sku}", "sku": sku})
            if quantity is not None:
                write_count(merchant, item["id"], quantity, "recount")
    return {"items": len(merchant.objects["items"])}


async def run_till(sandbox: Sandbox, request: web.Request) -> Any:
    """Run a till action, or install, uninstall or resubscribe the app."""
    merchant, action = merchant_in(sandbox, request), request.match_info["action"]
    if action == "uninstall_app":
        sandbox.world.uninstall(merchant)
        sandbox.oauth.revoke_refreshes(merchant.id)
        return {"installed": False}
    if action == "install_app":
        return {"installed": True, "token": sandbox.world.install(merchant, _permissions(await body_of(request)))}
    if action == "change_subscription":
        merchant.emit("A", sandbox.world.app.id, "UPDATE")
        return {"installed": merchant.installed}
    return play_till(merchant, action, await body_of(request))


def _permissions(body: dict[str, Any]) -> list[str] | None:
    """Remove the requested permissions from the body and return them."""
    asked = body.pop("permissions", None)
    if asked is not None and not (isinstance(asked, list) and all(isinstance(each, str) for each in asked)):
        raise ValueError("permissions must be a list of names")
    return asked


def order_truth(merchant: Merchant, order: Record) -> Record:
    """Return an order with its lines, payments and customers."""
    sheet = merchant.sheets[order["id"]]
    return {
        **order,
        "from_till": sheet.from_till,
        "deleted": "deletedTimestamp" in order,
        "lines": [line.record for line in sheet.lines.values()],
        "line_discounts": [each for line in sheet.lines.values() for each in line.discounts.values()],
        "discounts": list(sheet.discounts.values()),
        "service_charge": sheet.service_charge,
        "voided": sheet.voided,
        "customers": sheet.customer_ids,
        "payments": [_payment(merchant, each) for each in merchant.found("payments", sheet.payment_ids)],
        "order_type_label": _label(merchant, "order_types", order.get("orderType")),
    }


def _payment(merchant: Merchant, payment: Record) -> Record:
    tender = merchant.objects["tenders"].get(payment["tender"]["id"]) or {}
    return {
        **payment,
        "tender": {**payment["tender"], "label": tender.get("label"), "labelKey": tender.get("labelKey")},
    }


def _label(merchant: Merchant, kind: str, reference: Record | None) -> Any:
    found = merchant.objects[kind].get(reference["id"]) if reference else None
    return found.get("label") if found else None


def _item(merchant: Merchant, item: Record) -> Record:
    stock = merchant.stocks.get(item["id"])
    if stock is None:
        return {**item, "quantity": None, "till_moved": 0, "stock_writes": 0}
    return {**item, "quantity": stock.quantity, "till_moved": stock.till_moved, "stock_writes": stock.writes}


def _customer(merchant: Merchant, customer: Record) -> Record:
    held = merchant.contacts.get(customer["id"], {})
    return {**customer, **held, "metadata": merchant.customer_metadata.get(customer["id"], {})}


def _newest_orders(merchant: Merchant, limit: int) -> list[Record]:
    return list(merchant.objects["orders"].everything())[-limit:][::-1]
