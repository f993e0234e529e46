"""Times as merchants read them."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from common.messages import Messages


def zone(name: str) -> tzinfo:
    """Return the time zone of this IANA name; UTC when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a part of a name, such as `America`, is a folder
        return UTC


def relative(at: datetime, now: datetime, where: tzinfo, texts: Messages) -> str:
    """Write a time close to now: `today at 14:05`, `Monday 23 November at 14:05`."""
    local, today = at.astimezone(where), now.astimezone(where).date()
    time = texts.time("pattern.time", local)
    if local.date() == today:
        return texts.text("time.today", time=time)
    if local.date() == today - timedelta(days=1):
        return texts.text("time.yesterday", time=time)
    day = texts.time("pattern.day" if local.year == today.year else "pattern.day_and_year", local)
    return texts.text("time.earlier", day=day, time=time)


def absolute(at: datetime, where: tzinfo, texts: Messages) -> str:
    """Write a time so that it stays right in an email read later: `Monday 23 November 2026, 14:05 (CET)`."""
    local = at.astimezone(where)
    day, time = texts.time("pattern.day_and_year", local), texts.time("pattern.time", local)
    return texts.text("time.exact", day=day, time=time, zone=local.tzname() or "UTC")


def elapsed(start: datetime, now: datetime, texts: Messages) -> str:
    """Return the time since then in its largest unit: `less than a minute`, `12 minutes`, `3 days`."""
    minutes = int((now - start).total_seconds() // 60)
    for unit, size in (("day", 24 * 60), ("hour", 60), ("minute", 1)):
        if minutes >= size:
            return texts.count(f"elapsed.{unit}", minutes // size)
    return texts.text("elapsed.moment")
