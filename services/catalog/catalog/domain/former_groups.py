"""The former state of item groups: the names to restore, and the parts that were created and are to be removed."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from catalog.domain.changes import RecordedChange
from catalog.domain.item_groups import CreateAttribute, CreateOption, GroupWrite, ItemGroup
from catalog.domain.items import LABELS
from catalog.domain.matching_keys import name_key


@dataclass(frozen=True)
class CreatedPart:
    """An attribute, an option, a category or a tag that QuickSync created in Clover."""

    kind: str
    id: str
    name: str
    group_id: str | None = None
    attribute_id: str | None = None


@dataclass(frozen=True)
class FormerGroup:
    """The item group of a parent that is to be as it was before some changes.

    `name` is the one it had and `written` ours, both None if its name is not to be restored. `given_up` are the parts
    that the changes needed and that were not there before. `wanted` are the options of the products that the parent
    has. `undo_id` is the undo that restores the name, and `product_id` a product that it concerns.
    """

    parent_id: str
    id: str
    name: str | None
    written: str | None
    given_up: tuple[CreatedPart, ...]
    wanted: tuple[Mapping[str, str], ...]
    undo_id: UUID | None = None
    product_id: str | None = None


@dataclass(frozen=True)
class GroupRestoration:
    """The writes that make an item group what it was.

    `name` is the one to write. `is_renamed` means that a person gave it another name since. `removed` has options
    before their attributes. `kept` are parts that products want again, and `used` those that an item has all the same.
    """

    name: str | None = None
    is_renamed: bool = False
    removed: tuple[CreatedPart, ...] = ()
    kept: tuple[CreatedPart, ...] = ()
    used: tuple[CreatedPart, ...] = ()


def restoration(former: FormerGroup, group: ItemGroup, used_options: Collection[str]) -> GroupRestoration:
    """Return how to restore the item group, which was just read. `used_options` are those that its items have."""
    wanted = _wanted(former, group)
    there = {each.id: each.options for each in (group.attributes or {}).values()}
    kept = [each for each in former.given_up if each.id in wanted]
    options = {each.id: each for each in former.given_up if each.attribute_id and each.id not in wanted}
    removed = [each for each in options.values() if each.id not in used_options]
    left = {key: set(found.values()) - {each.id for each in removed} for key, found in there.items()}
    attributes = [each for each in former.given_up if not each.attribute_id and each.id not in wanted]
    removed += [each for each in attributes if not left.get(each.id)]
    used = [each for each in former.given_up if each not in kept and each not in removed]
    shown, is_ours = group.shown_name or "", _is_same(group.shown_name, former.written)
    return GroupRestoration(
        name=former.name if former.name and is_ours and not _is_same(shown, former.name) else None,
        is_renamed=former.name is not None and not is_ours and not _is_same(shown, former.name),
        removed=tuple(removed),
        kept=tuple(kept),
        used=tuple(used),
    )


def appeared(before: ItemGroup, planned: Iterable[GroupWrite], group: ItemGroup) -> list[CreatedPart]:
    """Return the planned parts that the group has once it was read: a create without an answer made them."""
    if before.attributes is None or before.creating_since is None or group.id is None:
        return []
    parts = (created_part(group, each) for each in planned if isinstance(each, CreateAttribute | CreateOption))
    return [each for each in parts if each]


def created_part(group: ItemGroup, write: GroupWrite) -> CreatedPart | None:
    """Return the part that this write made, as the group has it."""
    match write:
        case CreateAttribute():
            attribute = group.attribute(write.name)
            return CreatedPart("attributes", attribute.id, write.name, group.id) if attribute else None
        case CreateOption():
            attribute, option_id = group.attribute(write.attribute), group.option_id(write.attribute, write.name)
            if attribute and option_id:
                return CreatedPart("options", option_id, write.name, group.id, attribute.id)
    return None


def stated_options(changes: Iterable[RecordedChange]) -> set[tuple[str, str]]:
    """Return the keys of the options and their values that these changes gave to products, each with the parent."""
    variants = [variant for each in changes if (variant := (each.after or {}).get("variant"))]
    return {
        (variant["group"], name_key(text))
        for variant in variants
        for name, value in variant["options"].items()
        for text in (name, value)
    }


def products_of_groups(changes: Iterable[RecordedChange]) -> dict[str, str]:
    """Return the parents that these changes gave to products, each with one of the products."""
    return {variant["group"]: each.product_id for each in changes if (variant := (each.after or {}).get("variant"))}


def stated_labels(changes: Iterable[RecordedChange]) -> set[tuple[str, str]]:
    """Return the keys of the labels that these changes gave to products, each with its kind."""
    return {
        (kind, name_key(name)) for each in changes for kind in LABELS for name in (each.after or {}).get(kind) or ()
    }


def _wanted(former: FormerGroup, group: ItemGroup) -> set[str]:
    """Return the attributes and options of the group that its products want."""
    found: set[str] = set()
    for options in former.wanted:
        for name, value in options.items():
            attribute, option_id = group.attribute(name), group.option_id(name, value)
            found |= {attribute.id} if attribute else set()
            found |= {option_id} if option_id else set()
    return found


def _is_same(one: str | None, other: str | None) -> bool:
    """Whether the names differ in spaces at most, which Clover may trim (a guess)."""
    return (one or "").split() == (other or "").split()
