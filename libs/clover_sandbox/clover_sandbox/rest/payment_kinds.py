"""The kinds of money: payments, refunds and credits."""

from collections.abc import Callable, Sequence
from typing import Any

from clover_sandbox.call import Call
from clover_sandbox.collection import Record
from clover_sandbox.kinds import Kind, elements
from clover_sandbox.merchant import Merchant
from clover_sandbox.query import Tree
from clover_sandbox.rest.customer_kinds import employee
from clover_sandbox.shapes import Flag, Ref, Text, Whole

WINDOW_MS = 90 * 24 * 3600 * 1000


def payment_tender(call: Call, record: Record, _tree: Tree) -> Any:
    return call.merchant.objects["tenders"].get(record["tender"]["id"])


def payment_order(call: Call, record: Record, _tree: Tree) -> Any:
    return call.merchant.objects["orders"].get(record["order"]["id"])


def payment_refunds(call: Call, record: Record, _tree: Tree) -> Any:
    return elements(list(call.merchant.objects["refunds"].having("payment.id", [record["id"]]) or ())[::-1])


def _voided(_merchant: Merchant, record: Record) -> Sequence[bool]:
    return (bool(record.get("voided")),)


def _payment_window(call: Call) -> Callable[[Record], bool] | None:
    """Limit a list without a time filter to 90 days (documented)."""
    if any(each.field in {"createdTime", "modifiedTime"} for each in call.query.conditions):
        return None
    oldest = call.merchant.now_ms() - WINDOW_MS
    return lambda record: record["createdTime"] >= oldest


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
    expands={"tender": payment_tender, "order": payment_order, "refunds": payment_refunds, "employee": employee},
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
