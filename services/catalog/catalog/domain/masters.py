"""Merges the edits of two sides: what QuickSync wants of an item, and what was edited in Clover.

Three values of each field decide: the one that both sides last agreed on, ours, and Clover's. Only fields that the
product states take part; the others are nobody's, and are overwritten on neither side.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from catalog.domain.choices import Master
from catalog.domain.items import FIXED_PRICE, PRICE_PER_UNIT, ItemFields
from catalog.domain.products import Product, ProductRecord, Status, item_fields, revived
from common.text import is_addressable

PRODUCT_FIELDS = {
    "hidden": "status",
    "code": "barcode",
    "price_type": "unit_name",
    "default_tax_rates": "tax_rates",
    "options": "variant",
}
"""The fields of a product that have another name than those of its item."""

RENAMED = {*PRODUCT_FIELDS, "unit_name"}
"""The fields of an item whose values mean another one of the product."""

LONGEST_SKU = 100


@dataclass(frozen=True)
class Edit:
    """A field of a product that was edited in Clover. `is_conflict` means that QuickSync had changed it as well."""

    field: str
    before: Any
    after: Any
    is_conflict: bool


@dataclass(frozen=True)
class Merged:
    """A product after an edit in Clover was noticed: the edits it took over, and those that are put back in Clover."""

    record: ProductRecord
    taken: tuple[Edit, ...] = ()
    reverted: tuple[Edit, ...] = ()


def edited(record: ProductRecord, found: ItemFields) -> dict[str, Any]:
    """Return the fields that were edited in Clover, with their values there.

    A value that we wrote is no edit, even if the answer to the write was lost. A field that was never written has no
    value that both sides agreed on.
    """
    theirs, ours, agreed = record.adopt(found), record.wanted, record.last_pushed
    if agreed is None or theirs == agreed:
        return {}
    return {
        name: value
        for name, value in vars(theirs).items()
        if value is not None
        and getattr(agreed, name) is not None
        and value not in (getattr(agreed, name), getattr(ours, name))
        and not record.wrote(name, value)
    }


def is_accounted(record: ProductRecord, found: ItemFields) -> bool:
    """Return whether the fields of the item are those that both sides agreed on, so that there is nothing to merge."""
    return _agreed(record, record.adopt(found), ()) == record.last_pushed


def merge(record: ProductRecord, found: ItemFields, master: Master, owners: Mapping[str, str]) -> Merged | None:
    """Return the product once Clover's edits are accounted for, None if there is nothing new.

    Each edit is accounted for once, as the item's value counts as agreed from then on. `owners` are the products that
    have the SKUs in question. A value that no product can have (`refused`) stays an edit that a person must decide
    about, unless QuickSync changed the field as well.
    """
    theirs, edits = record.adopt(found), edited(record, found)
    if master is Master.QUICKSYNC and record.was_overruled(theirs):
        return None  # Clover does not keep what we write: no edit, but a product to hold
    conflicting = {name for name in edits if getattr(record.wanted, name) != getattr(record.last_pushed, name)}
    impossible = refused(record, edits, owners) if master is Master.CLOVER else set()
    open_edits = impossible - conflicting
    taken = {name: value for name, value in edits.items() if master is Master.CLOVER and name not in impossible}
    reverted = {name: value for name, value in edits.items() if name not in taken.keys() | open_edits}
    agreed = _agreed(record, theirs, open_edits)
    if agreed == record.last_pushed:
        return None
    product = take_over(record.product, taken, theirs)
    return Merged(
        replace(
            record,
            product=product,
            last_pushed=_owned(agreed, product, taken),
            superseded=_superseded(record, product),
        ),
        _edits(record.product, product, conflicting),
        _edits(record.product, take_over(record.product, reverted, theirs), conflicting),
    )


def refused(record: ProductRecord, edits: Mapping[str, Any], owners: Mapping[str, str]) -> set[str]:
    """Return the fields whose value in Clover no product can have, or another product has."""
    wrong = {name for name, value in edits.items() if (name == "name" and not value) or (name == "price" and value < 0)}
    if "sku" in edits and not _is_free(edits["sku"], owners.get(edits["sku"]), record.product.product_id):
        wrong.add("sku")
    return wrong


def agreed_at_link(record: ProductRecord, found: ItemFields, master: Master) -> ItemFields:
    """Return the fields that count as agreed when the product is linked to this item.

    With QuickSync as the master it is what the item has, so that ours is written over it. With Clover as the master it
    is ours, so that what the item has counts as edited there; a text that is empty there was stated by nobody.
    """
    theirs = record.adopt(found)
    if master is Master.QUICKSYNC:
        return theirs
    ours: dict[str, Any] = {
        name: getattr(record.wanted, name)
        for name, value in vars(found).items()
        if value not in (None, "", (), {}) and not record.wrote(name, value)
    }
    return replace(theirs, **ours)


def restated(given: Product, record: ProductRecord | None) -> tuple[Product, dict[str, Any]]:
    """Return the product that a caller means, and which of its values stay superseded by edits made in Clover.

    A value that the caller states as before is no new statement, so the edit made in Clover since then stays. Any other
    is one, and replaces it.
    """
    if record is None or not record.superseded:
        return given, {}
    stated = asdict(given)
    superseded = {name: value for name, value in record.superseded.items() if stated[name] == value}
    return replace(given, **{name: getattr(record.product, name) for name in superseded}), superseded


def as_stated(product: Product, record: ProductRecord) -> Product:
    """Return the product as its caller would state it: what an edit in Clover replaced has the caller's last value."""
    kept = {
        name: value
        for name, value in record.superseded.items()
        if getattr(product, name) == getattr(record.product, name)
    }
    return replace(product, **revived(kept))


