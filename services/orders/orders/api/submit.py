"""Receives orders of other stores: validates them, stores the parts of them that may be kept, and queues them."""

import re
from dataclasses import replace

from common.db import merchants
from common.db.merchants import Merchant
from common.db.unit import Unit
from common.errors import Invalid, NotFound, Problem
from common.http.problems import Refused
from common.http.routes import Answer, Call
from orders import store
from orders.api.requests import OrderInput
from orders.api.responses import detail, received
from orders.deps import Deps
from orders.domain.identity import Identity, body_digest
from orders.domain.mistakes import mistakes
from orders.domain.obstacles import MOST_LINES, is_too_large
from orders.domain.order import Order, RequestedAction
from orders.domain.privacy import as_stored, keepable
from orders.domain.progress import Progress, State
from orders.domain.setup import SETUP_CODES
from orders.domain.source import Source, differing
from orders.domain.sums import discrepancy
from orders.domain.timeline import Entry, TimelineEvent
from orders.kinds import PUSH_ORDER
from orders.sealing import open_personal, seal_personal
from orders.store.orders import StoredOrder

SOURCE_ID = re.compile(r"[\w.:#/+=~-]{1,120}", re.ASCII)
BEING_SENT_SECONDS = 5
"""A creation takes less; one whose answer was lost is looked up several times within a minute."""


async def put_order(call: Call[Deps, OrderInput]) -> Answer:
    """Store the order and queue it, or correct the stored one; the same order again changes nothing."""
    try:
        return await _put(call)
    except NotFound:  # the merchant's event may be on its way
        await merchants.find_or_fetch(call.deps.database, call.deps.catalog, call.merchant_id)
        return await _put(call)


async def _put(call: Call[Deps, OrderInput]) -> Answer:
    async with call.deps.database.unit() as unit:
        merchant = await merchants.find(unit.conn, call.merchant_id)
        body = call.input if merchant.region == "us" else call.input.without_free_text()
        order, changed = await _store(call, unit, merchant, _adding_up(body, merchant.currency))
    if order.received_at is None:  # as it was inserted, there is nothing to read
        return Answer(202, received(replace(order, received_at=unit.now)))
    return Answer(202 if changed else 200, await detail(call.deps, call.merchant_id, order.reference))


async def _store(call: Call[Deps, OrderInput], unit: Unit, merchant: Merchant, given: Source) -> tuple[Order, bool]:
    """Store the order, unless it is there already. Returns it, and whether anything changed."""
    deps, merchant_id, source_id = call.deps, merchant.merchant_id, _source_id(call.path["source_id"])
    known = set() if merchant.region == "us" else await store.links.known(unit.conn, merchant_id, given.skus)
    source = keepable(merchant.region, given, known)
    identity, body = Identity(given.channel, given.store, source_id), _as_sent(call.input)
    for own in identity.references(deps.reference_key, merchant_id):
        sealed = seal_personal(deps.sealer, merchant_id, own, source)
        digest = body_digest(deps.reference_key, own, body)
        order = Order(merchant_id, source_id, own, source, sealed, None, Progress(), body_digest=digest)
        if await store.orders.insert(unit, deps.payloads, order):
            unit.mark(PUSH_ORDER, merchant_id, own)
            return order, True
        stored = await store.orders.find_and_lock(unit.conn, deps.payloads, merchant_id, own)
        if stored is not None and (stored.order.source_id, stored.order.source.channel) == (source_id, given.channel):
            if merchant.region != "us":
                order = replace(order, source=as_stored(stored.order.source, source))
            if order.source.placed_at is None:
                order = replace(order, source=replace(order.source, placed_at=stored.order.source.placed_at))
            if stored.order.is_erased and not _begins_anew(stored.order):
                given = replace(given, customer=None, note="")
                order = replace(order, customer=None, source=replace(order.source, customer=None, note=""))
            is_same = stored.order.body_digest == digest
            different = [] if is_same else _compared(deps, merchant, stored.order, given)
            return stored.order, await _take_again(call, unit, stored, order, different)
    raise RuntimeError("no free reference for an order")


def _compared(deps: Deps, merchant: Merchant, known: Order, given: Source) -> list[str]:
    """Return the names of the fields in which the order given differs from the stored one."""
    personal = open_personal(deps.sealer, known)
    # A SKU may have been linked since, which is not a difference.
    same = keepable(merchant.region, given, known.source.skus)
    if merchant.region != "us":
        same = as_stored(known.source, same)
    return differing(replace(known.source, customer=personal.customer, note=personal.note), same)


