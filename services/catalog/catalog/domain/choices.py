"""The choices of a merchant, where QuickSync can do one thing or another."""

from dataclasses import dataclass
from enum import StrEnum


class Master(StrEnum):
    """The side whose values count where the other one has edited the same product."""

    QUICKSYNC = "quicksync"
    CLOVER = "clover"


@dataclass(frozen=True)
class Choices:
    """The choices of a merchant. The defaults are those of a merchant who chose nothing.

    `provoke_webhooks` lets QuickSync make a change in Clover that nobody sees, to find out whether webhooks arrive.
    `catalog_master` is the master of the fields that products share with their items.
    """

    provoke_webhooks: bool = True
    catalog_master: Master = Master.QUICKSYNC
