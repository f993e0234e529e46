"""A back-end that already runs at a given DSN. The launcher uses it but never starts, stops or kills it."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from quicksync_dev.errors import LauncherError, NoBackend
from quicksync_dev.progress import Progress


class ExternalServer:
    """The server at `url`. `drop` deletes the objects of the system with this name."""

    pid = None

    def __init__(
        self,
        name: str,
        url: str,
        answers: Callable[[str], Awaitable[bool]],
        drop: Callable[[str, str], Awaitable[None]],
        system: str,
        progress: Progress,
    ) -> None:
        self.name = name
        self.url = url
        self._answers = answers
        self._drop = drop
        self._system = system
        self._progress = progress

    async def alive(self) -> bool:
        """Return True: the supervisor does not watch external servers."""
        return True

    async def start(self) -> None:
        """Check that the server answers. Raise NoBackend otherwise."""
        where = self._place()
        if not await self._answers(self.url):
            raise NoBackend(f"{self.name}: no server accepts the given DSN at {where}; check host, user and password")
        self._progress(f"{self.name}: using the external server at {where}")

    def _place(self) -> str:
        """Return the host or, for PostgreSQL, the hosts."""
        try:
            hosts = urlsplit(self.url).netloc.rpartition("@")[2]
            _ = [urlsplit(f"//{host}").port for host in hosts.split(",")]
        except ValueError:
            # The message omits the DSN, because an unencoded password most likely broke it.
            raise NoBackend(f"{self.name}: the given DSN is invalid; percent-encode its user and password") from None
        return hosts

    async def stop(self) -> None:
        """Do nothing: the server keeps running."""

    async def discard(self) -> None:
        """Delete the system's objects if the server answers. Other objects stay."""
        if await self._answers(self.url):
            await self._drop(self.url, self._system)

    async def kill(self) -> None:
        """Refuse, because the launcher did not start the server."""
        raise LauncherError(f"{self.name} is an external server; the launcher does not kill it")
