"""Where calls may go."""

import pytest
from pydantic import SecretStr
from yarl import URL

from common.clover.regions import Regions, beneath
from common.errors import Unavailable
from common.settings import CommonSettings

BASE = URL("https://api.clover.com/v3/merchants/MRCHNT0000001")


def regions(**bases: str) -> Regions:
    dsn = SecretStr("x")
    return Regions(CommonSettings(env="dev", postgres_dsn=dsn, amqp_url=dsn, clover_base_urls=bases))


def test_the_address_comes_from_the_settings() -> None:
    """A region is looked up in the settings, never inserted into an address."""
    assert regions(us="https://api.clover.com").merchant("us", "MRCHNT0000001") == BASE


def test_a_region_without_an_address_waits() -> None:
    """Its work can be done once the address is set."""
    with pytest.raises(Unavailable):
        regions(us="https://api.clover.com").merchant("evil.example", "MRCHNT0000001")


@pytest.mark.parametrize("base", ["ftp://clover.com", "clover.com", "https://user@clover.com", "https://c.com/?a=b"])
def test_invalid_address_is_refused_at_start(base: str) -> None:
    """An invalid setting stops the start, not the first call."""
    with pytest.raises(ValueError, match="QS_CLOVER_BASE_URLS"):
        regions(us=base)


@pytest.mark.parametrize("path", ["../OTHER00000001/items", "/items", "//evil.example", "items?limit=1", "items/a b"])
def test_a_path_stays_below_the_merchant(path: str) -> None:
    """A malformed id cannot direct a call elsewhere."""
    with pytest.raises(ValueError, match="path"):
        beneath(BASE, path)


def test_the_empty_path_is_the_merchant() -> None:
    """Every other path hangs below it."""
    assert beneath(BASE, "") == BASE
    assert beneath(BASE, "items/A1/tags") == BASE / "items" / "A1" / "tags"
