"""Shows the setup of a merchant in Clover: each check, its finding, and the step to take."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from catalog.api.connection_schemas import CONNECTIONS, MERCHANT
from catalog.deps import Deps
from catalog.domain.setup import FOUND_BY_ORDERS, PROBLEMS, Check, CheckState, Recorded
from catalog.store import connections, setup
from common import messages
from common.contracts.problems import Code
from common.http.routes import Call, Nothing, Route

CODES = {**PROBLEMS, **{check: code for code, check in FOUND_BY_ORDERS.items()}}


class CheckView(BaseModel):
    """One check of the setup."""

    name: Annotated[Check, Field(description="The stable name of the check.")]
    state: Annotated[
        CheckState, Field(description="`ok`, `failed`, or `unknown` while it is not made yet or cannot be made.")
    ]
    message: Annotated[str, Field(description="The subject of the check and, if it failed, the fault.")]
    remedy: Annotated[str | None, Field(description="What to do about a failed check; null otherwise.")]
    problem: Annotated[
        Code | None, Field(description="The problem that is open for the merchant while the check fails.")
    ]
    checked_at: Annotated[datetime | None, Field(description="When the check was last made.")]
    failing_since: Annotated[datetime | None, Field(description="Since when the check fails.")]

    @classmethod
    def of(cls, check: Check, record: Recorded | None) -> Self:
        """Return the check with its texts."""
        texts, code = messages.for_locale(), CODES.get(check, Code.CONNECTION_LOST)
        has_failed = record is not None and record.finding.state is CheckState.FAILED
        message = texts.text(f"setup.{check}")
        if record and has_failed:
            message += ": " + texts.text(f"setup.{check}.failed", detail=record.finding.detail)
        return cls(
            name=check,
            state=record.finding.state if record else CheckState.UNKNOWN,
            message=message,
            remedy=texts.remedy(code) if has_failed else None,
            problem=code if has_failed else None,
            checked_at=record.checked_at if record else None,
            failing_since=record.failing_since if record else None,
        )


class SetupView(BaseModel):
    """The setup of a merchant in Clover."""

    checks: Annotated[list[CheckView], Field(description="All checks, in a fixed order.")]


async def get_setup(call: Call[Deps, Nothing]) -> SetupView:
    async with call.deps.database.connection() as conn:
        await connections.find(conn, call.merchant_id)
        records = await setup.find(conn, call.merchant_id)
    return SetupView(checks=[CheckView.of(check, records.get(check)) for check in Check])


ROUTES = [
    Route(
        "GET",
        f"{MERCHANT}/setup",
        get_setup,
        "merchants:read",
        gives=SetupView,
        summary="Get the checks of a merchant's setup in Clover",
        description=(
            "Returns whether Clover is set up as QuickSync needs it. The checks are made when the merchant is "
            "connected, every six hours, and more often while one fails; each failing one is a problem that closes by "
            "itself. The order type and the tender are looked for when an order needs them, and unknown before that."
        ),
        tags=(CONNECTIONS,),
        gives_example={
            "checks": [
                {
                    "name": "token",
                    "state": "ok",
                    "message": "Sign-in to Clover",
                    "remedy": None,
                    "problem": None,
                    "checked_at": "2026-11-23T09:30:00Z",
                    "failing_since": None,
                }
            ]
        },
    ),
]
