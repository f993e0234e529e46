"""What a person decides about the link of a product, and what an item gets back that is no longer linked."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Choice(StrEnum):
    """A decision about the link of a product."""

    LINK = "link"
    CREATE = "create"
    APART = "apart"


@dataclass(frozen=True)
class LinkChoice:
    """A decision of a person. `item_id` is the item to link."""

    product_id: str
    choice: Choice
    item_id: str | None = None


def restored(
    former: Mapping[str, object], written: Mapping[str, object], now: Mapping[str, object]
) -> dict[str, object]:
    """Return the fields to write so that an item has what it had before it was linked.

    Only a field that still shows what we wrote is restored: any other was edited since.
    """
    return {
        name: value
        for name, value in former.items()
        if value is not None and written.get(name) is not None and now.get(name) == written[name] != value
    }
