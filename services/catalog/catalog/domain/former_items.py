"""The fields that items had in Clover before QuickSync wrote to them, and those that they get back."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from catalog.domain.items import OPTIONS
from catalog.domain.matching_keys import name_key
from catalog.domain.variants import as_wanted


@dataclass(frozen=True)
class FormerItem:
    """An item that is to be as it was before QuickSync wrote to it.

    `fields` is what it had, `written` what we wrote over those that are to be restored. One that `deletes` did not
    exist before. `undo_id` is the undo that restores it, if it is one, and `product_id` the product that it had.
    """

    fields: Mapping[str, object]
    written: Mapping[str, object]
    deletes: bool = False
    undo_id: UUID | None = None
    product_id: str | None = None


def restored(former: FormerItem, now: Mapping[str, object]) -> dict[str, object]:
    """Return the fields to write so that the item has what it had before.

    Only a field that still shows what we wrote is restored: any other was edited since.
    """
    return {
        name: former.fields[name]
        for name, ours in former.written.items()
        if ours is not None and former.fields.get(name) is not None and now.get(name) == ours != former.fields[name]
    }


def edited(former: FormerItem, now: Mapping[str, object]) -> list[str]:
    """Return the fields that are not restored, as they were edited since."""
    return [
        name
        for name, ours in former.written.items()
        if ours is not None
        and name != OPTIONS
        and former.fields.get(name) is not None
        and now.get(name) not in (ours, former.fields[name])
    ]


@dataclass(frozen=True)
class FormerOptions:
    """The options that an item is to have as before. `lost` are those of ours of which it had no value."""

    had: Mapping[str, str]
    lost: Mapping[str, str]


def restored_options(former: FormerItem, now: Mapping[str, str]) -> FormerOptions | None:
    """Return how the item gets its options of before; None if it has them."""
    ours, theirs = _options(former.written), _options(former.fields)
    if theirs in (ours, as_wanted(now, ours)):
        return None
    had = set(map(name_key, theirs))
    return FormerOptions(theirs, {name: value for name, value in ours.items() if name_key(name) not in had})


def are_options_edited(former: FormerItem, now: Mapping[str, str]) -> bool:
    """Whether the item has neither our options nor those of before."""
    ours, theirs = _options(former.written), _options(former.fields)
    return as_wanted(now, ours) not in (ours, theirs)


def _options(fields: Mapping[str, object]) -> Mapping[str, str]:
    options = fields.get(OPTIONS)
    return options if isinstance(options, Mapping) else {}
