"""The outcomes of the rows of a request, in the order of the rows, until they are sent: in bounded memory."""

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Self

from aiohttp import web
from pydantic import BaseModel

IN_MEMORY = 1024 * 1024
"""Outcomes that need more bytes wait in a temporary file."""

CHUNK = 32 * 1024


class Outcomes:
    """Outcomes as JSON, one a line. One that comes after its place was kept stays in memory."""

    def __init__(self) -> None:
        self._lines = SpooledTemporaryFile[bytes](IN_MEMORY)
        self._late: dict[int, bytes] = {}
        self._count = 0
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._lines.close()

    def add(self, outcome: BaseModel | None) -> int:
        """Add the outcome of the next row and return its place. None keeps the place for an outcome that comes late."""
        line = b"\n" if outcome is None else _line(outcome)
        self._lines.write(line)
        self._size += len(line)
        self._count += 1
        return self._count - 1

    def put(self, place: int, outcome: BaseModel) -> None:
        """Put an outcome into the place that was kept for it."""
        self._late[place] = line = _line(outcome)
        self._size += len(line) - 1

    def __len__(self) -> int:
        return self._count

    async def send(
        self, request: web.Request, response: web.StreamResponse, start: bytes, between: bytes, end: bytes
    ) -> web.StreamResponse:
        """Answer with all outcomes, each with a line break."""
        response.content_length = len(start) + self._size + len(between) * max(self._count - 1, 0) + len(end)
        await response.prepare(request)
        piece = bytearray(start)
        for place, line in enumerate(self._in_order()):
            piece += line if place == 0 else between + line
            if len(piece) >= CHUNK:
                await response.write(bytes(piece))
                piece.clear()
        await response.write(bytes(piece + end))
        await response.write_eof()
        return response

    def _in_order(self) -> Iterator[bytes]:
        self._lines.seek(0)
        for place, line in enumerate(self._lines):
            yield self._late.get(place, line)


def _line(outcome: BaseModel) -> bytes:
    return outcome.model_dump_json().encode() + b"\n"
