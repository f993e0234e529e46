"""Receives orders of other stores: validates them, stores what may be kept of them and queues them."""

import re
from dataclasses import replace

from pydantic import TypeAdapter

from common.db import merchants
from common.db.merchants import Merchant
from common.db.unit import Unit
from common.errors import Invalid, Problem
from common.http.problems import Refused
from common.http.routes import Answer, Call
from common.ids import reference
from orders import store
from orders.api.requests import OrderInput
from orders.api.responses import detail
from orders.deps import Deps, customer_context
from orders.domain.order import Order
from orders.domain.privacy import keepable
from orders.domain.progress import Progress
from orders.domain.source import MOST_UNITS, Customer, Source, differing, lines_total
from orders.kinds import PUSH_ORDER

SOURCE_ID = re.compile(r"[\w.:#/+=~-]{1,120}", re.ASCII)
REFERENCE_TRIES = 3

_CUSTOMER = TypeAdapter(Customer)


async def put_order(call: Call[Deps, OrderInput]) -> Answer:
    """Store the order and queue it; the same order again changes nothing."""
    source_id = _source_id(call.path["source_id"])
    async with call.deps.database.unit() as unit:
        merchant = await merchants.find(unit.conn, call.merchant_id)
        source = _adding_up(call.input.source(), merchant.currency)
        new = await _store(call.deps, unit, merchant, source_id, source)
        if new:
            unit.mark(PUSH_ORDER, call.merchant_id, source_id)
    return Answer(202 if new else 200, await detail(call.deps, call.merchant_id, source_id))


async def _store(deps: Deps, unit: Unit, merchant: Merchant, source_id: str, given: Source) -> bool:
    """Store the order unless it is there already. Returns whether it was new; raises Refused when it differs."""
    merchant_id, skus = merchant.merchant_id, {line.sku for line in given.lines}
    source = keepable(merchant.region, given, await store.links.find(unit.conn, merchant_id, skus))
    context = customer_context(merchant_id, source_id)
    sealed = deps.sealer.seal(_CUSTOMER.dump_json(source.customer), context=context) if source.customer else None
    for number in range(REFERENCE_TRIES):
        own = reference(deps.reference_key, merchant_id, f"{source_id}\n{number}" if number else source_id)
        order = Order(merchant_id, source_id, own, source, sealed, requested_action=None, progress=Progress())
        if await store.orders.insert(unit, order):
            return True
        stored = await store.orders.find_and_lock(unit.conn, merchant_id, source_id)
        if stored is not None:
            known = stored.order
            opened = (
                _CUSTOMER.validate_json(deps.sealer.open(known.customer, context=context)) if known.customer else None
            )
            # A SKU may have been linked since, which is not a difference.
            same = keepable(merchant.region, given, {line.sku for line in known.source.lines})
            _refuse_other(replace(known.source, customer=opened), same)
            return False
    raise RuntimeError("no free reference for an order")


def _refuse_other(known: Source, source: Source) -> None:
    if different := differing(known, source):
        raise Refused(
            409,
            "order_differs",
            "An order with this id was received before and differs from this one. The stored order was not changed.",
            [
                Problem(name, "differs from the order received first", "Send the same order again.")
                for name in different
            ],
        )


def _adding_up(source: Source, currency: str) -> Source:
    """Return the order if Clover can hold it to the cent. Raises Invalid."""
    problems = []
    ours, count = lines_total(source.lines), sum(line.quantity for line in source.lines)
    if ours != source.total:
        problems.append(
            Problem("total", f"is {source.total}, the lines come to {ours}", "Send the sum of quantity × unit_price.")
        )
    if source.currency != currency:
        problems.append(
            Problem("currency", f"is {source.currency}, this Clover counts in {currency}", f"Send it in {currency}.")
        )
    if count > MOST_UNITS:
        problems.append(
            Problem("lines", f"are {count} units, Clover takes {MOST_UNITS} in one order", "Split the order.")
        )
    if problems:
        raise Invalid(problems)
    return source


def _source_id(value: str) -> str:
    if not SOURCE_ID.fullmatch(value):
        raise Invalid.field(
            "source_id", "is not an identifier", "Send 1 to 120 letters, digits and . : # / + = ~ - _ only."
        )
    return value
