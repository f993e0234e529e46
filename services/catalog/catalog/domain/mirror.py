"""Decides how the mirror of Clover's items is kept: from when changes are read, and when all items are."""

from collections.abc import Collection
from datetime import datetime, timedelta

from catalog.domain.items import Item

OVERLAP = 5000
"""Milliseconds by which a read of changes begins before the last certain moment of the one before: Clover's times are
whole seconds, an item may be listed a moment after it was modified, and the clocks behind Clover's Date and its
modifiedTime may differ."""

CREDIBLE = timedelta(hours=1)
"""A Date this far ahead of our own clock is none of Clover's: it would skip all changes until then."""


def seen_until(shown: Collection[Item], as_of: int | None, now: datetime) -> int:
    """Return the time, by Clover's clock, before which a read has shown all changes.

    `as_of` is Clover's own time of the read. Without one, it is that of the newest of the items `shown`, which stands
    still while nothing is modified: all that was modified shortly before is then read again and again.
    """
    if as_of is None or as_of > 1000 * (now + CREDIBLE).timestamp():
        as_of = max((each.modified_at for each in shown), default=0)
    return as_of - OVERLAP


def is_sweep_due(swept_at: datetime | None, now: datetime, every: timedelta) -> bool:
    """Return whether all items are to be read, also when neither the changes nor their number ask for it."""
    return swept_at is None or now >= swept_at + every
