"""The address of each Clover region, from the settings only and never from received data."""

import re

from yarl import URL

from common.errors import Unavailable
from common.settings import CommonSettings

_ID = re.compile(r"[0-9A-Z]{13}")
_PATH = re.compile(r"(?:[A-Za-z0-9_-]+/?)*")


class Regions:
    """The base URL of each region in `QS_CLOVER_BASE_URLS`. Raises ValueError for one that is not an http(s) URL."""

    def __init__(self, settings: CommonSettings) -> None:
        self._bases = {region: URL(base) for region, base in settings.clover_base_urls.items()}
        for region, base in self._bases.items():
            if base.scheme not in {"http", "https"} or not base.host or base.query_string or base.user:
                raise ValueError(f"QS_CLOVER_BASE_URLS: the address of {region} is not https://host")

    def merchant(self, region: str, merchant_id: str) -> URL:
        """Return the address of a merchant's data. Raise Unavailable when the settings lack the region."""
        if region not in self._bases:
            raise Unavailable(f"QS_CLOVER_BASE_URLS has no address for the region {region!r}")
        return beneath(self._bases[region] / "v3" / "merchants", merchant_id)


def beneath(base: URL, path: str) -> URL:
    """Return the address of `path` below the base. Raise ValueError for a path that would leave it."""
    if not _PATH.fullmatch(path) or path.startswith("/"):
        raise ValueError("a path below a merchant is made of names, ids and slashes")
    return base.joinpath(*path.rstrip("/").split("/")) if path else base
