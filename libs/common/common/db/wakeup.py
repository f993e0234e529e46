"""Wakes the loops that wait for rows: in this process at once, in other replicas by NOTIFY.

A wake-up only reduces latency; correctness never depends on it, because every waiter also polls. NOTIFY takes a lock
that the whole PostgreSQL instance shares, so it is sent at most every 50 ms, from here and never by a trigger. A dead
listening connection is silent, so it is probed; after each reconnection all waiters wake and look.
"""

import asyncio

import asyncpg
import structlog

from common.backoff import Backoff, sleep_until
from common.clock import Clock

log = structlog.get_logger()

NOTIFY_SECONDS = 0.05
IDLE_SECONDS = 1.0
ALIVE_SECONDS = 10.0
"""An idle listening connection is probed this often; a firewall may have dropped it without a word."""
ANSWER_SECONDS = 5.0


class Wakeups:
    """The wake-ups of one schema. One waiter per topic and process."""

    def __init__(self, dsn: str, schema: str, clock: Clock) -> None:
        self._dsn = dsn
        self._clock = clock
        self._channel = f"quicksync_{schema}"
        self._events: dict[str, asyncio.Event] = {}
        self._to_send: set[str] = set()
        self._something_to_send = asyncio.Event()

    def notify(self, topic: str) -> None:
        """Wake the waiter of this topic, here and in the other replicas: something new is committed."""
        self._event(topic).set()
        self._to_send.add(topic)
        self._something_to_send.set()

    def wake_all(self) -> None:
        """Wake every waiter of this process."""
        for event in self._events.values():
            event.set()
        self._something_to_send.set()

    async def wait(self, topic: str, seconds: float) -> None:
        """Return when the topic was notified since the last wait, or after this many seconds."""
        event = self._event(topic)
        try:
            async with self._clock.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return
        event.clear()

    def _event(self, topic: str) -> asyncio.Event:
        return self._events.setdefault(topic, asyncio.Event())

    async def run(self, stop: asyncio.Event) -> None:
        """Keep one connection that listens and notifies until `stop`; replace it when it is lost."""
        backoff = Backoff(self._clock, first=0.2, most=5.0)
        while not stop.is_set():
            try:
                await self._listen(stop, backoff)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                log.warning("wake-up connection lost", schema=self._channel, error=type(error).__name__)
                await backoff.wait(stop)

    async def _listen(self, stop: asyncio.Event, backoff: Backoff) -> None:
        async with asyncio.timeout(ANSWER_SECONDS):
            connection = await asyncpg.connect(self._dsn, command_timeout=ANSWER_SECONDS)
        try:
            own = connection.get_server_pid()

            def on_notification(_connection: object, pid: int, _channel: str, topic: object) -> None:
                if pid != own:
                    self._event(str(topic)).set()

            await connection.add_listener(self._channel, on_notification)
            self.wake_all()
            backoff.reset()
            await self._send(connection, stop)
        finally:
            connection.terminate()

    async def _send(self, connection: "asyncpg.Connection[asyncpg.Record]", stop: asyncio.Event) -> None:
        alive_at = self._clock.monotonic()
        while not stop.is_set():
            await sleep_until(self._something_to_send, IDLE_SECONDS, self._clock)
            self._something_to_send.clear()
            topics, self._to_send = self._to_send, set()
            if topics:
                await connection.execute(
                    "SELECT pg_notify($1, topic) FROM unnest($2::text[]) AS topic", self._channel, list(topics)
                )
                alive_at = self._clock.monotonic()
                await sleep_until(stop, NOTIFY_SECONDS, self._clock)
            elif self._clock.monotonic() - alive_at > ALIVE_SECONDS:
                await connection.fetchval("SELECT 1")
                alive_at = self._clock.monotonic()
