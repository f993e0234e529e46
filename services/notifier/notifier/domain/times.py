"""Times as merchants read them."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from common.messages import Messages


def zone(name: str) -> tzinfo:
    """The time zone of this IANA name; UTC when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a part of a name, such as `America`, is a folder
        return UTC


def relative(at: datetime, now: datetime, where: tzinfo) -> str:
    """A time close to now: `today at 14:05`, `Monday 23 November at 14:05`."""
    local, today = at.astimezone(where), now.astimezone(where).date()
    if local.date() == today:
        return f"today at {local:%H:%M}"
    if local.date() == today - timedelta(days=1):
        return f"yesterday at {local:%H:%M}"
    year = f" {local.year}" if local.year != today.year else ""
    return f"{local:%A} {local.day} {local:%B}{year} at {local:%H:%M}"


def absolute(at: datetime, where: tzinfo) -> str:
    """A time that stays right in an email read later: `Monday 23 November 2026, 14:05 (CET)`."""
    local = at.astimezone(where)
    return f"{local:%A} {local.day} {local:%B %Y}, {local:%H:%M} ({local:%Z})"


def elapsed(start: datetime, now: datetime, texts: Messages) -> str:
    """The time since then in its largest unit: `less than a minute`, `12 minutes`, `3 days`."""
    minutes = int((now - start).total_seconds() // 60)
    for unit, size in (("day", 24 * 60), ("hour", 60), ("minute", 1)):
        if minutes >= size:
            return texts.count(f"elapsed.{unit}", minutes // size)
    return texts.text("elapsed.moment")
