"""The story of the FAQ, on the running system."""

from quicksync_dev.demo.play import play
from quicksync_dev.system import System


async def test_the_story_holds(system: System) -> None:
    """Each step of the demo holds on a system that other tests use at the same time."""
    lines: list[str] = []
    await play(system.env(), lines.append)

    assert lines[-1].startswith("\nall ")
