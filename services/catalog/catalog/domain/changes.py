"""Changes of products: what a request changes, field by field, and what an undo restores of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from dataclasses import fields as dataclass_fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from catalog.domain.items import EMPTY, OPTIONS, ItemFields, own
from catalog.domain.masters import PRODUCT_FIELDS, take_over
from catalog.domain.products import Product, ProductRecord, Status, item_fields, revived
from catalog.domain.variants import VariantClaims

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

ITEM: Final = "item_id"
"""The name under which an undo names an item that cannot come back, as it was deleted in Clover."""


class Effect(StrEnum):
    """The effect of a row on its product."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Change:
    """A product before and after a request. `before` is None if there was none.

    `group_name` is the name that the parent of a variant had for its other products, if the request renamed it and the
    product was not among them.
    """

    before: Product | None
    after: Product
    group_name: str | None = None

    @property
    def effect(self) -> Effect:
        """The effect on the product."""
        if self.before is None:
            return Effect.NEW
        return Effect.UNCHANGED if self.before == self.after else Effect.CHANGED

    @property
    def hides(self) -> bool:
        """Whether the product was visible at the till before, and is hidden after."""
        was_visible = self.before is not None and self.before.status is Status.ACTIVE
        return was_visible and self.after.status is not Status.ACTIVE

    @property
    def fields(self) -> list[str]:
        """The fields that differ; all of a new product."""
        after = asdict(self.after)
        if self.before is None:
            return [name for name in after if name != "product_id"]
        before = asdict(self.before)
        return [name for name, value in after.items() if before[name] != value]

    def values(self) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        """Return the values of these fields before and after."""
        after, fields = asdict(self.after), self.fields
        before = asdict(self.before) if self.before else None
        return before and {name: before[name] for name in fields}, {name: after[name] for name in fields}


@dataclass
class SkuClaims:
    """The SKUs that the rows of a request have taken so far, for a preview that stores nothing."""

    owners: dict[str, str] = field(default_factory=dict)
    skus: dict[str, str] = field(default_factory=dict)

    def claim(self, product: Product, stored_sku: str | None, stored_owner: str | None) -> bool:
        """Take the SKU for the product; return False if it belongs to another one.

        `stored_sku` is the product's own SKU before the request, `stored_owner` the product that had the SKU then.
        """
        product_id, sku = product.product_id, product.sku
        if self._owner(sku, stored_owner) not in {None, product_id}:
            return False
        previous = self.skus.get(product_id, stored_sku)
        if previous is not None and self.owners.get(previous) == product_id:
            del self.owners[previous]
        self.skus[product_id] = sku
        self.owners[sku] = product_id
        return True

    def _owner(self, sku: str, stored_owner: str | None) -> str | None:
        if sku in self.owners:
            return self.owners[sku]
        has_left = stored_owner is not None and self.skus.get(stored_owner, sku) != sku
        return None if has_left else stored_owner


@dataclass
class Claims:
    """The SKUs and variants that the rows of a request have taken so far, for a preview that stores nothing."""

    skus: SkuClaims = field(default_factory=SkuClaims)
    variants: VariantClaims = field(default_factory=VariantClaims)


@dataclass(frozen=True)
class RecordedChange:
    """The change of a product as it was recorded: the values of the fields that differed.

    `before` is None if the product was new, `after` if an undo deleted it. `skipped` names the fields that an undo left
    as they were. `group_name` is the parent's name before, if other products had it.
    """

    product_id: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    skipped: Sequence[str] = ()
    group_name: str | None = None

    @property
    def deleted_item(self) -> str | None:
        """The item of a product that an undo deleted; None if it had none."""
        return self.before.get(ITEM) if self.after is None and self.before else None


@dataclass(frozen=True)
class Restored:
    """The result of an undo for one product: the product as it is to be, and the fields that were edited since.

    `product` is None if nothing is left to restore. If the undo `deletes` the product, there was none before.
    """

    product: Product | None = None
    skipped: Sequence[str] = ()
    deletes: bool = False


