"""A memory of what was used last, bounded in number and in time."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from tests.support.clock import FakeClock

from common.recent import Recent

steps = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(0, 9)),
        st.tuples(st.just("get"), st.integers(0, 9)),
        st.tuples(st.just("use"), st.integers(0, 9)),
        st.tuples(st.just("forget"), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.integers(0, 40)),
    ),
    max_size=60,
)


@given(steps)
def test_it_holds_the_last_few_for_a_while(steps: list[tuple[str, int]]) -> None:
    """It knows exactly what a plain list of the times of last use says: the last four, none older than a minute."""

    async def play() -> None:
        clock = FakeClock()
        recent: Recent[int, str] = Recent(clock, seconds=60, most=4)
        used: dict[int, float] = {}
        for name, number in steps:
            now = clock.monotonic()
            used = {key: at for key, at in used.items() if now - at < 60}
            if name == "wait":
                clock.advance(number)
            elif name == "get":
                assert (recent.get(number) is not None) == (number in used)
            elif name == "forget":
                recent.forget(number)
                used.pop(number, None)
            else:
                if name == "set":
                    recent[number] = "set"
                else:
                    assert recent.use(number, lambda: "made") in ("set", "made")
                used.pop(number, None)
                used[number] = now
                used = dict(list(used.items())[-4:])
        now = clock.monotonic()
        assert len(recent) == sum(now - at < 60 for at in used.values())

    asyncio.run(play())


async def test_what_expired_is_dropped_without_being_asked_for() -> None:
    """A token of a process that has nothing to do does not stay in its memory."""
    clock = FakeClock()
    recent: Recent[str, str] = Recent(clock, seconds=0.01)
    recent["merchant"] = "token"
    clock.advance(1)
    async with asyncio.timeout(10):
        while recent._values:  # noqa: SLF001, ASYNC110 - looking through the interface would drop it
            await asyncio.sleep(0)
