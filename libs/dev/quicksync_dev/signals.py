"""Cancels the running work when the process receives a signal to end."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any


async def until_signalled(work: Coroutine[Any, Any, None]) -> bool:
    """Run the work until it ends or SIGINT, SIGTERM or SIGHUP cancels it. Return whether it ended on its own.

    Later signals are ignored, so that they do not interrupt the stop. SIGHUP stays ignored under nohup.
    """
    loop, task = asyncio.get_running_loop(), asyncio.create_task(work)
    signalled = False

    def cancel_once() -> None:
        # task.cancelling() does not tell: Python 3.11 leaves it at 1 when a TaskGroup's child has failed
        nonlocal signalled
        if not signalled:
            signalled = True
            task.cancel()

    signals = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signals.remove(signal.SIGHUP)
    for each in signals:
        loop.add_signal_handler(each, cancel_once)
    await asyncio.wait({task})
    if task.cancelled():
        return False
    task.result()
    return True
