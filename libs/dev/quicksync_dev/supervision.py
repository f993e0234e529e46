"""Keeps what should run running: a component that died is started again, with a word about it."""

import asyncio
import time
from collections.abc import Callable, Mapping

from quicksync_dev.processes import Component
from quicksync_dev.progress import Progress

LOOK_EVERY = 0.25
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY = 60.0
"""Seconds a component must have been well for its troubles before to be forgotten."""


class Supervisor:
    """Watches components. Those in `paused` were put down on purpose and are left alone."""

    def __init__(self, components: Mapping[str, Component], progress: Progress, changed: Callable[[], None]) -> None:
        self.paused: set[str] = set()
        self._components = components
        self._progress = progress
        self._changed = changed
        self._pause: dict[str, float] = {}
        self._troubled: dict[str, float] = {}

    async def watch(self) -> None:
        """Look at each component again and again, until cancelled; none waits for what another needs."""
        await asyncio.gather(*(self._keep_up(component) for component in self._components.values()))

    async def _keep_up(self, component: Component) -> None:
        while True:
            try:
                troubled = await self._start_if_dead(component)
            except Exception as error:  # noqa: BLE001 - whatever it was, nobody else would look after this component
                self._progress(f"{component.name}: {error or type(error).__name__}")
                troubled = True
            if troubled:
                await self._pause_for(component.name)
            await asyncio.sleep(LOOK_EVERY)

    async def _start_if_dead(self, component: Component) -> bool:
        """Whether it was dead."""
        if component.name in self.paused or await component.alive() or component.name in self.paused:
            return False
        self._progress(f"{component.name}: died; starting it again")
        try:
            await component.start()
        finally:
            self._changed()
        self._progress(f"{component.name}: runs again")
        return True

    async def _pause_for(self, name: str) -> None:
        """Do not look for a while, longer each time, so that what cannot run is not started without end."""
        steady = time.monotonic() - self._troubled.get(name, 0.0) > STEADY
        pause = FIRST_PAUSE if steady else self._pause.get(name, FIRST_PAUSE)
        self._pause[name] = min(pause * 2, LONGEST_PAUSE)
        await asyncio.sleep(pause)
        self._troubled[name] = time.monotonic()
