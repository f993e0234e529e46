"""Products: how each looks in Clover, and the state of its sync."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

from catalog.domain.items import FIXED_PRICE, PRICE_PER_UNIT, ItemFields, NewItem
from catalog.domain.variants import Variant, as_wanted
from common.contracts.problems import Code


class Status(StrEnum):
    """The status of a product in QuickSync. Only active products are visible at the till."""

    ACTIVE = "active"
    DRAFT = "draft"
    INACTIVE = "inactive"
    ARCHIVED = "archived"


@dataclass(frozen=True)
class Product:
    """A product as QuickSync wants it. `price` and `cost` are in minor units of `currency`.

    A field that is None is not the product's: its item keeps its value in Clover. With a `unit_name`, such as kg, the
    product is sold by weight or measure, and `price` is that of one unit. Clover names the item of a `variant` itself.
    A text is empty if it was emptied in Clover, the master of the catalogue: it is still the product's.
    Categories, tags and tax rates are the sorted names of all that the item is to have.
    """

    product_id: str
    name: str
    sku: str
    price: int
    currency: str
    status: Status
    barcode: str | None = None
    alternate_name: str | None = None
    cost: int | None = None
    unit_name: str | None = None
    age_restricted: bool | None = None
    variant: Variant | None = None
    categories: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    tax_rates: tuple[str, ...] | None = None


def revived(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of products as they were before they were stored as JSON."""
    kinds: dict[str, Any] = {"status": Status, "variant": Variant.of}
    return {name: kinds[name](value) if name in kinds else value for name, value in values.items()}


def item_fields(product: Product) -> ItemFields:
    """Return the fields that the product states for its item. The item is hidden unless the product is active."""
    return ItemFields(
        name=product.name,
        sku=product.sku,
        price=product.price,
        hidden=product.status is not Status.ACTIVE,
        code=product.barcode,
        alternate_name=product.alternate_name,
        cost=product.cost,
        price_type=None if product.unit_name is None else PRICE_PER_UNIT if product.unit_name else FIXED_PRICE,
        unit_name=product.unit_name,
        age_restricted=product.age_restricted,
        default_tax_rates=None if product.tax_rates is None else False,
        categories=product.categories,
        tags=product.tags,
        tax_rates=product.tax_rates,
    )


MOST_UNANSWERED = 5
"""Writes without an answer that are remembered for a product."""

LONGEST_NAME = 127
"""Characters in the name of an item (documented)."""

MOST_WINDOWS = 8
"""A product waits for others for this many windows at most."""


def wait_for_others(changed_at: Collection[datetime], now: datetime, window: timedelta) -> timedelta | None:
    """Return how long products that changed at these times wait for further ones, so that they go in full calls.

    They wait while others keep arriving, up to the end of a window, which is the same moment for all. None when none
    arrived for the length of a window, or one has waited for long.
    """
    if not changed_at or not window:
        return None
    if max(changed_at) <= now - window or min(changed_at) < now - MOST_WINDOWS * window:
        return None
    return window - timedelta(seconds=now.timestamp() % window.total_seconds())


@dataclass(frozen=True)
class Held:
    """The problem that a held product waits for, and the reason in words for the merchant."""

    problem: Code
    reason: str


class Matching(StrEnum):
    """How a product without an item gets one."""

    AUTOMATIC = "automatic"
    """It is linked to the item that matches, or gets a new one."""

    APART = "apart"
    """A person unlinked it: it gets none until a person links it."""

    CREATE = "create"
    """A person decided that no item is its own: it gets a new one."""


class Removal(StrEnum):
    """The fate of the item of a product that is deleted."""

    HIDE = "hide"
    """The item stays in Clover, hidden and without a link."""

    PURGE = "purge"
    """The item is deleted in Clover as well."""


class SyncState(StrEnum):
    """The state of a product's sync with Clover."""

    SYNCED = "synced"
    PENDING = "pending"
    HELD = "held"
    UNLINKED = "unlinked"


