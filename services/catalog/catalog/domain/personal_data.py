"""The record of the data that QuickSync stores about people, and of its end; docs/personal-data.md explains it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StoredData:
    """One kind of data: its service, the parts that a disconnection or an erasure ends, and why others stay."""

    owner: str
    data: str
    when_disconnected: str
    when_erased: str


STORED = (
    StoredData(
        "catalog", "The merchant's tokens for Clover and the account's e-mail address, encrypted.", "erased", "erased"
    ),
    StoredData(
        "catalog",
        "The e-mail address of an account that is being connected, encrypted.",
        "erased when the person comes back from Clover, or soon after a quarter of an hour",
        "the same",
    ),
    StoredData("notifier", "A copy of the e-mail address, encrypted, and the store's name.", "erased", "erased"),
    StoredData(
        "orders",
        "The name, e-mail address and telephone number of customers in the US, and the notes of orders, encrypted.",
        "kept: orders that wait are sent with them after the next connection",
        "erased, for orders received before the request",
    ),
    StoredData(
        "notifier",
        "Hashes of login links and sessions.",
        "deleted at the first sign-in after they expired: sessions after twelve hours, links a day later",
        "the same",
    ),
    StoredData(
        "catalog, inventory",
        "Products, links, stock and its ledger. They describe goods, not people.",
        "kept: the account needs them when it connects again",
        "kept: they name no person",
    ),
    StoredData(
        "orders",
        "Orders with their lines, amounts and timeline.",
        "kept: they are the merchant's sales records",
        "kept without customers: tax law asks for sales records",
    ),
    StoredData(
        "notifier",
        "Problems and activity. They name orders, products and items, never people.",
        "kept: they explain what happened",
        "kept: they name no person",
    ),
)
