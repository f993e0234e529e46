"""Waits for a server process of a measurement."""

import asyncio
from asyncio.subprocess import Process

START_SECONDS = 30.0


async def until_listening(process: Process, port: int) -> None:
    """Return once the process accepts connections. Raises RuntimeError when it ends, TimeoutError after 30 s."""
    async with asyncio.timeout(START_SECONDS):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
    raise RuntimeError("the server did not start")
