"""The kinds of orders: orders and their lines."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from clover_sandbox.call import Call
from clover_sandbox.collection import Record
from clover_sandbox.kinds import Expand, Kind, check_expands, elements, show
from clover_sandbox.merchant import Line, Sheet
from clover_sandbox.query import Tree
from clover_sandbox.rest.customer_kinds import CUSTOMERS, employee
from clover_sandbox.rest.payment_kinds import PAYMENTS, WINDOW_MS
from clover_sandbox.shapes import Flag, Ref, Text, Whole

WINDOWED = frozenset(
    {
        "deletedTime",
        "externalReferenceId",
        "createdTime",
        "total",
        "payType",
        "title",
        "note",
        "state",
        "manualTransaction",
        "cardTransaction.last4",
        "testMode",
    }
)
PAY_TYPES = ("SPLIT_GUEST", "SPLIT_ITEM", "SPLIT_CUSTOM", "FULL")
REFERENCE = re.compile(r"[A-Za-z0-9]{1,12}")


def _of_line(view: Callable[[Call, Line], list[Record]]) -> Expand:
    def expand(call: Call, record: Record, _tree: Tree) -> Any:
        return elements(view(call, call.merchant.sheets[record["orderRef"]["id"]].lines[record["id"]]))

    return expand


def _of_sheet(view: Callable[[Call, Sheet, Tree], Any]) -> Expand:
    return lambda call, record, tree: view(call, call.merchant.sheets[record["id"]], tree)


def _lines(call: Call, sheet: Sheet, tree: Tree) -> Any:
    return elements([show(call, LINE_ITEMS, line.record, tree) for line in sheet.lines.values()])


def _payments(call: Call, sheet: Sheet, tree: Tree) -> Any:
    return elements([show(call, PAYMENTS, each, tree) for each in call.merchant.found("payments", sheet.payment_ids)])


def _customers(call: Call, sheet: Sheet, tree: Tree) -> Any:
    check_expands(call, CUSTOMERS, tree)
    return elements(
        [show(call, CUSTOMERS, each, tree) for each in call.merchant.found("customers", sheet.customer_ids)]
    )


def _money_back(kind: str) -> Expand:
    def expand(call: Call, record: Record, _tree: Tree) -> Any:
        return elements(list(call.merchant.objects[kind].having("orderRef.id", [record["id"]]) or ())[::-1])

    return expand


def _order_type(call: Call, record: Record, _tree: Tree) -> Any:
    return call.merchant.objects["order_types"].get(record.get("orderType", {}).get("id", ""))


def _is_listed(record: Record) -> bool:
    return "state" in record


def _order_window(call: Call) -> Callable[[Record], bool] | None:
    """Limit some filters to 90 days (documented) and hide the youngest orders from a stale index."""
    windowed = not WINDOWED.isdisjoint(each.field for each in call.query.conditions)
    if not windowed and not (call.query.conditions and call.index_lag):
        return None
    oldest = call.merchant.now_ms() - WINDOW_MS if windowed else 0
    youngest = call.merchant.shared.clock.monotonic() - call.index_lag
    sheets = call.merchant.sheets
    return lambda record: (
        _is_listed(record) and record["createdTime"] >= oldest and sheets[record["id"]].born <= youngest
    )


ORDERS = Kind(
    name="orders",
    permission="ORDERS",
    shape={
        "title": Text(127),
        "note": Text(2047),
        "state": Text(31),
        "total": Whole(),
        "orderType": Ref(),
        "employee": Ref(),
        "device": Ref(),
        "taxRemoved": Flag(),
        "testMode": Flag(),
        "manualTransaction": Flag(),
        "groupLineItems": Flag(),
        "payType": Text(choices=PAY_TYPES),
        "clientCreatedTime": Whole(0),
    },
    own=("externalReferenceId", "paymentState", "deletedTimestamp"),
    filters=(
        "id",
        "modifiedTime",
        "createdTime",
        "clientCreatedTime",
        "deletedTime",
        "externalReferenceId",
        "total",
        "payType",
        "title",
        "note",
        "state",
        "manualTransaction",
        "testMode",
        "employee.id",
        "orderType.id",
        "paymentState",
    ),
    doubtful={"id": "orders_by_id"},
    aliases={"deletedTime": "deletedTimestamp"},
    expands={
        "lineItems": _of_sheet(_lines),
        "payments": _of_sheet(_payments),
        "customers": _of_sheet(_customers),
        "discounts": _of_sheet(lambda _call, sheet, _tree: elements(list(sheet.discounts.values()))),
        "serviceCharge": _of_sheet(lambda _call, sheet, _tree: sheet.service_charge),
        "refunds": _money_back("refunds"),
        "credits": _money_back("credits"),
        "voids": lambda _call, _record, _tree: elements([]),
        "orderType": _order_type,
        "employee": employee,
    },
    expand_permissions={
        "payments": "PAYMENTS_R",
        "refunds": "PAYMENTS_R",
        "credits": "PAYMENTS_R",
        "voids": "PAYMENTS_R",
        "customers": "CUSTOMERS_R",
        "employee": "EMPLOYEES_R",
    },
    href=True,
    missing=("Not Found", "Order not found"),
    restrict=_order_window,
)

LINE_ITEMS = Kind(
    name="line_items",
    permission="ORDERS",
    shape={
        "item": Ref(),
        "name": Text(127),
        "alternateName": Text(127),
        "price": Whole(),
        "unitQty": Whole(0),
        "unitName": Text(64),
        "itemCode": Text(100),
        "note": Text(255),
        "userData": Text(255),
        "binName": Text(127),
        "isRevenue": Flag(),
    },
    expands={
        "modifications": _of_line(lambda _call, line: list(line.modifications.values())),
        "discounts": _of_line(lambda _call, line: list(line.discounts.values())),
        "taxRates": _of_line(lambda call, line: call.merchant.found("tax_rates", line.tax_rate_ids)),
    },
    missing=("Not Found", "Line item not found"),
)


def customer_rows(value: Any) -> Iterable[Any]:
    """Return the customers of an order body: a list or an elements envelope (clients send both)."""
    rows = value.get("elements") if isinstance(value, dict) else value
    return rows if isinstance(rows, list) else ()
