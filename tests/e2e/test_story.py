"""The story of the FAQ, on the running system."""

from quicksync_dev.demo.play import play
from quicksync_dev.system import System


async def test_the_story_holds(system: System) -> None:
    """Each step of the demo holds on a system that others use too."""
    said: list[str] = []
    await play(system.env(), said.append)

    assert said[-1].startswith("\nall ")