@dataclass(frozen=True)
class ProductRecord:
    """A product with its linked item: the fields as both sides last agreed on them, and as they were `seen` when read.

    `last_pushed` has the values written, or noted, last: where Clover differs from it, it was edited there.
    `unanswered` are the fields of writes that Clover may have applied. `superseded` are the caller's last values of
    fields that an edit in Clover replaced.

    While `creating_since` is set, a create of an item with `creating_sku` has no answer: the item may exist. `puts`
    counts the requests for this version, and `puts_checked` is the last of them that was compared with Clover.
    `deleted_item_id` was the linked item until Clover no longer had it. A product with a `removal` is being deleted.

    `item_group_id` is the item group of the linked item, which it never leaves, and `group_id` that of the product's
    parent. A person may link an item of another structure, which then `is_outside_group`.
    """

    product: Product
    updated_at: datetime
    item_id: str | None = None
    last_pushed: ItemFields | None = None
    creating_since: datetime | None = None
    creating_sku: str | None = None
    held: Held | None = None
    deleted_item_id: str | None = None
    seen: ItemFields | None = None
    puts: int = 0
    puts_checked: int = 0
    matching: Matching = Matching.AUTOMATIC
    removal: Removal | None = None
    item_group_id: str | None = None
    group_id: str | None = None
    is_outside_group: bool = False
    unanswered: tuple[Mapping[str, Any], ...] = ()
    superseded: Mapping[str, Any] = field(default_factory=dict)

    def writing(self, fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return the fields of writes without an answer once these are being written."""
        return [*(each for each in self.unanswered if each != fields), fields][-MOST_UNANSWERED:]

    def wrote(self, name: str, value: object) -> bool:
        """Return whether a write without an answer may have given the item this value.

        Of labels and options, some may have been written already.
        """
        written, before = (
            [each[name] for each in self.unanswered if name in each],
            getattr(self.last_pushed, name, None),
        )
        if isinstance(value, dict):
            former = before or {}
            return any(all(value.get(key) in {each.get(key), former.get(key)} for key in each) for each in written)
        if isinstance(value, tuple):
            has = set(before or ())
            return any(has & set(each) <= set(value) <= has | set(each) for each in written)
        return value in written

    @property
    def is_apart(self) -> bool:
        """Whether a person took its item from it, and it has no other one yet."""
        return self.item_id is None and self.matching is not Matching.AUTOMATIC

    @property
    def is_member(self) -> bool:
        """Whether its item is a member of an item group, or is to be created as one."""
        return self.product.variant is not None if self.item_id is None else self.item_group_id is not None

    @property
    def is_misplaced(self) -> bool:
        """Whether its item is not in the item group of its parent, which Clover never changes."""
        if self.product.variant is None or self.item_id is None or self.is_outside_group:
            return False
        return self.item_group_id is None or self.group_id not in {None, self.item_group_id}

    @cached_property
    def wanted(self) -> ItemFields:
        """The fields the item is to have. A field that we wrote and that the product states no more becomes empty.

        Clover names a member of an item group. Its options are the product's in the item group of its parent alone.
        """
        fields = item_fields(self.product)
        if self.is_member:
            is_in_group = self.item_id is None or self.item_group_id == self.group_id
            options = self.product.variant.options if self.product.variant and is_in_group else None
            fields = replace(fields, name=None, options=options)
        return fields.without(self.last_pushed) if self.last_pushed else fields

    def adopt(self, found: ItemFields) -> ItemFields:
        """Return the fields that count as pushed when an existing item is linked.

        A field that the product does not state is not ours to change: it counts as never pushed. A name that differs in
        spaces only counts as the product's, because Clover may trim it (a guess). An item without a cost costs nothing.
        """
        wanted = self.wanted
        if (found.name or "").split() == self.product.name.split():
            found = replace(found, name=self.product.name)
        if found.cost is None:
            found = replace(found, cost=0)
        if found.options is not None and wanted.options is not None:
            found = replace(found, options=as_wanted(found.options, wanted.options))
        return found.only(wanted)

    @property
    def new_item(self) -> NewItem:
        """The item to create. Clover wants a name of each, also of those that it names itself (documented)."""
        variant = self.product.variant
        if variant is None:
            return NewItem(self.wanted)
        name = " ".join([variant.name, *variant.options.values()])[:LONGEST_NAME].strip()
        return NewItem(replace(self.wanted, name=name), self.group_id)

    def newly_stated(self, known: ItemFields) -> dict[str, object]:
        """Return those of the item's fields that the product states now, and did not when it was pushed last."""
        pushed = self.last_pushed
        return {name: value for name, value in known.stated().items() if pushed and getattr(pushed, name) is None}

    @property
    def is_requested(self) -> bool:
        """Whether it was saved since it was compared with Clover last."""
        return self.puts_checked < self.puts

    @property
    def is_due(self) -> bool:
        """Whether Clover is not known to have this version. An archived product needs no item once it was deleted."""
        if self.removal:
            return True
        if self.item_id is None:
            needs_item = self.deleted_item_id is None or self.product.status is not Status.ARCHIVED
            return needs_item and self.matching is not Matching.APART
        return self.is_requested or bool(self.wanted.changes_from(self.last_pushed))

    def differs_from(self, found: ItemFields) -> bool:
        """Return whether these fields of its item in Clover differ from those of the product."""
        return bool(self.wanted.changes_from(self.adopt(found)))

    def is_kept_in(self, found: ItemFields) -> bool:
        """Return whether Clover shows the values of the last write, which changed those seen before it."""
        return self.seen is not None and not self.is_due and not self.differs_from(found)

    def was_overruled(self, found: ItemFields) -> bool:
        """Return whether Clover shows the same as before the last write: it does not keep the written values."""
        return not self.is_due and found == self.seen and bool(self.wanted.changes_from(found))

    @property
    def sync(self) -> SyncState:
        """The state shown to callers."""
        if self.held:
            return SyncState.HELD
        if self.item_id is None and self.matching is Matching.APART:
            return SyncState.UNLINKED
        return SyncState.PENDING if self.is_due else SyncState.SYNCED
