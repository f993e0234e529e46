"""Tells a requested cancellation from one that a library raises for a broken connection."""

import asyncio


def is_requested() -> bool:
    """Return whether `cancel` was called on the running task; such a task must end cancelled, even if cleanup fails."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
