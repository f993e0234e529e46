"""Connections to a test database that outlive the service of one test, for the next service of the same schema.

A new session loads the catalogue and plans each statement anew, which costs PostgreSQL more than most tests do.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, cast

import asyncpg

from common.db.database import Database

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Waiting = defaultdict[str, list["KeptPool"]]
"""Pools that no service uses, by schema."""

databases: dict[str, Waiting] = {}
"""The databases whose pools are kept, by DSN. A DSN that leads through a proxy is none of them."""


class KeptPool:
    """A pool as `Database` uses it, except that to close it makes it wait for the next service."""

    def __init__(self, pool: Pool, waiting: list["KeptPool"]) -> None:
        self._pool = pool
        self._waiting = waiting
        self._lent = 0
        self.sessions: set[int] = set()

    async def acquire(self, *, timeout: float) -> Any:  # noqa: ASYNC109 - as in asyncpg
        self._lent += 1
        try:
            connection = await self._pool.acquire(timeout=timeout)
        except BaseException:
            self._lent -= 1
            raise
        self.sessions.add(connection.get_server_pid())
        return connection

    async def release(self, connection: Any, *, timeout: float) -> None:  # noqa: ASYNC109 - as in asyncpg
        await self._pool.release(connection, timeout=timeout)
        self._lent -= 1

    async def close(self) -> None:
        """Wait for the next service. A pool of which something is in use ends with its own."""
        if self._lent:
            await self.end()
        else:
            self._waiting.append(self)

    async def expire(self) -> None:
        """Open each connection anew before its next use."""
        await self._pool.expire_connections()

    async def end(self) -> None:
        await self._pool.close()

    def terminate(self) -> None:
        self._pool.terminate()


@asynccontextmanager
async def kept(dsn: str) -> AsyncIterator[None]:
    """Keep the pools of this database."""
    databases[dsn] = defaultdict(list)
    yield
    for pools in databases.pop(dsn).values():
        for each in pools:
            await each.end()


def sessions(dsn: str) -> Sequence[int]:
    """Return the server processes of the pools that wait."""
    return [pid for pools in databases[dsn].values() for each in pools for pid in each.sessions]


async def open_kept(database: Database) -> None:
    """Open the database, with a pool that waits if there is one. Production has no pool that outlives its database."""
    dsn = database._dsn  # noqa: SLF001
    waiting = databases[dsn][database.schema] if dsn in databases else None
    if waiting:
        database._pool = cast("Pool", waiting.pop())  # noqa: SLF001
        return
    await database.open()
    if waiting is not None:
        database._pool = cast("Pool", KeptPool(cast("Pool", database._pool), waiting))  # noqa: SLF001


async def expire(database: Database) -> None:
    """Open the connections to its schema anew before their next use, as those of now know the schema of before."""
    used, waiting = database._pool, databases[database._dsn][database.schema]  # noqa: SLF001
    for each in (*waiting, cast("KeptPool", used)):
        await each.expire()
