"""Sends one HTTP request after another over each of many kept connections, and measures what comes back.

Run as a program of its own: `python -m tests.bench.load HOST PORT CONNECTIONS SECONDS < requests.json`.
It does next to nothing per request, so that what is measured is the server.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle
from typing import cast

import uvloop

LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
WARM_UP_SECONDS = 0.5


@dataclass(frozen=True)
class Load:
    """The figures of one run: requests a second, latencies in milliseconds, and all answers good and bad."""

    rate: float
    p50: float
    p99: float
    answered: int
    failed: int


class Connection(asyncio.Protocol):
    """One connection with one request under way; notes how long each took."""

    def __init__(self, requests: Iterator[bytes], taken: list[float]) -> None:
        self._requests = requests
        self._taken = taken
        self._got = b""
        self.answered = self.failed = 0
        self.going = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        self._send()

    def data_received(self, data: bytes) -> None:
        self._got += data
        head = self._got.find(b"\r\n\r\n")
        if head < 0:
            return
        length = LENGTH.search(self._got, 0, head)
        if len(self._got) < head + 4 + (int(length[1]) if length else 0):
            return
        self._taken.append(time.perf_counter() - self._sent)
        good = self._got.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202"))
        self.answered += good
        self.failed += not good
        self._got = b""
        if self.going:
            self._send()

    def connection_lost(self, _: Exception | None) -> None:
        self.failed += self.going

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(next(self._requests))

    def close(self) -> None:
        self.going = False
        self._transport.close()


async def run(host: str, port: int, connections: int, seconds: float, requests: list[bytes]) -> Load:
    """Load the server for this many seconds, after a short warm-up that is not counted."""
    taken: list[float] = []
    loop, endless = asyncio.get_running_loop(), cycle(requests)
    every = [
        (await loop.create_connection(lambda: Connection(endless, taken), host, port))[1] for _ in range(connections)
    ]
    await asyncio.sleep(WARM_UP_SECONDS)
    taken.clear()
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    lasted, counted = time.perf_counter() - began, sorted(taken)
    for each in every:
        each.close()
    p50, p99 = (round(1000 * counted[int(len(counted) * part)], 2) for part in (0.5, 0.99))
    answered, failed = sum(each.answered for each in every), sum(each.failed for each in every)
    return Load(round(len(counted) / lasted, 1), p50, p99, answered, failed)


def main() -> None:
    host, port, connections, seconds = sys.argv[1:]
    requests = [text.encode() for text in json.load(sys.stdin)]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        load = runner.run(run(host, int(port), int(connections), float(seconds), requests))
    print(json.dumps(asdict(load)))  # noqa: T201 - read by who started this


if __name__ == "__main__":
    main()
