"""Reads a Clover collection page by page until it ends."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from common.errors import Unavailable

M = TypeVar("M", bound=BaseModel)

LARGEST_PAGE = 1000
"""Clover refuses more with 400 (recorded)."""


class Endless(Unavailable):
    """Clover's pages repeat; reading on would never end."""


class Page(BaseModel, Generic[M]):
    """Clover's list envelope: no total and no cursor; a page shorter than asked for is the last (recorded)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    elements: list[M] | None = None


async def pages(fetch: Callable[[int], Awaitable[Page[M]]], limit: int) -> AsyncIterator[list[M]]:
    """Each page's elements; `fetch` gets the page at an offset.

    Rows that move while we page come twice: elements with an `id` seen before are left out. Rows may also be missed,
    which only the next sweep can mend. Raises Endless when a full page brings nothing new, as it would for ever, and
    Unavailable for an answer that is no list: it does not say that there is nothing.
    """
    seen: set[object] = set()
    last: list[M] = []
    offset = 0
    while True:
        elements = (await fetch(offset)).elements
        if elements is None:
            raise Unavailable("Clover's answer is no list")
        new = _unseen(elements, seen)
        if len(elements) >= limit and (not new or elements == last):
            raise Endless
        if new:
            yield new
        if len(elements) < limit:
            return
        last = elements
        offset += len(elements)


def _unseen(elements: list[M], seen: set[object]) -> list[M]:
    """Those whose id was not seen before, and those without any; their ids are seen from now on."""
    new = []
    for element in elements:
        known_by = getattr(element, "id", None)
        if known_by is None or known_by not in seen:
            seen.add(known_by)
            new.append(element)
    return new
