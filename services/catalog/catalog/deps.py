"""The dependencies of catalog's functions."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from catalog.grants import Lender, UnsavedTokenGrants
from common.clover.transport import Clover
from common.db.database import Database
from common.seal import Sealer


@dataclass(frozen=True)
class Deps:
    """The dependencies of the API, the handlers and the sync functions.

    `probe` makes a Clover client for a token that is not saved yet. `create_settle` is the time after which a create
    without an answer can no longer take effect in Clover. `sweep_interval` is the pause between two comparisons of all
    items of a merchant with its products.
    """

    database: Database
    sealer: Sealer
    lender: Lender
    clover: Clover
    probe: Callable[[UnsavedTokenGrants], Clover]
    create_settle: timedelta
    sweep_interval: timedelta
