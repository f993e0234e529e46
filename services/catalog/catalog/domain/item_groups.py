"""Item groups: what Clover has of the group of a parent, and what is to be written so that its variants fit in."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias, TypeVar

from catalog.domain.matching_keys import name_key

T = TypeVar("T")


@dataclass(frozen=True)
class Attribute:
    """An attribute of an item group, such as size, with the ids of its options by their names."""

    id: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ShownVariant:
    """An item of a group as Clover shows it: the name that Clover built, and the ids of its options."""

    name: str
    option_ids: tuple[str, ...]


@dataclass(frozen=True)
class ItemGroup:
    """The item group of a parent.

    `name` and `option_names` are wanted. The others are Clover's: the id, once it is known, the name that was read or
    written last, and the attributes by their names, None until they are read. While `creating_since` is set, the group
    or a part of it was created without an answer, and may exist. `other_items` are those of its items that no
    product of the parent has: a group gets no further attribute that one of them would lack.
    """

    parent_id: str
    name: str
    option_names: tuple[str, ...]
    id: str | None = None
    shown_name: str | None = None
    attributes: Mapping[str, Attribute] | None = None
    creating_since: datetime | None = None
    has_items: bool = False
    other_items: frozenset[str] = frozenset()

    def attribute(self, name: str) -> Attribute | None:
        """Return the attribute with this name; case and spaces make no difference."""
        return _found(self.attributes or {}, name)

    def option_id(self, name: str, value: str) -> str | None:
        """Return the option with this value of the attribute with this name."""
        attribute = self.attribute(name)
        return _found(attribute.options, value) if attribute else None

    def options_of(self, option_ids: Iterable[str]) -> dict[str, str] | None:
        """Return the values of these options by the names of their attributes; None if one is not known."""
        known = {
            option_id: (name, value)
            for name, attribute in (self.attributes or {}).items()
            for value, option_id in attribute.options.items()
        }
        option_ids = list(option_ids)
        return dict(known[each] for each in option_ids) if known.keys() >= set(option_ids) else None

    def explains(self, variant: ShownVariant) -> bool:
        """Return whether the group is known as Clover has it now, as the name of this item of it shows.

        A person renames a group or an option in Clover without a trace but the names that Clover builds of them.
        """
        options = self.options_of(variant.option_ids)
        if options is None or self.shown_name is None:
            return False
        return sorted(variant.name.split()) == sorted(" ".join([self.shown_name, *options.values()]).split())


@dataclass(frozen=True)
class CreateGroup:
    """Create the item group."""


@dataclass(frozen=True)
class RenameGroup:
    """Give the item group its name."""


@dataclass(frozen=True)
class CreateAttribute:
    """Create an attribute of the item group."""

    name: str


@dataclass(frozen=True)
class CreateOption:
    """Create an option of an attribute of the item group."""

    attribute: str
    name: str


GroupWrite: TypeAlias = CreateGroup | RenameGroup | CreateAttribute | CreateOption


def writes(group: ItemGroup, wanted: Iterable[Mapping[str, str]]) -> list[GroupWrite]:
    """Return what the item group lacks for items with these options, in the order in which it is to be written."""
    found: list[GroupWrite] = []
    if group.id is None:
        found.append(CreateGroup())
    elif group.name != group.shown_name:
        found.append(RenameGroup())
    values: dict[str, dict[str, str]] = {name: {} for name in group.option_names}
    for options in wanted:
        for name, value in options.items():
            values.setdefault(name, {}).setdefault(name_key(value), value)
    for name, each in values.items():
        if each and group.attribute(name) is None:
            found.append(CreateAttribute(name))
        found += [CreateOption(name, value) for value in each.values() if group.option_id(name, value) is None]
    return found


def refused_attributes(group: ItemGroup, planned: Iterable[GroupWrite], item_ids: Collection[str]) -> list[str]:
    """Return the attributes of the plan that an item of the group would lack, as it is none of these items either."""
    if group.other_items <= set(item_ids):
        return []
    return [each.name for each in planned if isinstance(each, CreateAttribute)]


def written(group: ItemGroup, write: GroupWrite, new_id: str) -> ItemGroup:
    """Return the group after the write, which Clover answered with this id."""
    attributes = dict(group.attributes or {})
    match write:
        case CreateGroup():
            return replace(group, id=new_id, shown_name=group.name, attributes={}, creating_since=None)
        case RenameGroup():
            return replace(group, shown_name=group.name)
        case CreateAttribute():
            attributes[write.name] = Attribute(new_id)
        case CreateOption():
            name = next(each for each in attributes if name_key(each) == name_key(write.attribute))
            attribute = attributes[name]
            attributes[name] = replace(attribute, options={**attribute.options, write.name: new_id})
    return replace(group, attributes=attributes, creating_since=None)


@dataclass(frozen=True)
class Tie:
    """An option that an item gets, or loses."""

    option_id: str
    item_id: str


@dataclass(frozen=True)
class Ties:
    """The associations of options with items to remove, and those to add."""

    removed: tuple[Tie, ...] = ()
    added: tuple[Tie, ...] = ()


def ties(group: ItemGroup, item_id: str, known: Mapping[str, str], wanted: Mapping[str, str]) -> Ties:
    """Return what to change so that an item with the known options has the wanted ones. Its other options stay."""
    before = {name_key(name): group.option_id(name, value) for name, value in known.items()}
    after = {name_key(name): group.option_id(name, value) for name, value in wanted.items()}
    changed = {name: each for name, each in after.items() if each != before.get(name)}
    return Ties(
        tuple(Tie(old, item_id) for name in changed if (old := before.get(name))),
        tuple(Tie(new, item_id) for new in changed.values() if new),
    )


def untied(group: ItemGroup, item_id: str, options: Mapping[str, str]) -> list[Tie]:
    """Return what to remove so that the item has none of these options."""
    found = [group.option_id(name, value) for name, value in options.items()]
    return [Tie(each, item_id) for each in found if each]


def lost(group: ItemGroup) -> ItemGroup:
    """Return the group of a parent once Clover has it no more."""
    return ItemGroup(group.parent_id, group.name, group.option_names)


def bound_groups(
    groups: Mapping[str, ItemGroup], members: Sequence[tuple[str, str]], taken: Mapping[str, str]
) -> dict[str, str]:
    """Return the item group of each parent that has none yet, by the items of its variants.

    `members` are the item groups that these items are in, each with the parent; `taken` are the parents that have one
    of these item groups already. The item group with most of the items is that of the parent.
    """
    counts: dict[tuple[str, str], int] = {}
    for parent_id, group_id in members:
        counts[parent_id, group_id] = counts.get((parent_id, group_id), 0) + 1
    bound: dict[str, str] = {}
    used = set(taken) | {each.id for each in groups.values() if each.id}
    for parent_id, group_id in sorted(counts, key=lambda each: (-counts[each], each)):
        group = groups.get(parent_id)
        is_free = (group is None or group.id is None) and parent_id not in bound
        if is_free and (group_id not in used or taken.get(group_id) == parent_id):
            bound[parent_id] = group_id
            used.add(group_id)
    return bound


def _found(by_name: Mapping[str, T], name: str) -> T | None:
    exact = by_name.get(name)
    if exact is not None:
        return exact
    return next((each for other, each in by_name.items() if name_key(other) == name_key(name)), None)
