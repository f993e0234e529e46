"""One admitted REST call: its merchant, its permissions, its query and its body."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clover_sandbox.answers import Answer
from clover_sandbox.merchant import Merchant
from clover_sandbox.query import Query


@dataclass
class Call:
    """A call that passed authentication. A fault sets `index_lag` to hide orders younger than that many seconds."""

    merchant: Merchant
    permissions: frozenset[str]
    path: str
    base_url: str
    ids: Mapping[str, str]
    pairs: Sequence[tuple[str, str]]
    query: Query
    body: Any = None
    index_lag: float = 0.0

    def parameter(self, name: str) -> str | None:
        """Return one query parameter as text."""
        return next((value for key, value in self.pairs if key == name), None)

    def may(self, permission: str) -> bool:
        """Return whether the token has this permission."""
        return permission in self.permissions


Handler = Callable[[Call], Answer]
