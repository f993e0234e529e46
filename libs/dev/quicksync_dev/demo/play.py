"""Plays the story on a running system, step by step, and says how each went."""

import time
from collections.abc import Mapping
from typing import Any

import aiohttp

from quicksync_dev.demo.story import STORY
from quicksync_dev.demo.world import NotSo, World
from quicksync_dev.errors import LauncherError
from quicksync_dev.say import Say


async def play(env: Mapping[str, Any], say: Say) -> None:
    """Play every step in order. Raises LauncherError naming the first that does not hold."""
    began = time.monotonic()
    jar = aiohttp.CookieJar(unsafe=True)  # the gateway has an address, not a name
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        world = World(env, session, lambda line: say(_indented(line)))
        for number, step in enumerate(STORY, 1):
            say(f"\n{number:2}. {(step.__doc__ or '').splitlines()[0]}")
            started = time.monotonic()
            try:
                await step(world)
            except (NotSo, aiohttp.ClientError, TimeoutError) as error:
                raise LauncherError(f"step {number} does not hold: {error or type(error).__name__}") from error
            say(f"    ✓ {time.monotonic() - started:.2f} s")
    say(f"\nall {len(STORY)} steps hold, in {time.monotonic() - began:.1f} s")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
