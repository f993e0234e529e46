"""Reads the setup of a merchant in Clover: the permissions of our token, and the merchant's properties."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from pydantic import Field

from common.clover.transport import Answered, MerchantApi, Unread
from common.errors import Forbidden, NotFound, Rejected
from common.ids import CloverId
from common.money import Currency

NOBODY = "0000000000000"
"""An id that no object has: a write to it changes nothing, and Clover checks the permission first (a guess)."""

FIRST = {"limit": "1"}
PROVOKING_NAME = "QuickSync connection test"

Probe = Callable[[MerchantApi], Awaitable[object]]

PROBES: Mapping[str, Probe] = {
    "MERCHANT_R": lambda api: api.get("", Unread),
    "INVENTORY_R": lambda api: api.get("items", Unread, FIRST),
    "INVENTORY_W": lambda api: api.delete(f"items/{NOBODY}"),
    "ORDERS_R": lambda api: api.get("orders", Unread, FIRST),
    "ORDERS_W": lambda api: api.delete(f"orders/{NOBODY}"),
    "PAYMENTS_R": lambda api: api.get("payments", Unread, FIRST),
    "PAYMENTS_W": lambda api: api.post(f"orders/{NOBODY}/payments", {}, Unread),
    "CUSTOMERS_R": lambda api: api.get("customers", Unread, FIRST),
    "CUSTOMERS_W": lambda api: api.delete(f"customers/{NOBODY}"),
}
"""A call for each permission that QuickSync needs. Clover has none that lists them."""


class PropertiesResponse(Answered):
    """The properties that stock and amounts depend on. Flags that are absent are off (null fields are absent)."""

    currency: Currency = Field(validation_alias="defaultCurrency")
    track_stock: bool = Field(False, validation_alias="trackStock")
    update_stock: bool = Field(False, validation_alias="updateStock")


class GroupResponse(Answered):
    """A modifier group."""

    id: CloverId
    name: str = ""


async def missing_permissions(api: MerchantApi) -> list[str]:
    """Return the permissions that the token lacks: Clover refuses their calls with 401 or 403 (documented)."""
    missing = []
    for permission, probe in PROBES.items():
        try:
            await probe(api)
        except Forbidden:
            missing.append(permission)
        except (NotFound, Rejected):
            continue
    return missing


async def properties(api: MerchantApi) -> PropertiesResponse:
    """Return the merchant's properties."""
    return await api.get("properties", PropertiesResponse)


async def provoke_webhook(api: MerchantApi) -> None:
    """Make a change that brings a webhook and that nobody sees: a modifier group of no item, deleted at once."""
    made = await api.post("modifier_groups", {"name": PROVOKING_NAME}, GroupResponse)
    for group_id in {made.id, *(each.id for each in await _left(api))}:
        with suppress(NotFound):
            await api.delete(f"modifier_groups/{group_id}")


async def _left(api: MerchantApi) -> list[GroupResponse]:
    """Return the groups that an earlier process left behind when it ended in between."""
    return [
        each
        async for page in api.pages("modifier_groups", GroupResponse, {"filter": f"name={PROVOKING_NAME}"})
        for each in page
        if each.name == PROVOKING_NAME
    ]
