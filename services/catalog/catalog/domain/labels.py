"""Labels: the categories, tags and tax rates that products state by name, and which of Clover's are meant.

A name counts regardless of case and spaces, as a merchant who has `Coffee` does not want a `coffee` beside it. A
category or tag that was renamed in Clover keeps its id and its items, so its former names still mean it. A tax rate is
known by its present name alone, because money depends on it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from catalog.domain.items import Item, ItemDetails, ItemFields
from catalog.domain.matching_keys import name_key
from common import messages


class LabelKind(StrEnum):
    """A kind of label: the name of its field, and of its list in Clover."""

    CATEGORY = "categories"
    TAG = "tags"
    TAX_RATE = "tax_rates"


@dataclass(frozen=True)
class Label:
    """A label in Clover, or one that was there until it was deleted. `former_names` are those before it was renamed."""

    kind: LabelKind
    id: str
    name: str
    former_names: tuple[str, ...] = ()
    is_deleted: bool = False


@dataclass(frozen=True)
class Wanted:
    """A label that a product states."""

    kind: LabelKind
    name: str

    @property
    def key(self) -> tuple[LabelKind, str]:
        """The kind and the name as it is compared."""
        return self.kind, name_key(self.name)


class Lack(StrEnum):
    """Why a wanted label cannot be put on an item as it is."""

    MISSING = "missing"
    """Clover never had it, as far as is known."""

    DELETED = "deleted"
    """It was deleted in Clover."""

    AMBIGUOUS = "ambiguous"
    """Several tax rates have the name."""


class Labels:
    """The labels of a merchant. Of no labels an item shows the ids instead of names."""

    def __init__(self, known: Iterable[Label] = ()) -> None:
        self._by_id: dict[tuple[LabelKind, str], Label] = {}
        self._named: dict[tuple[LabelKind, str], list[Label]] = defaultdict(list)
        self._renamed: dict[tuple[LabelKind, str], list[Label]] = defaultdict(list)
        self._deleted: set[tuple[LabelKind, str]] = set()
        for label in sorted(known, key=lambda each: each.id):
            self._by_id[label.kind, label.id] = label
            names = [name_key(label.name), *map(name_key, label.former_names)]
            if label.is_deleted:
                self._deleted.update((label.kind, name) for name in names)
                continue
            self._named[label.kind, names[0]].append(label)
            for name in names[1:] if label.kind is not LabelKind.TAX_RATE else ():
                self._renamed[label.kind, name].append(label)

    @property
    def are_known(self) -> bool:
        """Whether there are any, as every merchant has a tax rate (recorded)."""
        return bool(self._by_id)

    def meant(self, wanted: Wanted) -> list[Label]:
        """Return the labels that count as the wanted one, those with exactly its name first."""
        found = self._named.get(wanted.key) or self._renamed.get(wanted.key) or []
        return sorted(found, key=lambda each: each.name != wanted.name)

    def lack(self, wanted: Wanted) -> Lack | None:
        """Return why the wanted label cannot be put on an item; None if it can."""
        found = self.meant(wanted)
        if not found:
            return Lack.DELETED if wanted.key in self._deleted else Lack.MISSING
        exact = [each for each in found if each.name == wanted.name] or found
        return Lack.AMBIGUOUS if wanted.kind is LabelKind.TAX_RATE and len(exact) > 1 else None

    def unknown(self, kind: LabelKind, ids: Iterable[str]) -> bool:
        """Return whether one of these ids is not known, as its label is newer than the last read."""
        return any((kind, each) not in self._by_id for each in ids)

    def has_lost(self, before: "Labels") -> bool:
        """Return whether a label was deleted since then."""
        return any(not label.is_deleted and not self.exists(*key) for key, label in before._by_id.items())  # noqa: SLF001

    def shown(self, item: Item, wanted: ItemFields) -> ItemFields:
        """Return the fields of the item with the names of its labels, each spelled as the product states it."""
        if not wanted.states_labels:
            return item.fields
        names: dict[str, Any] = {
            kind.value: self._names(kind, _has(item, kind, wanted), _stated(wanted, kind)) for kind in LabelKind
        }
        return replace(item.fields, **names)

    def certain(self, item: Item, wanted: ItemFields) -> ItemFields:
        """Return the same as `shown`, without the kinds of which the item has a label that is not known yet."""
        unsure: dict[str, Any] = {
            kind.value: None for kind in LabelKind if self.unknown(kind, ids_of(item.details, kind) or ())
        }
        return replace(self.shown(item, wanted), **unsure)

    def _names(
        self, kind: LabelKind, ids: Collection[str] | None, stated: Collection[str] | None
    ) -> tuple[str, ...] | None:
        """Return the names of these labels, sorted; None if they are not known. A deleted label is on no item."""
        if ids is None or stated is None:
            return None
        spelled: dict[str, set[str]] = defaultdict(set)
        for name in stated:
            for label in self.meant(Wanted(kind, name)):
                spelled[label.id].add(name)
        return tuple(sorted({name for each in ids for name in spelled.get(each) or self._name(kind, each)}))

    def _name(self, kind: LabelKind, label_id: str) -> list[str]:
        label = self._by_id.get((kind, label_id))
        if label is None:
            return [label_id]
        return [] if label.is_deleted else [label.name]

    def exists(self, kind: LabelKind, label_id: str) -> bool:
        """Return whether the label is not known to be deleted."""
        label = self._by_id.get((kind, label_id))
        return label is None or not label.is_deleted


def _stated(wanted: ItemFields, kind: LabelKind) -> tuple[str, ...] | None:
    stated: tuple[str, ...] | None = getattr(wanted, kind)
    return stated


def _has(item: Item, kind: LabelKind, wanted: ItemFields) -> tuple[str, ...] | None:
    """Return the labels that the item has by itself.

    Clover may show the default tax rates among those of an item that has them (a guess). They are not associations of
    it, and leave it once it has rates of its own.
    """
    if kind is LabelKind.TAX_RATE and item.fields.default_tax_rates and wanted.tax_rates is not None:
        return ()
    return ids_of(item.details, kind)


def ids_of(details: ItemDetails, kind: LabelKind) -> tuple[str, ...] | None:
    """Return the labels of this kind that Clover showed of an item."""
    match kind:
        case LabelKind.CATEGORY:
            return details.category_ids
        case LabelKind.TAG:
            return details.tag_ids
        case LabelKind.TAX_RATE:
            return details.tax_rate_ids


def lacking(item: Item | None, wanted: ItemFields, labels: Labels) -> Iterator[Wanted]:
    """Yield the wanted labels that the item does not have; all of them for a new item."""
    for kind in LabelKind:
        has = set((_has(item, kind, wanted) if item else ()) or ())
        for each in (Wanted(kind, name) for name in _stated(wanted, kind) or ()):
            if not any(label.id in has for label in labels.meant(each)):
                yield each


@dataclass(frozen=True)
class Association:
    """An item that gets a label or loses it."""

    kind: LabelKind
    label_id: str
    item_id: str
    is_removed: bool = False


def associations(item: Item, wanted: ItemFields, labels: Labels) -> list[Association]:
    """Return the changes that give the item exactly the wanted labels, as far as they exist.

    A label that the item has already serves, also if another one has the same name.
    """
    added = [
        Association(each.kind, found[0].id, item.id)
        for each in lacking(item, wanted, labels)
        if (found := labels.meant(each))
    ]
    for kind in LabelKind:
        stated, shown = _stated(wanted, kind), ids_of(item.details, kind)
        if stated is not None and shown:
            kept = {label.id for name in stated for label in labels.meant(Wanted(kind, name))}
            gone = [each for each in shown if each not in kept and labels.exists(kind, each)]
            added += [Association(kind, each, item.id, is_removed=True) for each in gone]
    return added


@dataclass(frozen=True)
class AssociationCall:
    """One call that adds labels of a kind to items, or removes them."""

    kind: LabelKind
    is_removed: bool
    associations: tuple[Association, ...]


def calls(wanted: Iterable[Association], portion: int) -> list[AssociationCall]:
    """Return the calls for these associations, one for each kind and direction unless it has more than `portion`.

    Additions come first, so that no item is without its labels in between.
    """
    groups: dict[tuple[bool, LabelKind], dict[Association, None]] = {
        (is_removed, kind): {} for is_removed in (False, True) for kind in LabelKind
    }
    for each in wanted:
        groups[each.is_removed, each.kind][each] = None
    return [
        AssociationCall(kind, is_removed, tuple(each)[start : start + portion])
        for (is_removed, kind), each in groups.items()
        for start in range(0, len(each), portion)
    ]


def after(item: Item, made: Sequence[Association]) -> Item:
    """Return the item once these associations of it are made."""
    ids = {kind: set(ids_of(item.details, kind) or ()) for kind in LabelKind}
    for each in made:
        (ids[each.kind].discard if each.is_removed else ids[each.kind].add)(each.label_id)
    categories, tags, tax_rates = (tuple(sorted(ids[kind])) for kind in LabelKind)
    return replace(
        item, details=ItemDetails(item.details.group_id, category_ids=categories, tag_ids=tags, tax_rate_ids=tax_rates)
    )


def reason(wanted: Wanted, lack: Lack) -> str:
    """Return in words why a product waits for this label, with the remedy."""
    return messages.for_locale().text(f"reason.label_{lack}.{wanted.kind}", name=wanted.name)
