"""One service's schema: a bounded pool of connections, and units of work on them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime

import asyncpg
from asyncpg.transaction import Transaction

from common import cancellation
from common.clock import Clock
from common.db.unit import Connection, Unit
from common.db.wakeup import Wakeups
from common.errors import Conflict, TimedOut, Transient, Unavailable

ACQUIRE_SECONDS = 5.0
"""A request that waits longer for a connection is refused as Unavailable: its client has its own timeout."""
COMMAND_SECONDS = 20.0
"""Longer than the server's own limits below, so that it only fires when the connection is dead."""
CLOSE_SECONDS = 3.0
GIVE_UP_SECONDS = 0.3
"""After a failure, the server has this long to cancel a statement and to roll back; then the connection is closed,
which rolls back as well. A caller that is out of time must not wait for a server that does not answer."""

SERVER_SETTINGS = {
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
}

TRY_AGAIN = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidCachedStatementError,
)
NOT_THERE = (
    asyncpg.PostgresConnectionError,
    asyncpg.TooManyConnectionsError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.DiskFullError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    ConnectionError,
    OSError,
    TimeoutError,
)
DRIVER_ERRORS = (*TRY_AGAIN, asyncpg.QueryCanceledError, *NOT_THERE)


class Database:
    """The connection pool of one service on its own schema, with the service's clock. Open it before use.

    Driver errors are raised as Unavailable (not reachable, or no free connection within 5 s), TimedOut (a statement
    took too long) or Conflict (deadlock, serialization failure, lock timeout).
    """

    def __init__(self, dsn: str, schema: str, clock: Clock, *, size: int = 10) -> None:
        self.schema = schema
        self.clock = clock
        self.wakeups = Wakeups(dsn, schema, clock)
        self._dsn = dsn
        self._size = size
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Open the pool. A second call changes nothing, so that no open pool is lost."""
        if self._pool is not None:
            return
        with translated():
            self._pool = await asyncpg.create_pool(
                self._dsn,
                min_size=1,
                max_size=self._size,
                timeout=ACQUIRE_SECONDS,
                command_timeout=COMMAND_SECONDS,
                reset=_nothing_to_reset,
                server_settings={**SERVER_SETTINGS, "search_path": self.schema, "application_name": self.schema},
            )

    async def close(self) -> None:
        """Close the pool, by force when its connections do not end in time."""
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()
        self._pool = None

    @asynccontextmanager
    async def connection(self, *, within: float | None = None) -> AsyncIterator[Connection]:
        """Lend a connection for reading, outside any transaction. Raise Unavailable unless the block ends `within`."""
        if self._pool is None:
            raise Unavailable("the database is not open")
        with translated():
            async with asyncio.timeout(within):
                connection = await self._pool.acquire(timeout=ACQUIRE_SECONDS)
                try:
                    yield connection
                finally:
                    await self._pool.release(connection, timeout=GIVE_UP_SECONDS)

    @asynccontextmanager
    async def unit(self, now: datetime | None = None, *, within: float | None = None) -> AsyncIterator[Unit]:
        """Open a unit of work: committed when the block ends, rolled back when it raises or is not done `within`."""
        async with self.connection(within=within) as connection, _transaction(connection):
            unit = Unit(connection, now or self.clock.now())
            yield unit
            await unit.flush()
        for topic in unit.topics:
            self.wakeups.notify(topic)


@asynccontextmanager
async def _transaction(connection: Connection) -> AsyncIterator[None]:
    """Run the block in a transaction. Its end, good or bad, never waits long for a server that does not answer."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    except BaseException:
        await _roll_back(connection, transaction)
        raise
    await transaction.commit()


async def _roll_back(connection: Connection, transaction: Transaction) -> None:
    try:
        async with asyncio.timeout(GIVE_UP_SECONDS):
            await transaction.rollback()
    except DRIVER_ERRORS:
        connection.terminate()
    except asyncio.CancelledError:
        connection.terminate()
        raise


async def _nothing_to_reset(_: object) -> None:
    """Save the round trip of a reset: settings belong to the pool and locks to transactions, so no state is left."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise the driver's errors as ours. A cancelled task ends cancelled, even when its cleanup fails as well."""
    try:
        yield
    except DRIVER_ERRORS as error:
        if cancellation.is_requested():
            raise asyncio.CancelledError from error
        raise _ours(error) from error


def _ours(error: Exception) -> Transient:
    if isinstance(error, TRY_AGAIN):
        return Conflict(f"the database asks for a retry ({type(error).__name__})")
    if isinstance(error, asyncpg.QueryCanceledError):
        return TimedOut("a statement took too long and was cancelled")
    return Unavailable(f"the database is not available ({type(error).__name__})")
