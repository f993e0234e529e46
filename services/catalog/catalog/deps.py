"""The dependencies of catalog's functions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from catalog.clover.oauth import OAuthClient
from catalog.domain.oauth import OAuthApp
from catalog.grants import Lender, UnsavedTokenGrants
from catalog.store.portions import Portions
from common.clover.transport import Clover
from common.db.database import Database
from common.seal import Sealer


@dataclass(frozen=True)
class Deps:
    """The dependencies of the API, the handlers and the sync functions.

    `portions` runs those of large requests. `probe` makes a Clover client for a token that is not saved yet.
    `create_settle` is the time after which a create without an answer can no longer take effect in Clover.
    `batch_gathers` is the length of the windows in which the products of a batch gather. `sweep_interval` is the pause
    between two comparisons of a merchant's items with its products, `full_sweep_interval` that between two reads of all
    items of a large catalogue. `oauth_apps` are our apps by region, where people can connect by OAuth.
    `webhook_patience` is how long a webhook of a change of our own may take.
    """

    database: Database
    portions: Portions
    sealer: Sealer
    lender: Lender
    clover: Clover
    probe: Callable[[UnsavedTokenGrants], Clover]
    oauth: OAuthClient
    oauth_apps: Mapping[str, OAuthApp]
    create_settle: timedelta
    batch_gathers: timedelta
    sweep_interval: timedelta
    full_sweep_interval: timedelta
    webhook_patience: timedelta