def superseded_by_name(record: ProductRecord, stated_name: str) -> dict[str, Any]:
    """Return what is superseded of a variant whose parent got another name in Clover than the caller stated."""
    if record.product.variant is None:
        return dict(record.superseded)
    stated = record.superseded.get("variant") or asdict(replace(record.product.variant, name=stated_name))
    return {**record.superseded, "variant": stated}


def take_over(product: Product, values: Mapping[str, Any], theirs: ItemFields) -> Product:
    """Return the product with these values of its item.

    A hidden item makes an active product inactive; a visible one makes any product active. A unit that a product cannot
    have is not the product's any more.
    """
    changes = {name: value for name, value in values.items() if name not in RENAMED}
    if values.get("default_tax_rates"):
        changes["tax_rates"] = None  # the rates are the merchant's own matter again
    if "options" in values and product.variant:
        options = {**product.variant.options, **values["options"]}
        changes["variant"] = replace(product.variant, options=options)
    if "hidden" in values:
        changes["status"] = _status(product.status, is_hidden=values["hidden"])
    if "code" in values:
        changes["barcode"] = values["code"]
    if {"price_type", "unit_name"} & values.keys():
        by_unit = theirs.unit_name or None if theirs.price_type == PRICE_PER_UNIT else None
        changes["unit_name"] = "" if theirs.price_type == FIXED_PRICE else by_unit
    return replace(product, **changes)


def _status(status: Status, *, is_hidden: bool) -> Status:
    if not is_hidden:
        return Status.ACTIVE
    return Status.INACTIVE if status is Status.ACTIVE else status


def _is_free(sku: str, owner: str | None, product_id: str) -> bool:
    is_sku = 0 < len(sku) <= LONGEST_SKU and sku == sku.strip() and sku.isprintable() and is_addressable(sku)
    return is_sku and owner in {None, product_id}


def _agreed(record: ProductRecord, theirs: ItemFields, besides: Collection[str]) -> ItemFields | None:
    """Return what both sides agree on now: the item's value of each field that both had, besides these."""
    before = record.last_pushed
    if before is None:
        return None
    seen: dict[str, Any] = {
        name: value
        for name, value in vars(theirs).items()
        if value is not None and getattr(before, name) is not None and name not in besides
    }
    return replace(before, **seen)


def _owned(agreed: ItemFields | None, product: Product, taken: Collection[str]) -> ItemFields | None:
    """Return these fields without those that the product gave up as it took over an edit."""
    if agreed is None:
        return None
    fields = item_fields(product)
    together = [each for each in ({"price_type", "unit_name"}, {"default_tax_rates", "tax_rates"}) if each & set(taken)]
    given_up: dict[str, Any] = {name: None for each in together for name in each if getattr(fields, name) is None}
    return replace(agreed, **given_up)


def _superseded(record: ProductRecord, product: Product) -> dict[str, Any]:
    """Return the caller's last values of the fields in which the product differs from them."""
    stated = asdict(record.product) | dict(record.superseded)
    now = asdict(product)
    different = {name for name in now if now[name] != asdict(record.product)[name]} | record.superseded.keys()
    return {name: stated[name] for name in sorted(different) if stated[name] != now[name]}


def _edits(before: Product, after: Product, conflicting: Collection[str]) -> tuple[Edit, ...]:
    ours, theirs = asdict(before), asdict(after)
    conflicts = {PRODUCT_FIELDS.get(name, name) for name in conflicting}
    return tuple(
        Edit(name, value, theirs[name], name in conflicts) for name, value in ours.items() if theirs[name] != value
    )
