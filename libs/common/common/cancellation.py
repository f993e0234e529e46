"""Tells a cancellation that somebody asked for from one that a library only shows a broken connection as."""

import asyncio


def is_asked_for() -> bool:
    """Whether the running task was told to end. Who was ends cancelled, whatever a clean-up meets on the way."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
