"""The dependencies of notifier's routes and sync functions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jinja2 import Environment

from common.catalog_client import CatalogClient
from common.db.database import Database
from common.http.auth import Keys
from common.seal import Sealer
from notifier.feed.hub import Hub
from notifier.mail.composer import MailComposer
from notifier.mail.smtp import SmtpClient


@dataclass(frozen=True)
class Deps:
    """`assets` are the static files by name. `secure` means that people use HTTPS, so cookies may require it.

    `is_consuming` returns whether events of the other services arrive at present.
    """

    database: Database
    catalog: CatalogClient
    composer: MailComposer
    smtp: SmtpClient
    hub: Hub
    keys: Keys
    templates: Environment
    assets: Mapping[str, bytes]
    secure: bool
    sealer: Sealer
    is_consuming: Callable[[], bool]
