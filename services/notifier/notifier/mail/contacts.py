"""The contact of a merchant's account, which catalog has."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from common.http.client import InternalClient


class Contact(BaseModel):
    """The address to write to about a merchant, and the name of its store."""

    account_email: Annotated[str, StringConstraints(min_length=3, max_length=254), Field(repr=False)]
    name: Annotated[str, StringConstraints(max_length=1000)] = ""


async def fetch_contact(catalog: InternalClient, merchant_id: str) -> Contact:
    """Ask catalog. Raises Unavailable, and NotFound if catalog does not know the merchant."""
    return await catalog.call("GET", f"/internal/merchants/{merchant_id}/contact", Contact)