async def _take_again(
    call: Call[Deps, OrderInput], unit: Unit, stored: StoredOrder, order: Order, different: list[str]
) -> bool:
    """Take an order whose id is known. Returns whether anything changed; raises Refused when it may not change."""
    known, payloads = stored.order, call.deps.payloads
    if _begins_anew(known):
        await store.orders.replace(unit, payloads, known, order)
        await store.orders.receive_again(unit, known)
        await _queue(unit, known, Entry(TimelineEvent.RECEIVED))
        return True
    if not different:
        return False
    if known.is_being_created:
        raise _being_sent()
    if known.progress.state is State.CANCELLED:
        raise Refused(409, "order_cancelled", "An order with this id was in Clover and is cancelled. Send a new id.")
    if known.is_only_here:
        progress, event = known.progress.corrected(), TimelineEvent.CORRECTED
    else:
        progress = await _edited(unit, known, order, different, edit=call.query.edit)
        event = TimelineEvent.EDITED
    after = replace(order, progress=progress, requested_action=known.requested_action)
    await store.orders.replace(unit, payloads, known, after)
    entry = Entry(event, ", ".join(different))
    if stored.held_problem in SETUP_CODES:  # it goes with all others once the missing part is found
        store.timeline.add(unit, known.merchant_id, known.reference, entry)
    else:
        await _queue(unit, known, entry)
    return True


def _begins_anew(known: Order) -> bool:
    """Return whether an order that is sent again takes the place of this one, which ended without Clover."""
    return known.progress.state in {State.CANCELLED, State.EXPIRED} and known.is_only_here


async def _edited(unit: Unit, known: Order, order: Order, different: list[str], *, edit: bool) -> Progress:
    """Return the progress with which an order in Clover becomes this one. Raises Refused when it may not change."""
    if not edit:
        raise _differs(different)
    if known.requested_action is RequestedAction.CANCEL:
        raise Refused(409, "order_cancelled", "The order is being cancelled and cannot be changed.")
    if known.progress.sending is not None:
        raise _being_sent()
    if is_too_large(order.source):
        problem = f"are more than Clover takes in one order, which is {MOST_LINES} with shipping and fees"
        raise Invalid.field("lines", problem, "Send the lines that the order has beyond that as an order of its own.")
    taxes = (await store.setup.find(unit.conn, known.merchant_id)).books.taxes
    return known.progress.edit(taxes.needed_by(order.source), changed=different)


async def _queue(unit: Unit, order: Order, entry: Entry) -> None:
    store.timeline.add(unit, order.merchant_id, order.reference, entry)
    await store.holding.attempt_now(unit, order)


def _being_sent() -> Refused:
    return Refused(
        409,
        "order_being_sent",
        "The order stored before is being sent to Clover, so it cannot be changed now. It was not changed. Send this "
        "order again after `Retry-After`.",
        headers={"Retry-After": str(BEING_SENT_SECONDS)},
    )


def _differs(different: list[str]) -> Refused:
    problem = "differs from the order that is in Clover"
    remedy = "Send it with `?edit=true` to have the order in Clover changed, or send the same order again."
    return Refused(
        409,
        "order_differs",
        "An order with this id is in Clover already and differs from this one. The stored order was not changed.",
        [Problem(name, problem, remedy) for name in different],
    )


def _adding_up(body: OrderInput, currency: str) -> Source:
    """Return the order if its amounts make sense and Clover can hold them. Raises Invalid."""
    if body.currency != currency:
        problem = f"is {body.currency}, this Clover counts in {currency}"
        raise Invalid.field("currency", problem, f"Send the amounts in {currency}: Clover has one currency a merchant.")
    source = body.source()
    problems = [Problem(*each) for each in mistakes(source)]
    if wrong := discrepancy(source, body.exact_total):
        problems.append(Problem("total", wrong, "Send what the customer pays in all, and each part of it once."))
    if problems:
        raise Invalid(problems)
    return source


def _as_sent(body: OrderInput) -> str:
    """Return the body without the defaults of this version. Pydantic warns of decimals that may also be absent."""
    return body.model_dump_json(exclude_unset=True, warnings=False)


def _source_id(value: str) -> str:
    if not SOURCE_ID.fullmatch(value):
        raise Invalid.field(
            "source_id", "is not an identifier", "Send 1 to 120 letters, digits and . : # / + = ~ - _ only."
        )
    return value
