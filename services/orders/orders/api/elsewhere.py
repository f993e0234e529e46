"""The names that the APIs of other stores give to the fields of an order. Remedies name ours."""

from collections.abc import Mapping


def _ours(**theirs: str) -> Mapping[str, str]:
    return {each: ours for ours, names in theirs.items() for each in names.split()}


ORDER = _ours(
    lines="line_items lineItems items order_lines products",
    number="order_number orderNumber name code order_id id increment_id",
    currency="currency_code currencyCode",
    total="total_price grand_total total_amount amount",
    prices_include_tax="taxes_included tax_included prices_included_tax",
    taxes="tax_lines tax total_tax",
    shipping="shipping_lines shipping_total shipping_cost shipping_amount",
    fees="fee_lines surcharges additional_fees service_charges",
    discounts="discount discount_codes discount_total coupon_lines",
    tips="tip total_tip",
    payments="payment transactions tenders",
    refunds="refund",
    placed_at="created_at createdAt date_created date_created_gmt processed_at ordered_at",
    note="customer_note comment message remarks",
    customer="email billing billing_address buyer",
)
LINE = _ours(
    unit_price="price unitPrice base_price price_per_unit amount",
    quantity="qty count units",
    name="title product_name description",
    total="line_total subtotal total_price",
    options="modifiers properties attributes variant variant_title",
    taxes="tax tax_lines total_tax",
    discounts="discount discount_allocations discount_amount",
    sku="product_id variant_id barcode product_sku",
)
DISCOUNT = _ours(
    name="title code label description",
    amount="value discount total",
)
TAX = _ours(
    name="title label",
    rate="percentage percent ratePercentage rate_percent tax_rate",
    amount="price value tax tax_total total",
    included="inclusive is_included included_in_price",
)
OPTION = _ours(
    name="key label title",
    value="choice option",
    price="amount price_delta",
)
EXTRA = _ours(
    name="title method method_title label",
    amount="price total cost value",
)
PAYMENT = _ours(
    name="gateway method type tender",
    amount="value total price",
)
CUSTOMER = _ours(
    first_name="firstName given_name",
    last_name="lastName family_name surname",
    email="email_address mail",
    phone="phone_number telephone mobile",
)
