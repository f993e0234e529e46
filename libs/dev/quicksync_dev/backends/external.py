"""A back-end that runs already and was named by its DSN: used, never started, stopped or killed."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from quicksync_dev.errors import LauncherError, NoBackend
from quicksync_dev.progress import Progress


class ExternalServer:
    """The server at `url`; `drop` deletes there what the system of this name made."""

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
        """Not ours to watch."""
        return True

    async def start(self) -> None:
        """Make sure that it answers. Raises NoBackend."""
        where = self._place()
        if not await self._answers(self.url):
            raise NoBackend(f"{self.name}: nothing that takes the given address answers at {where}; check the DSN")
        self._progress(f"{self.name}: the given one at {where}")

    def _place(self) -> str:
        """Where the server is; PostgreSQL's may be several hosts."""
        try:
            hosts = urlsplit(self.url).netloc.rpartition("@")[2]
            _ = [urlsplit(f"//{host}").port for host in hosts.split(",")]
        except ValueError:
            # said without the address, whose password is what most likely broke it
            what = "what was given is no address; percent-encode its user and password"
            raise NoBackend(f"{self.name}: {what}") from None
        return hosts

    async def stop(self) -> None:
        """Leave it as it is."""

    async def discard(self) -> None:
        """Delete what the system made there, while the server answers; all else on it stays."""
        if await self._answers(self.url):
            await self._drop(self.url, self._system)

    async def kill(self) -> None:
        """Refuse: it was not started here."""
        raise LauncherError(f"{self.name} was given by its address; it is not ours to kill")
