"""The merchant behind a token, as Clover describes it."""

from dataclasses import dataclass

from pydantic import Field

from common.clover.transport import Answered, MerchantApi, Unread
from common.errors import Forbidden
from common.ids import CloverId
from common.money import Currency


class MerchantResponse(Answered):
    """A merchant. Its name has at most 127 characters (documented)."""

    id: CloverId
    name: str = ""


class PropertiesResponse(Answered):
    """The merchant's settings. Clover also sends bank account numbers here, which we do not read."""

    currency: Currency = Field(validation_alias="defaultCurrency")
    timezone: str = Field("UTC", max_length=100)


@dataclass(frozen=True)
class Profile:
    """A merchant's id, name, currency and time zone in Clover."""

    merchant_id: str
    name: str
    currency: str
    timezone: str


async def ping(api: MerchantApi) -> None:
    """Make the smallest call there is."""
    await api.get("", Unread)


async def is_accepted(api: MerchantApi) -> bool:
    """Return whether Clover accepts the token for anything: a missing permission is refused like a bad token."""
    for path, params in (("", {}), ("items", {"limit": "1"})):
        try:
            await api.get(path, Unread, params)
        except Forbidden:
            continue
        return True
    return False


async def profile(api: MerchantApi) -> Profile:
    """Return the profile of the merchant that the token belongs to."""
    async with api.reserve(2) as both:
        merchant = await both.get("", MerchantResponse)
        properties = await both.get("properties", PropertiesResponse)
    return Profile(merchant.id, merchant.name, properties.currency, properties.timezone)
