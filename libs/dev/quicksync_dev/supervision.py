"""Keeps what should run running: a part that died is started again, with a word about it."""

import asyncio
import time
from collections.abc import Callable, Mapping

from quicksync_dev.processes import Part
from quicksync_dev.say import Say

LOOK_EVERY = 0.25
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY = 60.0
"""Seconds a part must have been well for its troubles before to be forgotten."""


class Supervisor:
    """Watches parts. Those in `resting` were put down on purpose and are left alone."""

    def __init__(self, parts: Mapping[str, Part], say: Say, changed: Callable[[], None]) -> None:
        self.resting: set[str] = set()
        self._parts = parts
        self._say = say
        self._changed = changed
        self._pause: dict[str, float] = {}
        self._troubled: dict[str, float] = {}

    async def watch(self) -> None:
        """Look at each part again and again, until cancelled; none waits for what another needs."""
        await asyncio.gather(*(self._keep_up(part) for part in self._parts.values()))

    async def _keep_up(self, part: Part) -> None:
        while True:
            try:
                troubled = await self._start_if_dead(part)
            except Exception as error:  # noqa: BLE001 - whatever it was, nobody else would look after this part
                self._say(f"{part.name}: {error or type(error).__name__}")
                troubled = True
            if troubled:
                await self._pause_for(part.name)
            await asyncio.sleep(LOOK_EVERY)

    async def _start_if_dead(self, part: Part) -> bool:
        """Whether it was dead."""
        if part.name in self.resting or await part.alive() or part.name in self.resting:
            return False
        self._say(f"{part.name}: died; starting it again")
        try:
            await part.start()
        finally:
            self._changed()
        self._say(f"{part.name}: runs again")
        return True

    async def _pause_for(self, name: str) -> None:
        """Do not look for a while, longer each time, so that what cannot run is not started without end."""
        steady = time.monotonic() - self._troubled.get(name, 0.0) > STEADY
        pause = FIRST_PAUSE if steady else self._pause.get(name, FIRST_PAUSE)
        self._pause[name] = min(pause * 2, LONGEST_PAUSE)
        await asyncio.sleep(pause)
        self._troubled[name] = time.monotonic()
