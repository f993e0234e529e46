"""Restarts components that die, and reports it."""

import asyncio
import time
from collections.abc import Callable, Mapping

from quicksync_dev.processes import Component
from quicksync_dev.progress import Progress

LOOK_EVERY = 0.25
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY = 60.0
"""Seconds without trouble after which a component's delay between restarts is reset."""


class Supervisor:
    """Watches components. Those in `paused` were stopped on purpose and are not restarted."""

    def __init__(self, components: Mapping[str, Component], progress: Progress, changed: Callable[[], None]) -> None:
        self.paused: set[str] = set()
        self._components = components
        self._progress = progress
        self._changed = changed
        self._pause: dict[str, float] = {}
        self._troubled: dict[str, float] = {}

    async def watch(self) -> None:
        """Watch all components until cancelled. Each has its own task, so a slow restart delays no other."""
        await asyncio.gather(*(self._keep_up(component) for component in self._components.values()))

    async def _keep_up(self, component: Component) -> None:
        while True:
            try:
                troubled = await self._start_if_dead(component)
            except Exception as error:  # noqa: BLE001 - any error must not end the watch of this component
                self._progress(f"{component.name}: {error or type(error).__name__}")
                troubled = True
            if troubled:
                await self._pause_for(component.name)
            await asyncio.sleep(LOOK_EVERY)

    async def _start_if_dead(self, component: Component) -> bool:
        """Restart the component if it is dead. Return whether it was."""
        if component.name in self.paused or await component.alive() or component.name in self.paused:
            return False
        self._progress(f"{component.name}: died; restarting")
        try:
            await component.start()
        finally:
            self._changed()
        self._progress(f"{component.name}: restarted")
        return True

    async def _pause_for(self, name: str) -> None:
        """Wait longer after each failure, so that a broken component is not restarted in a tight loop."""
        steady = time.monotonic() - self._troubled.get(name, 0.0) > STEADY
        pause = FIRST_PAUSE if steady else self._pause.get(name, FIRST_PAUSE)
        self._pause[name] = min(pause * 2, LONGEST_PAUSE)
        await asyncio.sleep(pause)
        self._troubled[name] = time.monotonic()