def restore(
    change: RecordedChange,
    now: ProductRecord | None,
    edited_in_clover: Sequence[str] = (),
    lost_items: Collection[str] = (),
    linked: Mapping[str, Any] = NOTHING,
) -> Restored:
    """Return the product as it was before the change, except for the fields that were edited since.

    A product that the change created is deleted; one with any later edit, also of its item at the till, is in use and
    stays. A product that is being deleted is not saved again, nor one whose item was deleted in Clover, as that would
    bring them back. `lost_items` are deleted in Clover or about to be, so that a product gets another one.
    `linked` are the values that a new product took over from the item that it was linked to, which are no edits.
    """
    if change.after is None:
        return _created_again(change, now, lost_items)
    if now is None or now.removal:
        return Restored(skipped=list(change.after))
    current = asdict(now.product)
    edited = [name for name in change.after if name in current and _is_edited(change, name, current[name])]
    if change.before is None:
        edited = [name for name in edited if name not in linked or current[name] != linked[name]]
        edited += [name for name in edited_in_clover if name not in edited]
        return Restored(skipped=edited, deletes=not edited)
    if now.deleted_item_id:
        return Restored(skipped=list(change.after))
    values = {name: value for name, value in change.before.items() if name in current and name not in edited}
    product = replace(now.product, **revived(values))
    return Restored(None if product == now.product else product, edited)


def group_name(product: Product, before: Product | None, names: Mapping[str, str]) -> str | None:
    """Return the name that the product's parent has for other products, if the product renames it and joins it now."""
    variant = product.variant
    is_member = before and before.variant and variant and before.variant.group == variant.group
    if variant is None or is_member or names.get(variant.group) == variant.name:
        return None
    return names.get(variant.group)


def linked_values(change: RecordedChange, item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a new product once it has taken over what its item had when it was linked."""
    if change.before is not None or change.after is None:
        return {}
    fields = ItemFields(**({"name": None} | dict(item)))
    return asdict(take_over(_product(change.product_id, change.after), fields.stated(), fields))


def _product(product_id: str, values: Mapping[str, Any]) -> Product:
    known = {field.name for field in dataclass_fields(Product)}
    return Product(product_id=product_id, **revived({name: each for name, each in values.items() if name in known}))


def _is_edited(change: RecordedChange, name: str, now: Any) -> bool:
    """Whether the field has another value since the change.

    The name of a parent is restored with the first of its variants, and is no matter of a variant that joined it.
    """
    before, after = (change.before or {}).get(name), (change.after or {})[name]
    if name != "variant" or not (now and after):
        return bool(now != after)
    names = {after["name"], change.group_name, before["name"] if before else now["name"]}
    return now["name"] not in names or now | {"name": after["name"]} != after


def edited_in_clover(record: ProductRecord, found: ItemFields) -> list[str]:
    """Return the fields of a product that someone edited at the till since QuickSync created its item like that."""
    if record.last_pushed is None:
        return []
    ours = EMPTY | record.last_pushed.stated()
    shown = own(asdict(found))
    if record.is_member:  # Clover names it
        del shown["name"]
    names = [name for name, value in shown.items() if (ours.get(name) or None) != (value or None)]
    return list(dict.fromkeys(PRODUCT_FIELDS.get(name, name) for name in names))


def given_up(before: ProductRecord, after: Product) -> dict[str, object]:
    """Return the fields of its item that the product states no more, with the values that we wrote."""
    stated, kept = item_fields(before.product), item_fields(after)
    pushed = before.last_pushed.stated() if before.last_pushed else {}
    leaves_group = before.product.variant is not None and after.variant is None
    return {
        name: getattr(before.wanted, name)
        for name in pushed
        if (getattr(stated, name) is not None and getattr(kept, name) is None) or (name == OPTIONS and leaves_group)
    }


def _created_again(change: RecordedChange, now: ProductRecord | None, lost_items: Collection[str]) -> Restored:
    if now or change.before is None:
        return Restored(skipped=[name for name in change.before or () if name != ITEM])
    skipped = [ITEM] if change.deleted_item in lost_items else []
    return Restored(_product(change.product_id, change.before), skipped)
