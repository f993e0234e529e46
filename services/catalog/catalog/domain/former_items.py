"""The fields that items had in Clover before QuickSync wrote to them, and those that they get back."""

from collections.abc import Mapping
from dataclasses import dataclass

from catalog.domain.items import OPTIONS
from catalog.domain.variants import as_wanted


@dataclass(frozen=True)
class FormerItem:
    """An item that is to be as it was before QuickSync wrote to it.

    `fields` is what it had, `written` what we wrote over those that are to be restored. One that `deletes` did not
    exist before.
    """

    fields: Mapping[str, object]
    written: Mapping[str, object]
    deletes: bool = False


def restored(former: FormerItem, now: Mapping[str, object]) -> dict[str, object]:
    """Return the fields to write so that the item has what it had before.

    Only a field that still shows what we wrote is restored: any other was edited since.
    """
    return {
        name: former.fields[name]
        for name, ours in former.written.items()
        if ours is not None and former.fields.get(name) is not None and now.get(name) == ours != former.fields[name]
    }


def restored_options(former: FormerItem, now: Mapping[str, str]) -> Mapping[str, str]:
    """Return the options to write so that the item has those of before; none if one of them was edited since."""
    ours, theirs = _options(former.written), _options(former.fields)
    return theirs if theirs and as_wanted(now, ours) == ours != theirs else {}


def _options(fields: Mapping[str, object]) -> Mapping[str, str]:
    options = fields.get(OPTIONS)
    return options if isinstance(options, Mapping) else {}
