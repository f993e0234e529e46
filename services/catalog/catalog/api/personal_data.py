"""Shows the data about the people behind a merchant: the stored, the erased, and the kept with the reason."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from catalog.api.connection_schemas import CONNECTIONS, MERCHANT
from catalog.deps import Deps
from catalog.domain.personal_data import STORED
from catalog.store import connections
from common.http.routes import Call, Nothing, Route


class StoredDataView(BaseModel):
    """One kind of data that QuickSync stores."""

    owner: Annotated[str, Field(description="The service that stores it.")]
    data: Annotated[str, Field(description="What it is.")]
    when_disconnected: Annotated[
        str, Field(description="What becomes of it when the merchant is disconnected, and why.")
    ]
    when_erased: Annotated[str, Field(description="What becomes of it when an erasure is requested, and why.")]


class PersonalDataView(BaseModel):
    """The record of a merchant's personal data."""

    connected: Annotated[bool, Field(description="Whether the merchant is connected.")]
    erase_before: Annotated[
        datetime | None,
        Field(
            description="When an erasure was last requested; null if never. What is to be erased and was stored before "
            "this time is erased in every service."
        ),
    ]
    stored: Annotated[list[StoredDataView], Field(description="All that is stored, in a fixed order.")]


async def get_personal_data(call: Call[Deps, Nothing]) -> PersonalDataView:
    async with call.deps.database.connection() as conn:
        state = await connections.erasure(conn, call.merchant_id)
    stored = [StoredDataView(**asdict(each)) for each in STORED]
    return PersonalDataView(connected=state.connected, erase_before=state.erase_before, stored=stored)


ROUTES = [
    Route(
        "GET",
        f"{MERCHANT}/personal-data",
        get_personal_data,
        "merchants:read",
        gives=PersonalDataView,
        summary="Get the record of stored personal data",
        description=(
            "Returns what QuickSync stores about the people behind a merchant, what became of it, and what is kept and "
            "why. It works for a disconnected merchant too. An erasure is requested with DELETE and `erase`."
        ),
        tags=(CONNECTIONS,),
        gives_example={
            "connected": True,
            "erase_before": None,
            "stored": [asdict(STORED[0])],
        },
    ),
]
