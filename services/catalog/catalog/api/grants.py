"""Grants of Clover calls, for QuickSync's own services."""

from dataclasses import asdict
from uuid import UUID

from catalog.deps import Deps
from common.clover.grants import GrantAnswer, GrantRequest
from common.errors import NotFound
from common.http.routes import Access, Answer, Call, Nothing, Route


async def take_grant(call: Call[Deps, GrantRequest]) -> GrantAnswer:
    request = call.input
    grant = await call.deps.grants.lease(request.merchant_id, request.holder, request.service)
    return GrantAnswer(**asdict(grant))


async def give_back_grant(call: Call[Deps, Nothing]) -> Answer:
    try:
        grant_id = UUID(call.path["grant_id"])
    except ValueError:
        raise NotFound("There is no such grant.") from None
    await call.deps.allocator.release(grant_id)
    return Answer(204)


ROUTES = [
    Route(
        "POST",
        "/internal/grants",
        take_grant,
        Access.INTERNAL,
        takes=GrantRequest,
        gives=GrantAnswer,
        also=(403, 404, 429),
        summary="Take or renew a grant of Clover calls",
    ),
    Route(
        "DELETE",
        "/internal/grants/{grant_id}",
        give_back_grant,
        Access.INTERNAL,
        status=204,
        summary="Give back a grant",
    ),
]
