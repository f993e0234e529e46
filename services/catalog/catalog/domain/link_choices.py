"""The decisions of a person about the link of a product."""

from dataclasses import dataclass
from enum import StrEnum


class Choice(StrEnum):
    """A decision about the link of a product."""

    LINK = "link"
    CREATE = "create"
    APART = "apart"


class LinkState(StrEnum):
    """The state of a product's link."""

    LINKED = "linked"
    CONFLICT = "conflict"
    UNLINKED = "unlinked"
    PENDING = "pending"


@dataclass(frozen=True)
class LinkChoice:
    """A decision of a person. `item_id` is the item to link."""

    product_id: str
    choice: Choice
    item_id: str | None = None
