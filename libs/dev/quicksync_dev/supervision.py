"""Keeps what should run running: a part that died is started again, with a word about it."""

import asyncio
import time
from collections.abc import Callable, Mapping

from quicksync_dev.errors import LauncherError
from quicksync_dev.processes import Part
from quicksync_dev.say import Say

LOOK_EVERY = 0.25
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY = 60.0
"""Seconds a part must have lived for its deaths before to be forgotten."""


class Supervisor:
    """Watches parts. Those in `resting` were put down on purpose and are left alone."""

    def __init__(self, parts: Mapping[str, Part], say: Say, changed: Callable[[], None]) -> None:
        self.resting: set[str] = set()
        self._parts = parts
        self._say = say
        self._changed = changed
        self._pause: dict[str, float] = {}
        self._started: dict[str, float] = {}

    async def watch(self) -> None:
        """Look at each part again and again, until cancelled."""
        while True:
            await asyncio.gather(*(self._look_after(part) for part in list(self._parts.values())))
            await asyncio.sleep(LOOK_EVERY)

    async def _look_after(self, part: Part) -> None:
        if part.name in self.resting or await part.alive() or part.name in self.resting:
            return
        pause = self._next_pause(part.name)
        self._say(f"{part.name}: died; starting it again in {pause:.1f} s")
        await asyncio.sleep(pause)
        if part.name in self.resting:
            return
        try:
            await part.start()
        except LauncherError as error:
            self._say(str(error))
        else:
            self._say(f"{part.name}: runs again")
        self._started[part.name] = time.monotonic()
        self._changed()

    def _next_pause(self, name: str) -> float:
        steady = time.monotonic() - self._started.get(name, 0.0) > STEADY
        pause = FIRST_PAUSE if steady else self._pause.get(name, FIRST_PAUSE)
        self._pause[name] = min(pause * 2, LONGEST_PAUSE)
        return pause
