"""How every list is paged: asked for by `cursor` and `limit`; the `next` of an answer is the cursor of what follows."""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from pydantic import Field, StringConstraints

from common.http.routes import Input

T = TypeVar("T")

OF_BEFORE = "The `next` of the page before; left out for the first."


class Page(Input):
    """Which part of a list; lists differ in what their `cursor` is."""

    limit: Annotated[int, Field(ge=1, le=500)] = 100


class PageByName(Page):
    """Which part of a list in the order of names."""

    cursor: Annotated[str, StringConstraints(max_length=120), Field(description=OF_BEFORE)] = ""


class PageByNumber(Page):
    """Which part of a list in the order of numbers."""

    cursor: Annotated[int | None, Field(ge=0, le=10**15, description=OF_BEFORE)] = None


def part(found: Sequence[T], limit: int) -> tuple[Sequence[T], T | None]:
    """Of one more than the limit, which is what to look for: what is shown, and the last of it if something follows."""
    shown = found[:limit]
    return shown, shown[-1] if len(found) > limit else None
