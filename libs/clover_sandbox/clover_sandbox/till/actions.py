"""The list of all till actions."""

from collections.abc import Callable, Mapping
from typing import Any

from clover_sandbox.answers import bad_request
from clover_sandbox.collection import Record
from clover_sandbox.merchant import Merchant
from clover_sandbox.till import back_office, counter, labels, returns

Action = Callable[[Merchant, Mapping[str, Any]], Record]

ACTIONS: Mapping[str, Action] = {
    each.__name__: each
    for each in (
        counter.sell,
        counter.open_order,
        counter.park_order,
        counter.pay_order,
        returns.refund,
        returns.exchange,
        returns.credit,
        returns.void_credit,
        counter.void_line,
        counter.print_receipt,
        counter.recalculate,
        counter.delete_order,
        back_office.recount,
        back_office.create_item,
        back_office.edit_item,
        back_office.delete_item,
        back_office.create_order_type,
        back_office.edit_order_type,
        back_office.delete_order_type,
        back_office.edit_properties,
        labels.create_label,
        labels.edit_label,
        labels.delete_label,
        labels.label_item,
        labels.unlabel_item,
    )
}


def play_till(merchant: Merchant, action: str, given: Mapping[str, Any]) -> Record:
    """Run one action at the merchant's till. Raise 400 for an unknown action or bad input."""
    if action not in ACTIONS:
        raise bad_request(f"the till cannot {action!r}; it can {', '.join(ACTIONS)}")
    return ACTIONS[action](merchant, given)
