"""Every behaviour of Clover that nobody has proved: a closed set of modes, the default, and how sure we are."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Switch:
    """One open question. `confidence` speaks of the default: documented, recorded, reported (by clients) or a guess."""

    about: str
    modes: tuple[str, ...]
    default: str
    confidence: str


SWITCHES: Mapping[str, Switch] = {
    "deduct": Switch(
        "When Clover takes stock for orders written through REST (merchant has trackStock and updateStock)",
        ("none", "on_line_item", "on_payment"),
        "none",
        "a guess",
    ),
    "till_deducts": Switch(
        "When Clover takes stock for orders made at the till (merchant has trackStock and updateStock)",
        ("on_payment", "on_line_item"),
        "on_payment",
        "a guess",
    ),
    "restock_on_delete": Switch(
        "Whether deleting an order or a line puts back what was taken for it", ("no", "yes"), "no", "a guess"
    ),
    "restock_on_refund": Switch(
        "Whether a refund at the till puts back what was taken, unless the till says", ("no", "yes"), "no", "a guess"
    ),
    "fraction_available": Switch(
        "Availability of an autoManage item with a count between 0 and 1",
        ("unchanged", "available", "unavailable"),
        "unchanged",
        "a guess",
    ),
    "stock_touches_item": Switch(
        "Whether a change of stock alone moves the item's modifiedTime", ("no", "yes"), "no", "a guess"
    ),
    "line_opens_draft": Switch(
        "Whether a line item or a payment gives a draft the state open", ("yes", "no"), "yes", "documented"
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
    "line_cap": Switch("Most lines of one order", ("2500", "3000"), "2500", "documented"),
    "bulk_lines_answer": Switch(
        "What bulk_line_items answers: the lines, bare or as elements, the order, or {}",
        ("array", "elements", "order", "empty"),
        "array",
        "a guess",
    ),
    "bulk_answer": Switch("What bulk_items answers", ("array", "elements"), "array", "a guess"),
    "bulk_invalid_row": Switch("A bad row in bulk_items", ("refuse_all", "skip_row"), "refuse_all", "a guess"),
    "deleted_by_id": Switch(
        "A deleted object read by its id: 404, or shown with its deletion", ("404", "shown"), "404", "reported"
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
    "too_many_expands": Switch("More than three expands", ("refuse", "ignore_extra"), "refuse", "a guess"),
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
        "Whether a failed refresh offers recovery", ("offered", "absent"), "offered", "reported"
    ),
    "webhook_stock_keys": Switch(
        "Keys of stock and availability events: I for both, or IS and IA", ("I", "split"), "I", "documented"
    ),
    "sale_tells_item": Switch(
        "Whether taking stock for a sale sends I UPDATE (keys I)", ("yes", "no"), "yes", "reported"
    ),
    "sale_tells_stock": Switch(
        "Whether taking stock for a sale sends IS UPDATE (keys split)", ("no", "yes"), "no", "a guess"
    ),
    "draft_tells_order": Switch(
        "Whether creating an order without state sends O CREATE", ("yes", "no"), "yes", "a guess"
    ),
}


class Switches:
    """The modes in force, by name of the switch."""

    def __init__(self) -> None:
        self._modes = {name: switch.default for name, switch in SWITCHES.items()}

    def __getitem__(self, name: str) -> str:
        return self._modes[name]

    def on(self, name: str) -> bool:
        """Whether a yes/no switch says yes."""
        return self._modes[name] == "yes"

    def set(self, modes: Mapping[str, str]) -> None:
        """Change some; `ValueError` names the first unknown switch or mode, and then none is changed."""
        for name, mode in modes.items():
            if name not in SWITCHES:
                raise ValueError(f"there is no switch {name!r}")
            if mode not in SWITCHES[name].modes:
                raise ValueError(f"{name} is one of {', '.join(SWITCHES[name].modes)}")
        self._modes.update(modes)

    def reset(self) -> None:
        """Back to the defaults."""
        self._modes = {name: switch.default for name, switch in SWITCHES.items()}

    def modes(self) -> dict[str, str]:
        """All modes in force."""
        return dict(self._modes)
