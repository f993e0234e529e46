"""What a merchant chose, where QuickSync can do one thing or another."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Choices:
    """The choices of a merchant. The defaults are those of a merchant who chose nothing.

    `provoke_webhooks` lets QuickSync make a change in Clover that nobody sees, to find out whether webhooks arrive.
    """

    provoke_webhooks: bool = True
