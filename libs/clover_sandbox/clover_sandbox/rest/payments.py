"""Payments, refunds and tenders. These are records only: REST moves and refunds no money."""

from clover_sandbox import sales
from clover_sandbox.answers import Answer, bad_request
from clover_sandbox.call import Call
from clover_sandbox.collection import Record
from clover_sandbox.listing import list_some
from clover_sandbox.rest.merchant_kinds import TENDERS
from clover_sandbox.rest.objects import alter, kept, listing, need, one, reading
from clover_sandbox.rest.orders import need_order
from clover_sandbox.rest.payment_kinds import CREDIT_REFUNDS, CREDITS, PAYMENTS, REFUNDS
from clover_sandbox.rest.routes import Route
from clover_sandbox.shapes import accept, an_object

CARD_TENDERS = frozenset({"com.clover.tender.credit_card", "com.clover.tender.debit_card"})


def create_payment(call: Call) -> Answer:
    """Record a payment. Clover requires an amount and a valid tender and refuses card tenders (recorded)."""
    order = need_order(call)
    fields = accept(PAYMENTS.shape, call.body)
    if fields["amount"] <= 0:
        raise bad_request("amount must be greater than 0")
    _check_tender(call, fields["tender"]["id"])
    fields["offline"] = bool(fields.get("offline"))
    payment = sales.pay(call.merchant, order["id"], fields)
    return one(call, PAYMENTS, _with_tender(call, payment))


def list_order_payments(call: Call) -> Answer:
    sheet = call.merchant.sheets[need_order(call)["id"]]
    return list_some(call, PAYMENTS, call.merchant.found("payments", sheet.payment_ids))


def update_payment(call: Call) -> Answer:
    """Change the employee of a payment, its only writable field (documented)."""
    payment = need(call.merchant, PAYMENTS, call.ids["id"])
    employee = {name: an_object(call.body)[name] for name in ("employee",) if name in an_object(call.body)}
    changes = accept(PAYMENTS.shape, employee, partial=True)
    return one(call, PAYMENTS, alter(call.merchant, PAYMENTS, payment["id"], changes))


def payment_status(call: Call) -> Answer:
    return Answer({"result": need(call.merchant, PAYMENTS, call.ids["id"])["result"]})


def _check_tender(call: Call, tender_id: str) -> None:
    tender = call.merchant.shown("tenders", tender_id)
    if tender is None:
        raise bad_request("Invalid tender")
    if tender.get("labelKey") in CARD_TENDERS:
        raise bad_request(
            "Native credit and debit payments cannot be added; use an external tender type such as external payment"
        )


def _with_tender(call: Call, payment: Record) -> Record:
    href = f"{call.base_url}/v3/merchants/{call.merchant.id}/tenders/{payment['tender']['id']}"
    return {**payment, "tender": {**payment["tender"], "href": href}}


ROUTES = [
    Route("GET", "orders/{id}/payments", list_order_payments, "PAYMENTS_R"),
    Route("POST", "orders/{id}/payments", create_payment, "PAYMENTS_W"),
    Route("GET", "payments", listing(PAYMENTS), "PAYMENTS_R"),
    Route("GET", "payments/{id}", reading(PAYMENTS), "PAYMENTS_R"),
    Route("POST", "payments/{id}", update_payment, "PAYMENTS_W"),
    Route("GET", "payments/{id}/status", payment_status, "PAYMENTS_R"),
    Route("GET", "refunds", listing(REFUNDS), "PAYMENTS_R"),
    Route("GET", "refunds/{id}", reading(REFUNDS), "PAYMENTS_R"),
    Route("GET", "credits", listing(CREDITS), "PAYMENTS_R"),
    Route("GET", "credits/{id}", reading(CREDITS), "PAYMENTS_R"),
    Route("GET", "credit_refunds", listing(CREDIT_REFUNDS), "PAYMENTS_R"),
    Route("GET", "credit_refunds/{id}", reading(CREDIT_REFUNDS), "PAYMENTS_R"),
    *kept(TENDERS),
]
KNOWN = ["orders/{id}/payments/{payment}", "orders/{id}/payments/{payment}/refund"]
