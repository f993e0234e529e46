"""Asks catalog for the contact of a merchant's account."""

from http import HTTPStatus
from types import TracebackType
from typing import Annotated, Self

import aiohttp
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from common.errors import NotFound, Unavailable
from common.http.auth import mint_internal
from common.settings import CommonSettings

ASK_SECONDS = 5.0
LARGEST_ANSWER = 64 * 1024


class Contact(BaseModel):
    """The address to write to about a merchant, and the name of its store."""

    account_email: Annotated[str, StringConstraints(min_length=3, max_length=254), Field(repr=False)]
    name: Annotated[str, StringConstraints(max_length=1000)] = ""


class Contacts:
    """A client of catalog."""

    def __init__(self, settings: CommonSettings, service: str) -> None:
        self._url = settings.catalog_url
        self._secrets = settings.internal_secrets
        self._service = service
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_SECONDS))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def find(self, merchant_id: str) -> Contact:
        """The contact of this merchant. Raises Unavailable, and NotFound if catalog does not know the merchant."""
        if self._session is None:
            raise Unavailable("the connection to catalog is not open")
        headers = {"Authorization": f"Bearer {mint_internal(self._secrets, 'catalog', self._service)}"}
        try:
            async with self._session.get(
                f"{self._url}/internal/merchants/{merchant_id}/contact", headers=headers, allow_redirects=False
            ) as response:
                status, body = response.status, await response.content.read(LARGEST_ANSWER)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"catalog does not answer ({type(error).__name__})") from None
        return _contact_in(status, body)


def _contact_in(status: int, body: bytes) -> Contact:
    match status:
        case HTTPStatus.OK:
            try:
                return Contact.model_validate_json(body)
            except ValidationError:
                raise Unavailable("catalog's answer about a contact cannot be read") from None
        case HTTPStatus.NOT_FOUND:
            raise NotFound("Catalog has no contact for this merchant.")
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            raise Unavailable("catalog does not accept our token; are the internal secrets the same?")
    raise Unavailable(f"catalog answered {status}")
