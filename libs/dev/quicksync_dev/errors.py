"""Errors of the launcher, with messages that a person can act on."""


class LauncherError(Exception):
    """Something could not be started, stopped or found. The message names it and the remedy."""


PORT_TAKEN = ("address already in use", "eaddrinuse", "port is already allocated")
"""As nginx, PostgreSQL and Python, RabbitMQ, and Docker log it."""


class NoBackend(LauncherError):
    """No source can supply a back-end."""


class ComponentFailed(LauncherError):
    """A component ended or timed out during its start. `lines` holds its last log lines."""

    def __init__(self, name: str, fault: str, lines: list[str]) -> None:
        logged = "".join(f"\n  {name} | {line}" for line in lines) or " (it logged nothing)"
        super().__init__(f"{name}: {fault}; its last log lines:{logged}")
        self.name = name
        self.lines = lines

    @property
    def port_taken(self) -> bool:
        """Return whether the component could not listen on its port, because another program does."""
        said = str(self).casefold()
        return any(words in said for words in PORT_TAKEN)
