"""The options of items: what the steps of a plan know of them, and change."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeGuard

from catalog.domain.matching import AdoptItem, CreateItem, UpdateItem, Write
from catalog.domain.matching_keys import name_key
from catalog.domain.variants import as_wanted


def known_options(step: Write) -> Mapping[str, str] | None:
    """Return the options that the item has; None if they are to be read."""
    return {} if isinstance(step, CreateItem) else step.known.options


def changes_options(step: Write) -> bool:
    """Return whether the item is to get other options than it has."""
    wanted = step.record.wanted.options
    return wanted is not None and wanted != known_options(step)


def lacks_options(step: Write) -> TypeGuard[AdoptItem | UpdateItem]:
    """Return whether the options of the item are still to be read."""
    return not isinstance(step, CreateItem) and step.known.options is None


def with_known_options(step: Write, read: Mapping[str, Mapping[str, str]]) -> Write:
    """Return the step with the options of its item, if they were read now."""
    if isinstance(step, CreateItem) or step.item_id not in read:
        return step
    options = as_wanted(read[step.item_id], step.record.wanted.options or {})
    known = replace(step.known, options=options)
    if isinstance(step, AdoptItem):
        return replace(step, known=known, shown=replace(step.shown, options=options))
    return replace(step, known=known)


def options_after(before: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """Return the options of an item that had others before. Those of other attributes stay."""
    return without_options(before, wanted) | dict(wanted)


def without_options(options: Mapping[str, str], removed: Iterable[str]) -> dict[str, str]:
    """Return these options without those that have one of these names."""
    keys = set(map(name_key, removed))
    return {name: value for name, value in options.items() if name_key(name) not in keys}
