"""A mail relay that answers 421 or disconnects at a chosen stage; aiosmtpd cannot break off a message."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

STAGES = ("connect", "EHLO", "MAIL", "RCPT", "DATA", "content", "dot", "confirmation")
"""Where a relay can break. `content` is in the middle of the message, `dot` after all of it, before taking it;
`confirmation` is after taking it."""


@dataclass
class Relay:
    """The messages that the relay took, as received. While `breaks_at` names a stage, it breaks there.

    With `says`, the relay sends this answer before it disconnects.
    """

    url: str = ""
    breaks_at: str = ""
    says: str = ""
    taken: list[bytes] = field(default_factory=list)
    broken: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not await self._breaks("connect", writer):
                writer.write(b"220 relay\r\n")
                while await self._answer(await reader.readline(), reader, writer):
                    pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        command = line[:4].decode().strip().upper()
        if not command or await self._breaks(command, writer):
            return False
        if command != "DATA":
            writer.write(b"221 bye\r\n" if command == "QUIT" else b"250 fine\r\n")
            return command != "QUIT"
        writer.write(b"354 go on\r\n")
        if self.breaks_at == "content":
            await reader.readline()
            await self._breaks("content", writer)
            return False
        message = await reader.readuntil(b"\r\n.\r\n")
        if await self._breaks("dot", writer):
            return False
        self.taken.append(message)
        if await self._breaks("confirmation", writer):
            return False
        writer.write(b"250 taken\r\n")
        return True

    async def _breaks(self, stage: str, writer: asyncio.StreamWriter) -> bool:
        if stage != self.breaks_at:
            return False
        self.broken += 1
        if self.says:
            writer.write(f"{self.says}\r\n".encode())
            await writer.drain()
        return True


@asynccontextmanager
async def relaying() -> AsyncIterator[Relay]:
    """Run a relay on a free port."""
    relay = Relay()
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield relay
