"""Paging, the same for every list: `cursor` and `limit` in the query, the next cursor in the answer."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, TypeVar

from pydantic import Field, StringConstraints

from common.http.routes import Input

T = TypeVar("T")

CURSOR = "The `next` of the previous page. Leave it out for the first page."


class Page(Input):
    """The part of a list to return; lists differ in the type of their `cursor`."""

    renamed: ClassVar = {"after": "cursor", "before": "cursor"}

    limit: Annotated[int, Field(ge=1, le=500, description="The largest number of entries to return.")] = 100


class PageByName(Page):
    """A page of a list that is sorted by a text."""

    cursor: Annotated[str, StringConstraints(max_length=120), Field(description=CURSOR)] = ""


class PageByNumber(Page):
    """A page of a list that is sorted by a number."""

    cursor: Annotated[int | None, Field(ge=0, le=10**15, description=CURSOR)] = None


def part(found: Sequence[T], limit: int) -> tuple[Sequence[T], T | None]:
    """Return the page, and its last entry if more entries follow. `found` holds one entry more than the limit."""
    page = found[:limit]
    return page, page[-1] if len(found) > limit else None
