"""How far a comparison of all items has got, as its run keeps it."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from common.clover.paging import LARGEST_PAGE
from common.work.run import Run

VERSION = 5

STEP = LARGEST_PAGE - 1
"""Offsets between two pages. They overlap by an item, which shows that none was skipped between them: where others were
deleted meanwhile, the items that follow move up."""


class Phase(StrEnum):
    """The part of a comparison; `reached` is an offset in BY_OFFSET and an item id in the others."""

    CHANGES = "changes"
    BY_OFFSET = "offset"
    BY_ID = "id"
    UNSHOWN = "unshown"


@dataclass(frozen=True)
class Cursor:
    """How far a comparison has got. All pages before `reached` are saved, and those at the offsets in `beyond`.

    `seen_until` is the time, by Clover's clock, before which it has shown all changes.
    """

    phase: Phase = Phase.BY_OFFSET
    reached: str = ""
    seen_until: int = 0
    beyond: frozenset[int] = frozenset()

    @classmethod
    def of(cls, run: Run) -> Self:
        """Return the cursor of the run."""
        if run.cursor is None:
            return cls()
        phase, reached, seen_until, beyond = run.cursor.split(" ")
        return cls(Phase(phase), reached, int(seen_until), frozenset(map(int, filter(None, beyond.split(",")))))

    def __str__(self) -> str:
        return f"{self.phase} {self.reached} {self.seen_until} {','.join(map(str, sorted(self.beyond)))}"

    @property
    def offset(self) -> int:
        """The offset of the first page that is not saved."""
        return int(self.reached or 0)

    def has(self, offset: int) -> bool:
        """Return whether the page at this offset is saved."""
        return 0 <= offset < self.offset or offset in self.beyond

    def with_page(self, offset: int) -> Self:
        """Return the cursor once the page at this offset is saved, too."""
        beyond, reached = self.beyond | {offset}, self.offset
        while reached in beyond:
            reached += STEP
        return replace(self, reached=str(reached), beyond=frozenset(each for each in beyond if each > reached))
