"""Wakes whoever waits for rows, in this process at once and in the other replicas by NOTIFY.

A ring is a latency hint and never the truth: whoever waits also looks by itself every so often. NOTIFY takes a lock
that the whole PostgreSQL instance shares, so it is sent at most every 50 ms, from here and never by a trigger. The
listening connection is asked for a sign of life, because a dead one is silent; after each reconnection everybody looks.
"""

import asyncio

import asyncpg
import structlog

from common.backoff import Backoff
from common.clock import SystemClock

log = structlog.get_logger()

NOTIFY_SECONDS = 0.05
ALIVE_SECONDS = 10.0
ANSWER_SECONDS = 5.0


class Wakeups:
    """The bell of one schema. One waiter per topic and process."""

    def __init__(self, dsn: str, schema: str) -> None:
        self._dsn = dsn
        self._channel = f"quicksync_{schema}"
        self._rung: dict[str, asyncio.Event] = {}
        self._to_tell: set[str] = set()
        self._something_to_tell = asyncio.Event()

    def notify(self, topic: str) -> None:
        """Something new for this topic is committed."""
        self._event(topic).set()
        self._to_tell.add(topic)
        self._something_to_tell.set()

    def wake_all(self) -> None:
        """Have everybody in this process look, whatever they wait for."""
        for event in self._rung.values():
            event.set()
        self._something_to_tell.set()

    async def wait(self, topic: str, seconds: float) -> None:
        """Return when the topic was rung since the last wait, or after so many seconds."""
        event = self._event(topic)
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return
        event.clear()

    def _event(self, topic: str) -> asyncio.Event:
        return self._rung.setdefault(topic, asyncio.Event())

    async def run(self, stop: asyncio.Event) -> None:
        """Keep one connection listening and telling until `stop`; a lost one is replaced."""
        backoff = Backoff(first=0.2, most=5.0)
        while not stop.is_set():
            try:
                await self._listen(stop, backoff)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                log.warning("bell lost its connection", schema=self._channel, error=type(error).__name__)
                await backoff.wait(stop)

    async def _listen(self, stop: asyncio.Event, backoff: Backoff) -> None:
        async with asyncio.timeout(ANSWER_SECONDS):
            connection = await asyncpg.connect(self._dsn, command_timeout=ANSWER_SECONDS)
        try:
            own = connection.get_server_pid()

            def heard(_connection: object, pid: int, _channel: str, topic: object) -> None:
                if pid != own:
                    self._event(str(topic)).set()

            await connection.add_listener(self._channel, heard)
            self.wake_all()
            backoff.reset()
            await self._tell(connection, stop)
        finally:
            connection.terminate()

    async def _tell(self, connection: "asyncpg.Connection[asyncpg.Record]", stop: asyncio.Event) -> None:
        clock = SystemClock()
        alive_at = clock.monotonic()
        while not stop.is_set():
            try:
                async with asyncio.timeout(1.0):
                    await self._something_to_tell.wait()
            except TimeoutError:
                pass
            self._something_to_tell.clear()
            topics, self._to_tell = self._to_tell, set()
            if topics:
                await connection.execute(
                    "SELECT pg_notify($1, topic) FROM unnest($2::text[]) AS topic", self._channel, list(topics)
                )
                alive_at = clock.monotonic()
                await asyncio.sleep(NOTIFY_SECONDS)
            elif clock.monotonic() - alive_at > ALIVE_SECONDS:
                await connection.fetchval("SELECT 1")
                alive_at = clock.monotonic()
