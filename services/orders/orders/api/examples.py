"""The examples of the OpenAPI document; tests send the requests and compare the answers with the document."""

from typing import Any

ORDER: dict[str, Any] = {
    "channel": {"channel": "shopify", "store": "mugs.example"},
    "number": "#1001",
    "currency": "USD",
    "lines": [
        {"sku": "MUG", "name": "Mug", "quantity": 2, "unit_price": 1250},
        {"sku": "POSTER", "name": "Poster", "quantity": 1, "unit_price": 999},
    ],
    "total": 3499,
    "customer": {"first_name": "Ada", "last_name": "Byron", "email": "ada@example.com"},
    "note": "Please ring twice.",
    "placed_at": "2026-11-23T10:00:00+01:00",
}


def _entry(seconds: float, event: str, detail: str = "") -> dict[str, Any]:
    return {"at": f"2026-11-23T09:00:{seconds:09.6f}Z", "event": event, "detail": detail}


_RECEIVED = _entry(4.2, "received")
_SENT = [
    _RECEIVED,
    _entry(4.26, "create_sent", "7KQ2M9X4T1BZ"),
    _entry(4.31, "created", "7KQ2M9X4T1BZ"),
    _entry(4.37, "lines_added", "1-3"),
    _entry(4.44, "customer_set", "7KQ2M9X4T1BZ"),
    _entry(4.55, "payment_added", "7KQ2M9X4T1BZ"),
    _entry(4.61, "paid"),
]

_SUMMARY: dict[str, Any] = {
    "source_id": "o-1001",
    "state": "ready",
    "requested_action": None,
    "channel": ORDER["channel"],
    "number": "#1001",
    "currency": "USD",
    "total": 3499,
    "units": 3,
    "placed_at": "2026-11-23T09:00:00Z",
    "received_at": _RECEIVED["at"],
    "attempts": 0,
    "reference": "7KQ2M9X4T1BZ",
    "clover_order_id": None,
    "reason": None,
    "problem": None,
    "next_attempt_at": _RECEIVED["at"],
}
_PAID = _SUMMARY | {"state": "paid", "attempts": 1, "clover_order_id": "4KZ0MDNQ7R8VA", "next_attempt_at": None}

_SUMS = {"total": 3499, "tax": 0, "tip": 0, "paid": 3499}
_DETAIL: dict[str, Any] = {"sums": {"store": _SUMS, "clover": _SUMS, "rounding": 0}, "notices": []}
_NOT_SENT: dict[str, Any] = {"sums": {"store": _SUMS, "clover": None, "rounding": 0}, "notices": []}

RECEIVED = _SUMMARY | _NOT_SENT | {"timeline": [_RECEIVED]}
PAID = _PAID | _DETAIL | {"timeline": _SENT}
PAGE = {"orders": [_PAID], "next": None}


def _requested(event: str, action: str | None) -> dict[str, Any]:
    asked = _entry(30.0, event)
    return _PAID | _DETAIL | {"requested_action": action, "next_attempt_at": asked["at"], "timeline": [*_SENT, asked]}


COMPLETING = _requested("complete_requested", "complete")
CANCELLING = _requested("cancel_requested", "cancel")
RETRYING = (
    _SUMMARY
    | _DETAIL
    | {
        "state": "rejected",
        "attempts": 1,
        "clover_order_id": "4KZ0MDNQ7R8VA",
        "reason": "Invalid line item",
        "timeline": [
            *_SENT[:3],
            _entry(4.37, "send_refused", "add_lines"),
            _entry(4.38, "rejected", "Invalid line item"),
        ],
    }
)

SALES = {
    "sales": [
        {
            "clover_order_id": "8WT4R2H6C0PZE",
            "sold_at": "2026-11-23T14:05:31Z",
            "currency": "USD",
            "paid": 2706,
            "refunded": 0,
            "added_tax": 206,
            "contained_tax": 0,
            "tips": 300,
            "lines": [
                {"item_id": "1MUG5KQ3V7D0A", "sku": "MUG", "quantity": 1, "amount": 1250},
                {"item_id": "6TEA0ZB9N4X2C", "sku": None, "quantity": 0.255, "amount": 1250},
            ],
        }
    ],
    "next": None,
}

HELD_CSV = (
    "source_id,number,channel,store,total,currency,received_at,problem,reason,remedy\r\n"
    "o-1001,#1001,shopify,mugs.example,3499,USD,2026-11-23T09:00:04.200000+00:00,order_rejected,Invalid line item,"
    "Correct the order in the store it came from.\r\n"
)
