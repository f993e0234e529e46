"""What can go wrong while the system is brought up, in words a person can act on."""


class LauncherError(Exception):
    """Something could not be started, stopped or found; the message says what and what to do."""


class NoBackend(LauncherError):
    """A back-end can be had in none of the known ways."""


class ComponentFailed(LauncherError):
    """A component ended or stayed silent while it was started; carries its own last log lines."""

    def __init__(self, name: str, what: str, lines: list[str]) -> None:
        told = "".join(f"\n  {name} | {line}" for line in lines) or " (it logged nothing)"
        super().__init__(f"{name}: {what}; its last log lines:{told}")
        self.name = name
        self.lines = lines
