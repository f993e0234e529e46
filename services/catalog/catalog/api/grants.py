"""Leases and grants of Clover calls, for QuickSync's own services."""

from catalog.deps import Deps
from common.clover.grants import GrantRequest, Lent
from common.http.routes import Access, Call, Route


async def lend_calls(call: Call[Deps, GrantRequest]) -> Lent:
    return await call.deps.lender.lend(call.input)


ROUTES = [
    Route(
        "POST",
        "/internal/grants",
        lend_calls,
        Access.INTERNAL,
        takes=GrantRequest,
        gives=Lent,
        summary="Lend a process calls to Clover, with the tokens of the merchants it calls for",
    ),
]
