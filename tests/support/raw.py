"""Speaks to a test server in bytes that no HTTP client would send."""

import asyncio
from typing import Any

from aiohttp.test_utils import TestClient


async def send(client: TestClient[Any, Any], request: bytes) -> bytes:
    """Send these bytes as they are and return the head of the answer."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(request)
    try:
        async with asyncio.timeout(5):
            return await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()
