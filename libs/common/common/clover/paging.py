"""Reads a Clover collection page by page until it ends."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from common.errors import Unavailable

M = TypeVar("M", bound=BaseModel)

LARGEST_PAGE = 1000
"""Clover refuses a larger `limit` with 400 (recorded)."""


class Endless(Unavailable):
    """Clover's pages repeat, so reading them would never end."""


@dataclass(frozen=True)
class Part(Generic[M]):
    """One page of a collection. It shows all that had changed by `as_of`, in milliseconds of Clover's own clock."""

    elements: list[M]
    is_last: bool
    as_of: int | None = None


class Page(BaseModel, Generic[M]):
    """Clover's list envelope. It has no total and no cursor; a page shorter than `limit` is the last (recorded)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    elements: list[M] | None = None

    def part(self, limit: int, as_of: int | None = None) -> Part[M]:
        """Return the page that was asked for with this limit.

        Raise Unavailable when the response has no list, because it does not mean an empty one.
        """
        if self.elements is None:
            raise Unavailable("Clover's response has no list")
        return Part(self.elements, len(self.elements) < limit, as_of)


async def pages(fetch: Callable[[int], Awaitable[Part[M]]]) -> AsyncIterator[list[M]]:
    """Yield each page's elements; `fetch` reads the page at an offset.

    Rows that move during the reading appear twice, so elements with a known `id` are skipped. Rows may also be missed;
    the next sweep finds them. Raise Endless when a full page has nothing new, because the pages then never end.
    """
    seen: set[object] = set()
    last: list[M] = []
    offset = 0
    while True:
        page = await fetch(offset)
        new = _unseen(page.elements, seen)
        if not page.is_last and (not new or page.elements == last):
            raise Endless
        if new:
            yield new
        if page.is_last:
            return
        last = page.elements
        offset += len(page.elements)


def _unseen(elements: list[M], seen: set[object]) -> list[M]:
    """Return the elements with a new id or without one, and remember their ids."""
    new = []
    for element in elements:
        known_by = getattr(element, "id", None)
        if known_by is None or known_by not in seen:
            seen.add(known_by)
            new.append(element)
    return new
