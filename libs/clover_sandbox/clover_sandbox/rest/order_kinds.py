"""The order kinds: orders, lines, payments, refunds, tenders, order types."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from clover_sandbox.call import Call
from clover_sandbox.collection import Record
from clover_sandbox.kinds import Expand, Kind, check_expands, elements, show
from clover_sandbox.merchant import Line, Merchant, Sheet
from clover_sandbox.query import Tree
from clover_sandbox.rest.customer_kinds import CUSTOMERS
from clover_sandbox.shapes import Flag, Ref, Text, Whole

WINDOW_MS = 90 * 24 * 3600 * 1000
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


def payment_tender(call: Call, record: Record, _tree: Tree) -> Any:
    return call.merchant.objects["tenders"].get(record["tender"]["id"])


def payment_order(call: Call, record: Record, _tree: Tree) -> Any:
    return call.merchant.objects["orders"].get(record["order"]["id"])


def payment_refunds(call: Call, record: Record, _tree: Tree) -> Any:
    return elements(list(call.merchant.objects["refunds"].having("payment.id", [record["id"]]) or ())[::-1])


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


def _employee(call: Call, record: Record, _tree: Tree) -> Any:
    return call.merchant.objects["employees"].get(record.get("employee", {}).get("id", ""))


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


def _voided(_merchant: Merchant, record: Record) -> Sequence[bool]:
    return (bool(record.get("voided")),)


def _payment_window(call: Call) -> Callable[[Record], bool] | None:
    """Limit a list without a time filter to 90 days (documented)."""
    if any(each.field in {"createdTime", "modifiedTime"} for each in call.query.conditions):
        return None
    oldest = call.merchant.now_ms() - WINDOW_MS
    return lambda record: record["createdTime"] >= oldest


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
        "employee": _employee,
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

PAYMENTS = Kind(
    name="payments",
    permission="PAYMENTS",
    shape={
        "amount": Whole(required=True),
        "tender": Ref(required=True),
        "tipAmount": Whole(0),
        "taxAmount": Whole(0),
        "cashTendered": Whole(0),
        "externalPaymentId": Text(32),
        "note": Text(255),
        "employee": Ref(),
        "offline": Flag(),
        "createdTime": Whole(0),
    },
    filters=(
        "id",
        "createdTime",
        "modifiedTime",
        "amount",
        "result",
        "externalPaymentId",
        "order.id",
        "tender.id",
        "voided",
    ),
    reads={"voided": _voided},
    expands={"tender": payment_tender, "order": payment_order, "refunds": payment_refunds, "employee": _employee},
    expand_permissions={"order": "ORDERS_R", "employee": "EMPLOYEES_R"},
    event="P",
    href=True,
    restrict=_payment_window,
)

REFUNDS = Kind(
    name="refunds",
    permission="PAYMENTS",
    shape={},
    filters=("id", "createdTime", "modifiedTime", "amount", "orderRef.id", "payment.id"),
    href=True,
)

CREDITS = Kind(name="credits", permission="PAYMENTS", shape={}, filters=("id", "createdTime", "amount"), href=True)
CREDIT_REFUNDS = Kind(name="credit_refunds", permission="PAYMENTS", shape={}, filters=("id", "createdTime"), href=True)

TENDERS = Kind(
    name="tenders",
    permission="MERCHANT",
    shape={
        "label": Text(127),
        "labelKey": Text(127),
        "enabled": Flag(),
        "visible": Flag(),
        "opensCashDrawer": Flag(),
        "supportsTipping": Flag(),
        "instructions": Text(),
    },
    filters=("labelKey", "label", "opensCashDrawer", "enabled", "visible", "id", "deletedTime", "modifiedTime"),
    defaults={"editable": True, "enabled": True, "visible": True, "opensCashDrawer": False, "supportsTipping": False},
    href=True,
)

ORDER_TYPES = Kind(
    name="order_types",
    permission="MERCHANT",
    shape={
        "labelKey": Text(127),
        "label": Text(127),
        "taxable": Flag(),
        "filterCategories": Flag(),
        "isHidden": Flag(),
        "isDefault": Flag(),
        "fee": Whole(0),
        "minOrderAmount": Whole(0),
        "maxOrderAmount": Whole(0),
        "maxRadius": Whole(0),
        "avgOrderTime": Whole(0),
        "hoursAvailable": Text(choices=("ALL", "BUSINESS", "CUSTOM")),
        "customerIdMethod": Text(choices=("NAME", "TABLE", "NAME_TABLE")),
        "systemOrderTypeId": Text(13),
    },
    filters=("id", "deletedTime"),
    defaults={
        "taxable": False,
        "isDefault": False,
        "filterCategories": False,
        "fee": 0,
        "minOrderAmount": 0,
        "avgOrderTime": 0,
        "hoursAvailable": "BUSINESS",
        "isDeleted": False,
    },
)


def customer_rows(value: Any) -> Iterable[Any]:
    """Return the customers of an order body: a list or an elements envelope (clients send both)."""
    rows = value.get("elements") if isinstance(value, dict) else value
    return rows if isinstance(rows, list) else ()
