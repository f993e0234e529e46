"""Switches for the unproven behaviours of Clover: modes, default, and the confidence in the default."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Switch:
    """One open question. The default is documented, recorded, reported (by clients) or a guess."""

    about: str
    modes: tuple[str, ...]
    default: str
    confidence: str


SWITCHES: Mapping[str, Switch] = {
    "deduct": Switch(
        "When Clover deducts stock for orders created through REST (merchant has trackStock and updateStock)",
        ("none", "on_line_item", "on_payment"),
        "none",
        "a guess",
    ),
    "till_deducts": Switch(
        "When Clover deducts stock for orders created at the till (merchant has trackStock and updateStock)",
        ("on_payment", "on_line_item"),
        "on_payment",
        "a guess",
    ),
    "restock_on_delete": Switch(
        "Whether deleting an order or a line restores its stock", ("no", "yes"), "no", "a guess"
    ),
    "restock_on_refund": Switch(
        "Whether a refund at the till restores stock, unless the refund sets `restock`", ("no", "yes"), "no", "a guess"
    ),
    "fraction_available": Switch(
        "Availability of an autoManage item with a count between 0 and 1",
        ("unchanged", "available", "unavailable"),
        "unchanged",
        "a guess",
    ),
    "stock_touches_item": Switch(
        "Whether a change of stock alone updates the item's modifiedTime", ("no", "yes"), "no", "a guess"
    ),
    "line_opens_draft": Switch(
        "Whether a line item or a payment sets a draft's state to open", ("yes", "no"), "yes", "documented"
    ),
    "unknown_order_type": Switch(
        "An order with an unknown or deleted order type", ("refuse", "accept"), "refuse", "a guess"
    ),
    "overpayment": Switch("Paying more than the total", ("accept", "refuse"), "accept", "a guess"),
    "paid_locks": Switch(
        "Whether payments that cover the total lock the order, or leave it open and PAID",
        ("yes", "no"),
        "yes",
        "reported",
    ),
    "delete_paid_order": Switch("Deleting an order that has payments", ("accept", "refuse"), "accept", "a guess"),
    "linked_prices": Switch(
        "Where a line that names an item takes a price and a name of its own, and where it keeps the item's",
        ("bulk", "everywhere", "nowhere"),
        "bulk",
        "documented",
    ),
    "empty_tax_rates": Switch(
        "A line with an empty list of tax rates: untaxed, or with the default rates as one without the list",
        ("untaxed", "defaults"),
        "untaxed",
        "a guess",
    ),
    "no_tax_applied": Switch(
        "Whether the rate NO_TAX_APPLIED on a line keeps the default rates off it, or is one more beside them",
        ("keeps_off", "adds"),
        "keeps_off",
        "documented",
    ),
    "line_user_data": Switch(
        "Whether userData of lines is returned, or taken and dropped", ("returned", "dropped"), "returned", "a guess"
    ),
    "line_cap": Switch("The most lines of one order", ("2500", "3000"), "2500", "documented"),
    "bulk_lines_answer": Switch(
        "The answer of bulk_line_items: the lines, bare or as elements, the order, or {}",
        ("array", "elements", "order", "empty"),
        "array",
        "a guess",
    ),
    "bulk_answer": Switch("The answer of bulk_items", ("array", "elements"), "array", "a guess"),
    "bulk_invalid_row": Switch("A bad row in bulk_items", ("refuse_all", "skip_row"), "refuse_all", "a guess"),
    "variant_moved": Switch(
        "A change of an item that names another item group: the group is ignored, or 400",
        ("ignore", "refuse"),
        "ignore",
        "a guess",
    ),
    "same_label": Switch(
        "A second attribute of a group, or option of an attribute, with the same name",
        ("accept", "refuse"),
        "accept",
        "a guess",
    ),
    "foreign_option": Switch(
        "An option of another item group tied to an item, or one of an item without a group",
        ("refuse", "accept"),
        "refuse",
        "a guess",
    ),
    "group_deleted": Switch(
        "The deletion of an item group that has items: 400, or its items are deleted with it",
        ("refuse", "items_too"),
        "refuse",
        "a guess",
    ),
    "deleted_by_id": Switch(
        "A deleted object read by its id: 404, or shown with its deletion time", ("404", "shown"), "404", "reported"
    ),
    "association_touches_item": Switch(
        "Whether an item that gains or loses a category, tag or tax rate gets a new modifiedTime, and sends I UPDATE",
        ("yes", "no"),
        "yes",
        "a guess",
    ),
    "association_unknown": Switch(
        "An association of an object that is unknown or deleted: the whole call is 404, or the others are made",
        ("refuse", "skip"),
        "refuse",
        "a guess",
    ),
    "default_rates_shown": Switch(
        "Whether the expanded taxRates of an item with defaultTaxRates hold the default rates",
        ("no", "yes"),
        "no",
        "a guess",
    ),
    "null_fields": Switch(
        "Fields without a value of objects, lines and counts: absent unless return_null_fields is sent, or always null",
        ("absent", "null"),
        "absent",
        "documented",
    ),
    "offset_cap": Switch(
        "Lists deeper than offset 1000: uncapped; the page at 1000 again and again; empty; 400",
        ("none", "1000", "1000_ends", "1000_refused"),
        "none",
        "recorded",
    ),
    "too_many_expands": Switch(
        "More than three expands: ignored, or 400",
        ("ignore_extra", "refuse"),
        "ignore_extra",
        "reported",
    ),
    "unlisted_filters": Switch(
        "Filters that clients use and the list of allowed ones lacks: categoryId of items",
        ("work", "refuse"),
        "work",
        "reported",
    ),
    "orders_by_id": Switch(
        "Whether orders can be filtered by their ids, or get 400 as for any unknown filter",
        ("works", "refused"),
        "works",
        "a guess",
    ),
    "date_header": Switch(
        "The Date of every answer, which HTTP asks for: by Clover's own clock; absent; not a date",
        ("present", "absent", "odd"),
        "present",
        "documented",
    ),
    "user_agent": Switch(
        "The answer to a call without User-Agent", ("400", "401", "403", "not_checked"), "400", "a guess"
    ),
    "rate_window": Switch("How calls per second are counted", ("sliding", "fixed"), "sliding", "a guess"),
    "rate_headers": Switch(
        "Whether a 429 names its limit and its retry-after", ("present", "absent"), "present", "documented"
    ),
    "throttle_body": Switch("The body of a 429", ("json", "text", "empty"), "json", "reported"),
    "eu_atomic_order": Switch("atomic_order for a European merchant", ("404", "401", "works"), "404", "a guess"),
    "eu_forbidden_write": Switch(
        "Writing customer fields without their permission in Europe", ("ignore", "401"), "ignore", "a guess"
    ),
    "eu_forbidden_expand": Switch(
        "Expanding customer fields without their permission in Europe: left out, or the whole call is 403",
        ("omit", "403"),
        "omit",
        "a guess",
    ),
    "refresh_reuse": Switch("A refresh token used twice", ("refuse", "revoke_all"), "refuse", "reported"),
    "refresh_recovery": Switch(
        "Recovery after a refresh whose answer was lost: offered by a header, possible without it, or absent",
        ("offered", "unannounced", "absent"),
        "offered",
        "reported",
    ),
    "recovery_again": Switch("A second recovery with the same token", ("refuse", "works"), "refuse", "a guess"),
    "refresh_ends_access": Switch(
        "Whether a refresh ends the access tokens before it, or they last until they expire",
        ("no", "yes"),
        "no",
        "a guess",
    ),
    "live_refresh_tokens": Switch(
        "The most live refresh tokens of a merchant; the oldest stop working (documented; the number is not)",
        ("10", "1", "unlimited"),
        "10",
        "a guess",
    ),
    "webhook_stock_keys": Switch(
        "Keys of stock and availability events: I for both, or IS and IA", ("I", "split"), "I", "documented"
    ),
    "sale_tells_item": Switch(
        "Whether a deduction by a sale sends I UPDATE (keys I)", ("yes", "no"), "yes", "reported"
    ),
    "sale_tells_stock": Switch(
        "Whether a deduction by a sale sends IS UPDATE (keys split)", ("no", "yes"), "no", "a guess"
    ),
    "draft_tells_order": Switch(
        "Whether creating an order without state sends O CREATE", ("yes", "no"), "yes", "a guess"
    ),
}


class Switches:
    """The active mode of each switch."""

    def __init__(self) -> None:
        self._modes = {name: switch.default for name, switch in SWITCHES.items()}

    def __getitem__(self, name: str) -> str:
        return self._modes[name]

    def on(self, name: str) -> bool:
        """Return whether a yes/no switch is set to yes."""
        return self._modes[name] == "yes"

    def set(self, modes: Mapping[str, str]) -> None:
        """Change some switches. Raise ValueError for an unknown switch or mode, and then change none."""
        for name, mode in modes.items():
            if name not in SWITCHES:
                raise ValueError(f"there is no switch {name!r}")
            if mode not in SWITCHES[name].modes:
                raise ValueError(f"{name} is one of {', '.join(SWITCHES[name].modes)}")
        self._modes.update(modes)

    def reset(self) -> None:
        """Restore the defaults."""
        self._modes = {name: switch.default for name, switch in SWITCHES.items()}

    def modes(self) -> dict[str, str]:
        """Return the mode of every switch."""
        return dict(self._modes)
