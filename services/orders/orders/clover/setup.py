"""Reads the parts of a merchant's setup that orders needs: the order type, the tender and the taxes."""

from common.clover.transport import MerchantApi, Unread
from common.errors import Permanent
from orders.clover.responses import Response
from orders.domain.setup import ORDER_TYPE, TENDER_KEY, Books, is_our_order_type
from orders.domain.taxes import MerchantTaxes, TaxRate


class OrderTypeResponse(Response):
    """System types may have no label (recorded)."""

    id: str
    label: str | None = None
    is_deleted: bool | None = None
    deleted_time: int | None = None


class TenderResponse(Response):
    id: str
    label_key: str | None = None
    enabled: bool | None = None


class TaxRateResponse(Response):
    """A tax rate; a flat tax has `tax_amount` in place of the rate."""

    id: str
    name: str = ""
    rate: int = 0
    tax_amount: int = 0
    is_default: bool = False
    deleted_time: int | None = None


class PropertiesResponse(Response):
    vat: bool = False
    default_currency: str | None = None


async def create_order_type(api: MerchantApi) -> None:
    """Create our order type. Clover compares no labels, so look for it first."""
    await api.post("order_types", {"label": ORDER_TYPE}, Unread)


async def find_order_type(api: MerchantApi) -> str | None:
    """Return the id of our order type, if the merchant has created it; Clover has no filter by label (recorded)."""
    async for page in api.pages("order_types", OrderTypeResponse):
        for each in page:
            if is_our_order_type(each.label) and not each.is_deleted and not each.deleted_time:
                return each.id
    return None


async def find_tender(api: MerchantApi) -> str | None:
    """Return the id of Clover's own tender External Payment, if it is enabled."""
    async for page in api.pages("tenders", TenderResponse):
        for each in page:
            if each.label_key == TENDER_KEY and each.enabled is not False:
                return each.id
    return None


async def read_books(api: MerchantApi) -> Books:
    """Return the currency, whether prices contain tax, and the tax rates; none where we have no access to them."""
    properties = await api.get("properties", PropertiesResponse)
    try:
        found = [each async for page in api.pages("tax_rates", TaxRateResponse) for each in page]
    except Permanent:  # the order then shows its tax as a row
        found = []
    usable = (each for each in found if not each.deleted_time and not each.tax_amount)
    rates = tuple(TaxRate(each.id, each.name, each.rate, each.is_default) for each in usable)
    return Books(properties.default_currency, MerchantTaxes(properties.vat, rates))
