"""Creates a merchant as Clover has it after sign-up: profile, properties, tenders, owner, no order type."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clover_sandbox.collection import Record
from clover_sandbox.merchant import Merchant, SharedState
from clover_sandbox.rest.customer_kinds import EMPLOYEES
from clover_sandbox.rest.merchant_kinds import ORDER_TYPES, TENDERS
from clover_sandbox.rest.objects import make
from clover_sandbox.rest.order_types import prepared_order_type
from clover_sandbox.shapes import accept


@dataclass(frozen=True)
class Region:
    """The defaults for a merchant of a region."""

    currency: str
    country: str
    timezone: str
    locale: str
    vat: bool
    tender_label: str


REGIONS: Mapping[str, Region] = {
    "us": Region("USD", "US", "America/New_York", "en-US", vat=False, tender_label="External Payment"),
    "ca": Region("CAD", "CA", "America/Toronto", "en-CA", vat=False, tender_label="External Payment"),
    "eu": Region("EUR", "DE", "Europe/Berlin", "de-DE", vat=True, tender_label="Externe Zahlung"),
    "la": Region("ARS", "AR", "America/Argentina/Buenos_Aires", "es-AR", vat=True, tender_label="Pago externo"),
}

EXTERNAL_PAYMENT = "com.clover.tender.external_payment"
SYSTEM_TENDERS = (
    ("com.clover.tender.cash", "Cash"),
    ("com.clover.tender.credit_card", "Credit Card"),
    ("com.clover.tender.debit_card", "Debit Card"),
    ("com.clover.tender.check", "Check"),
    ("com.clover.tender.external_gift_card", "External Gift Card"),
    (EXTERNAL_PAYMENT, "External Payment"),
    ("com.clover.tender.external_pin_debit", "External Pin Debit"),
    ("com.clover.paypal", "PayPal"),
    ("com.clover.venmo", "Venmo"),
)


@dataclass(frozen=True)
class MerchantSpec:
    """The requested properties of a merchant. The region supplies the absent ones."""

    region: str = "us"
    id: str | None = None
    name: str | None = None
    currency: str | None = None
    timezone: str | None = None
    country: str | None = None
    owner_name: str = "Olive Owner"
    owner_email: str | None = None
    properties: Mapping[str, Any] | None = None
    order_types: tuple[str | Record, ...] = ()
    localised_tenders: bool = False


def make_merchant(spec: MerchantSpec, shared: SharedState) -> Merchant:
    """Create a merchant as Clover has it after sign-up."""
    region = REGIONS[spec.region]
    merchant_id = spec.id or shared.ids.new()
    currency = spec.currency or region.currency
    profile = {
        "id": merchant_id,
        "name": spec.name or f"Sandbox shop {merchant_id[:4]}",
        "defaultCurrency": currency,
        "phoneNumber": "5550100",
        "website": "",
        "customerContactEmail": spec.owner_email or f"owner@{merchant_id.lower()}.example",
        "createdTime": shared.clock.now_ms(),
    }
    merchant = Merchant(profile, _properties(spec, region, currency), spec.region, shared)
    with merchant.silent():  # no webhooks for objects that exist before the app is installed
        _furnish(merchant, spec, region)
    return merchant


def _furnish(merchant: Merchant, spec: MerchantSpec, region: Region) -> None:
    merchant.address = _address(spec.country or region.country)
    merchant.service_charge = _service_charge(merchant)
    email = merchant.profile["customerContactEmail"]
    owner = {"name": spec.owner_name, "email": email, "role": "ADMIN", "isOwner": True}
    merchant.owner_id = make(merchant, EMPLOYEES, owner)["id"]
    _add_tenders(merchant, region.tender_label if spec.localised_tenders else "External Payment")
    merchant.objects["tax_rates"].add(
        {"id": merchant.new_id(), "name": "NO_TAX_APPLIED", "rate": 0, "isDefault": False}
    )
    for each in spec.order_types:
        add_order_type(merchant, {"label": each} if isinstance(each, str) else each)


def add_order_type(merchant: Merchant, body: Record) -> Record:
    """Create an order type like the dashboard or the till."""
    return make(merchant, ORDER_TYPES, prepared_order_type(merchant, accept(ORDER_TYPES.shape, body), body))


def _properties(spec: MerchantSpec, region: Region, currency: str) -> Record:
    return {
        "defaultCurrency": currency,
        "timezone": spec.timezone or region.timezone,
        "locale": region.locale,
        "vat": region.vat,
        "vatTaxName": "VAT",
        "trackStock": True,
        "updateStock": True,
        "tipsEnabled": False,
        "groupLineItems": True,
        "removeTaxEnabled": False,
        "deleteOrders": True,
        "summaryHour": 0,
        **(spec.properties or {}),
    }


def _address(country: str) -> Record:
    return {"address1": "1 Main Street", "city": "Springfield", "state": "", "zip": "10001", "country": country}


def _service_charge(merchant: Merchant) -> Record:
    return {
        "id": merchant.new_id(),
        "name": "Service Charge",
        "enabled": False,
        "percentage": 10,
        "percentageDecimal": 100000,
    }


def _add_tenders(merchant: Merchant, external_label: str) -> None:
    for key, label in SYSTEM_TENDERS:
        shown = external_label if key == EXTERNAL_PAYMENT else label
        make(merchant, TENDERS, {"labelKey": key, "label": shown, "editable": False})
