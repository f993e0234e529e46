"""Finds the order that a request addresses: by its id, and by channel and store where the id alone is ambiguous."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from common.db.unit import Connection
from common.errors import NotFound, Problem
from common.http.problems import Refused
from common.http.routes import Call, Input
from orders import store
from orders.deps import Deps
from orders.domain.identity import Identity
from orders.store.orders import Named


class OrderAddress(Input):
    """The channel and store of an order, needed only where two stores use the same order id."""

    channel: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=40)] | None,
        Field(description="The order's channel, such as `shopify`. Needed where two stores use the same order id."),
    ] = None
    store: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=200)] | None,
        Field(description="The order's store, such as `mugs.example`. Needed where two stores use the same order id."),
    ] = None


async def resolve(conn: Connection, call: Call[Deps, Any], address: OrderAddress) -> str:
    """Return the reference of the addressed order. Raises NotFound, and Refused when several orders have this id."""
    source_id = call.path["source_id"]
    named = await store.orders.named(conn, call.merchant_id, source_id)
    fitting = [each for each in named if _fits(call, address, each)]
    match fitting:
        case [one]:
            return one.reference
        case []:
            raise unknown(source_id)
        case _:
            raise _ambiguous(source_id, fitting)


def _fits(call: Call[Deps, Any], address: OrderAddress, named: Named) -> bool:
    if address.channel not in {None, named.channel}:
        return False
    if address.store in {None, named.store}:
        return True
    # Outside the US the stored text of a store may lack personal details; then the reference recognizes it.
    identity = Identity(named.channel, address.store or "", call.path["source_id"])
    return named.reference in identity.references(call.deps.reference_key, call.merchant_id)


def unknown(source_id: str) -> NotFound:
    return NotFound(f"This merchant has no such order {source_id}.")


def _ambiguous(source_id: str, candidates: list[Named]) -> Refused:
    known = "; ".join(f"channel {each.channel}, store {each.store}" for each in candidates)
    problem, remedy = "does not tell which order is meant", f"Send the one of: {known}."
    return Refused(
        409,
        "ambiguous_order",
        f"{len(candidates)} stores have an order {source_id}. Name one with the query parameters channel and store.",
        [Problem("channel", problem, remedy), Problem("store", problem, remedy)],
    )
