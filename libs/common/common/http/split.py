"""Splits a body into its rows while it arrives: the lines of NDJSON, or the elements of a JSON array."""

import re
from collections.abc import Iterator
from typing import Protocol

from common.http.refusals import malformed, no_array, row_too_large

_TOKEN = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")|(")|[\[\]{},]', re.DOTALL)
"""A whole string, the quote of a string that goes on in the next chunk, or the punctuation around values."""

_CUT = 2
"""The group of the pattern that matches such a quote."""


class Splitter(Protocol):
    """Finds the rows of a body. The rows themselves are not parsed, so each may be anything but well-formed JSON."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the rows that end in this chunk. Raises Refused (400, 413)."""
        ...

    def end(self) -> Iterator[bytes]:
        """Yield the row that ends with the body. Raises Refused (400)."""
        ...


class Lines:
    """The lines of NDJSON, without empty ones. A line has at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the lines that end in this chunk."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if max(map(len, (*lines, self._rest))) > self._limit:
            raise row_too_large(self._limit)
        yield from (line for line in lines if line.strip())

    def end(self) -> Iterator[bytes]:
        """Yield the last line, if it has no line break."""
        yield from (line for line in [self._rest] if line.strip())


class Elements:
    """The elements of a JSON array, each of at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""
        self._scanned = 0
        self._depth = 0
        self._is_empty = True
        self._is_over = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the elements that end in this chunk."""
        body, start = self._rest + chunk, 0
        scanned = len(body)
        for match in _TOKEN.finditer(body, self._scanned):
            if match.end() - start > self._limit:
                raise row_too_large(self._limit)
            if match.lastindex == _CUT:
                scanned = match.start()
                break
            ends = self._step(match[0], body[start : match.start()])
            if ends is not None:
                if ends:
                    yield body[start : match.start()]
                start = match.end()
        self._rest, self._scanned = body[start:], scanned - start
        if len(self._rest) > self._limit:
            raise row_too_large(self._limit)

    def _step(self, token: bytes, before: bytes) -> bool | None:
        """Take note of a token: True if it ends an element, False if it opens the array or closes it empty."""
        if self._is_over or (self._depth == 0 and (token != b"[" or before.strip())):
            raise no_array() if token == b"{" and not self._is_over and not before.strip() else malformed()
        if token in b"[{":
            self._depth += 1
            return False if self._depth == 1 else None
        if token in b"]}" and self._depth > 1:
            self._depth -= 1
        elif token == b"," and self._depth == 1:
            self._is_empty = False
            return True
        elif token == b"]":
            self._is_over = True
            return bool(before.strip()) or not self._is_empty
        elif token == b"}":
            raise malformed()
        return None

    def end(self) -> Iterator[bytes]:
        """Yield nothing: an element ends within the array."""
        if not self._is_over or self._rest.strip():
            raise malformed()
        yield from ()
