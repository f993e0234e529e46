"""Decides when a login link is emailed: on request, once in a while, to the address of the merchant's account."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

LINK_LIFETIME = timedelta(minutes=15)
"""How long an emailed link opens a session. A mail server may take some minutes over its delivery."""

LINK_INTERVAL = timedelta(minutes=1)
MAX_LINKS_PER_HOUR = 5
"""Anybody may ask for a link, so these keep a stranger from filling a merchant's mailbox."""

SCOPES = ("activity:read", "problems:read", "problems:write")
"""The rights of an emailed link: all that the dashboard offers."""


def link_key(now: datetime) -> str:
    """Return the key of the work that emails a link. All requests of one minute share it."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def is_outdated(key: str, now: datetime) -> bool:
    """Return whether the request is so old that the person has long asked again, or found another way in."""
    requested_at = datetime.strptime(key, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
    return now - requested_at > LINK_LIFETIME


def may_send_link(sent: Sequence[datetime], now: datetime) -> bool:
    """Return whether one more link may be emailed, given when the links of the last hour were."""
    return len(sent) < MAX_LINKS_PER_HOUR and all(now - each >= LINK_INTERVAL for each in sent)
