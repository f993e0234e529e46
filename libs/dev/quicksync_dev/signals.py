"""Ends what runs in order when the process is told to end."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any


async def until_signalled(work: Coroutine[Any, Any, None]) -> bool:
    """Run the work; the first SIGINT, SIGTERM or SIGHUP cancels it. Whether it came to its own end.

    Later signals change nothing, so that stopping is not stopped. Where SIGHUP is ignored (nohup) it stays so.
    """
    loop, task = asyncio.get_running_loop(), asyncio.create_task(work)
    told = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        told.remove(signal.SIGHUP)
    for each in told:
        loop.add_signal_handler(each, lambda: task.cancelling() or task.cancel())
    await asyncio.wait({task})
    if task.cancelled():
        return False
    task.result()
    return True
