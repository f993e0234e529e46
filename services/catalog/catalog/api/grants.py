"""Gives grants to our own services, and takes them back."""

from dataclasses import asdict
from uuid import UUID

from catalog.sync import Deps
from common.clover.grants import GrantAnswer, GrantRequest
from common.errors import NotFound
from common.http.routes import Answer, Call, Nothing


async def take_grant(call: Call[Deps, GrantRequest]) -> GrantAnswer:
    wanted = call.input
    grant = await call.deps.grants.lease(wanted.merchant_id, wanted.holder, wanted.service)
    return GrantAnswer(**asdict(grant))


async def give_back_grant(call: Call[Deps, Nothing]) -> Answer:
    try:
        grant_id = UUID(call.path["grant_id"])
    except ValueError:
        raise NotFound("There is no such grant.") from None
    await call.deps.grants.end(grant_id)
    return Answer(204)
