"""Collections read page by page."""

from collections.abc import Sequence

import pytest

from common.clover.errors import decoded
from common.clover.paging import Page, Part, pages
from common.clover.transport import Answered
from common.errors import Unavailable


class Row(Answered):
    id: str


class Anonymous(Answered):
    name: str


async def read(*answers: Sequence[str], limit: int = 2) -> tuple[list[list[str]], list[int]]:
    """The ids of each page read, and the offsets asked for."""
    asked: list[int] = []

    async def fetch(offset: int) -> Part[Row]:
        asked.append(offset)
        return Page[Row](elements=[Row(id=each) for each in answers[min(len(asked), len(answers)) - 1]]).part(limit)

    return [[row.id for row in page] async for page in pages(fetch)], asked


@pytest.mark.parametrize(
    ("answers", "found", "asked"),
    [
        ([[]], [], [0]),
        ([["A"]], [["A"]], [0]),
        ([["A", "B"], ["C"]], [["A", "B"], ["C"]], [0, 2]),
        ([["A", "B"], []], [["A", "B"]], [0, 2]),
    ],
)
async def test_a_short_page_is_the_last(answers: list[list[str]], found: list[list[str]], asked: list[int]) -> None:
    """There is no total and no cursor: the last page is shorter than its limit."""
    assert await read(*answers) == (found, asked)


async def test_rows_that_move_appear_once() -> None:
    """A row that moves onto the next page during the reading is skipped there."""
    assert (await read(["A", "B"], ["B", "C"], ["D"]))[0] == [["A", "B"], ["C"], ["D"]]


async def test_pages_that_repeat_end_in_an_error() -> None:
    """A server that ignores the offset does not cause an endless loop."""
    with pytest.raises(Unavailable):
        await read(["A", "B"])


def test_response_without_a_list_is_not_an_empty_list() -> None:
    """A 200 without a list does not mean that the collection is empty."""
    with pytest.raises(Unavailable):
        decoded(Page[Row], b'{"message": "try again"}').part(2)


async def test_pages_without_ids_that_repeat_end_too() -> None:
    """Rows without an id are compared as whole pages."""

    async def fetch(_: int) -> Part[Anonymous]:
        return Page[Anonymous](elements=[Anonymous(name="same"), Anonymous(name="same")]).part(2)

    with pytest.raises(Unavailable):
        _ = [page async for page in pages(fetch)]
