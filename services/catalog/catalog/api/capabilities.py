"""The features of the integration for a merchant."""

from dataclasses import asdict
from typing import Annotated

from pydantic import BaseModel, Field

from catalog.api.connection_schemas import CONNECTIONS, MERCHANT
from catalog.deps import Deps
from catalog.domain.capabilities import capabilities
from common.db import merchants
from common.http.routes import Call, Nothing, Route


class CapabilityView(BaseModel):
    """One feature, and whether it is supported."""

    code: Annotated[str, Field(description="The stable name of the feature.")]
    supported: Annotated[bool, Field(description="Whether QuickSync supports the feature for this merchant.")]
    explanation: Annotated[str, Field(description="How the feature works, or why it is not supported. Plain text.")]


class CapabilityList(BaseModel):
    """The features of the integration for one merchant."""

    region: Annotated[str, Field(description="The Clover region of the merchant.")]
    capabilities: Annotated[list[CapabilityView], Field(description="All features, in a fixed order.")]


async def get_capabilities(call: Call[Deps, Nothing]) -> CapabilityList:
    async with call.deps.database.connection() as conn:
        merchant = await merchants.find(conn, call.merchant_id)
    listed = [CapabilityView(**asdict(each)) for each in capabilities(merchant.region)]
    return CapabilityList(region=merchant.region, capabilities=listed)


ROUTES = [
    Route(
        "GET",
        f"{MERCHANT}/capabilities",
        get_capabilities,
        "merchants:read",
        gives=CapabilityList,
        summary="List the capabilities of a merchant",
        description="Returns each feature of the integration and whether it is supported in the merchant's region.",
        tags=(CONNECTIONS,),
        gives_example={
            "region": "us",
            "capabilities": [
                {
                    "code": "complete_orders",
                    "supported": True,
                    "explanation": "Orders can be marked as completed in Clover.",
                },
            ],
        },
    ),
]
