"""The features of the integration, and the ones that Clover does not allow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Capability:
    """One feature: whether it is supported, and how it works or why not."""

    code: str
    supported: bool
    explanation: str


CAPABILITIES = (
    Capability(
        "stock_sync",
        True,
        "Stock levels are synced between QuickSync and Clover near real time, by webhooks, within a few minutes "
        "of a change.",
    ),
    Capability(
        "negative_stock",
        True,
        "When an item sells at zero, Clover records the sale, the quantity goes below zero, and the sync keeps it.",
    ),
    Capability(
        "product_status",
        True,
        "Active products are visible in Clover; draft, inactive and archived ones are hidden, which keeps them from "
        "being sold at the POS.",
    ),
    Capability(
        "create_orders",
        True,
        "Orders are created in Clover under the order type “QuickSync”. Until you create that order type, orders wait, "
        "and the dashboard and an e-mail tell you so. Once it exists, the waiting orders are sent automatically.",
    ),
    Capability("complete_orders", True, "Orders can be marked as completed in Clover."),
    Capability(
        "cancel_orders",
        True,
        "Orders can be marked as canceled in Clover: they are deleted there, or their lines voided where Clover keeps "
        "them.",
    ),
    Capability(
        "order_totals",
        True,
        "Taxes, shipping, discounts, fees and tips are written so that Clover shows exactly the total of your store.",
    ),
    Capability(
        "edit_orders",
        True,
        "Orders can be changed after they are in Clover: lines are added and removed, further payments recorded.",
    ),
    Capability("unpaid_orders", True, "Orders that are not paid yet, or only in part, are shown as such in Clover."),
    Capability(
        "refunds",
        False,
        "Clover lets no app refund a payment. The order tells you what to refund at the till, if Clover should show "
        "it.",
    ),
    Capability(
        "multi_currency",
        False,
        "Clover has one currency per merchant. Orders in another currency are refused, with the reason.",
    ),
    Capability(
        "external_payment",
        True,
        "Payments are recorded in Clover with the tender “External Payment”, because the customer paid outside Clover.",
    ),
    Capability("tracking_numbers", False, "Clover cannot send tracking numbers back to your source store."),
    Capability("shipping_carrier", False, "Clover cannot send the shipping carrier back to your source store."),
    Capability(
        "fulfillment_status",
        False,
        "Clover cannot update the fulfillment status in your source store. Use Clover for recording and managing "
        "orders, not for updating fulfillment details.",
    ),
)

CUSTOMER_DETAILS = Capability(
    "customer_details", True, "Orders are created in Clover with the customer's name and contact details."
)
NO_CUSTOMER_DETAILS = Capability(
    "customer_details",
    False,
    "Outside Clover US, orders are created in Clover without customer details, due to regional platform limitations.",
)


def capabilities(region: str) -> list[Capability]:
    """Return the features for a merchant of this region; an unknown region counts as Europe."""
    return [*CAPABILITIES, CUSTOMER_DETAILS if region == "us" else NO_CUSTOMER_DETAILS]
