"""Pages on their way side by side: which are taken, and which are given up."""

import asyncio
from collections.abc import Callable

from catalog.clover.items import ItemPage
from catalog.sync.cursor import Cursor, Phase
from catalog.sync.pages import Pages, Read

FULL, LAST = ItemPage([], 1000), ItemPage([], 10)


def pages(come: dict[int, ItemPage], called: Callable[[int], bool], *, gives_way: bool = False) -> Pages:
    """Return pages that come at once, or not at all; those that are not `called` wait for their turn."""

    async def read(offset: int, noted: set[int]) -> Read:
        if called(offset):
            noted.add(offset)
        if offset not in come:
            await asyncio.Event().wait()
        return 1, come[offset]

    async def asked() -> bool:
        return gives_way

    return Pages(read, asked)


async def test_no_page_waits_for_its_turn_to_call_before_urgent_work() -> None:
    """All calls may be taken for seconds; the urgent work is what gets the next one. No page is begun after that."""
    begun: list[int] = []

    def called(offset: int) -> bool:
        begun.append(offset)
        return False

    async with pages({}, called, gives_way=True) as some:
        some.start(Cursor(), 3, None)
        assert await some.take(0, any_full=True) is None
        assert begun == [0, 999, 1998, 2997, 3996]
        some.start(Cursor(), 3, None)
        assert await some.take(0, any_full=True) is None
    assert len(begun) == 5


async def test_pages_that_were_called_are_taken_before_a_slice_ends() -> None:
    """Else their calls would be made in vain."""
    async with pages({0: FULL, 999: FULL}, called=lambda offset: offset <= 999, gives_way=True) as some:
        some.start(Cursor(), 3, None)
        await asyncio.sleep(0)
        await some.look()
        assert await some.take(0, any_full=True) == (0, (1, FULL))
        assert await some.take(999, any_full=True) == (999, (1, FULL))
        assert await some.take(1998, any_full=True) is None


async def test_a_page_is_taken_before_a_slow_one_unless_it_ends_the_list() -> None:
    """The last page proves its end only once all before it are saved, and the first one says when the read began."""
    come = {999: FULL, 1998: LAST}
    async with pages(come, called=lambda _: True, gives_way=True) as some:
        some.start(Cursor(), 3, None)
        assert await some.take(0, any_full=True) == (999, (1, FULL))
    async with pages({0: FULL, **come}, called=lambda _: True) as some:
        some.start(Cursor(), 3, None)
        taken = [(await some.take(offset, any_full=False) or (None,))[0] for offset in (0, 999, 1998)]
        assert taken == [0, 999, 1998]


async def test_saved_pages_are_not_read_again() -> None:
    """After a crash only the pages that are missing are read."""
    asked: list[int] = []

    def called(offset: int) -> bool:
        asked.append(offset)
        return True

    async with pages({}, called) as some:
        some.start(Cursor(reached="1998", beyond=frozenset({2997, 4995})), 3, None)
        await asyncio.sleep(0)
    assert asked == [1998, 3996, 5994, 6993, 7992]


def test_a_cursor_passes_over_the_pages_that_are_saved() -> None:
    """It is kept as text."""
    cursor = Cursor(seen_until=5)
    for offset in (999, 2997, 0):
        cursor = cursor.with_page(offset)
    assert cursor == Cursor(Phase.BY_OFFSET, "1998", 5, frozenset({2997}))
    assert str(cursor) == "offset 1998 5 2997"
    assert str(cursor.with_page(1998)) == "offset 3996 5 "
