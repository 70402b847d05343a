"""Times as people at the school read and write them: stored in UTC nanoseconds, shown in the school's zone.

This file reads no clock.
"""

import datetime
from zoneinfo import ZoneInfo

SECOND = 1_000_000_000
"""Nanoseconds in a second."""

LAST_NS = 4_102_444_800 * SECOND
"""The first moment of the year 2100: a time beyond it is a fault of a clock, and is shown as such."""


def shown(at_ns: int, zone: ZoneInfo) -> str:
    """*at_ns* as "Fri 21 Nov 2025, 10:42:05" in *zone*; a time that no clock can mean is said to be one."""
    if not 0 < at_ns < LAST_NS:
        return "at an impossible time"
    return f"{local(at_ns, zone):%a %-d %b %Y, %H:%M:%S}"


def to_minute(at_ns: int, zone: ZoneInfo) -> str:
    """*at_ns* as "Fri 21 Nov 2025, 10:42" in *zone*, for a time to act by, where seconds say nothing."""
    return shown(at_ns, zone).rpartition(":")[0] if 0 < at_ns < LAST_NS else shown(at_ns, zone)


def machine(at_ns: int) -> str:
    """*at_ns* as RFC 3339 in UTC, for a `time` element and for JSON; empty for an impossible time."""
    return f"{local(at_ns, ZoneInfo('UTC')):%Y-%m-%dT%H:%M:%SZ}" if 0 < at_ns < LAST_NS else ""


def local(at_ns: int, zone: ZoneInfo) -> datetime.datetime:
    """*at_ns* as a moment in *zone*, cut to the second."""
    return datetime.datetime.fromtimestamp(at_ns // SECOND, zone)


def parse(text: str, zone: ZoneInfo) -> int | None:
    """UTC nanoseconds of "2025-11-21T10:42" as a form's field says it in *zone*, or None if it says no time."""
    try:
        moment = datetime.datetime.fromisoformat(text)
        placed = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        at_ns = int(placed.timestamp()) * SECOND
    except (ValueError, OverflowError, OSError):
        return None
    return at_ns if 0 < at_ns < LAST_NS else None


def day_start(at_ns: int, zone: ZoneInfo) -> int:
    """UTC nanoseconds of the midnight before *at_ns* in *zone*: a day of 23 or 25 hours twice a year."""
    midnight = local(at_ns, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return int(midnight.timestamp()) * SECOND


def form_value(at_ns: int, zone: ZoneInfo) -> str:
    """*at_ns* as a field of a form holds it, "2025-11-21T10:42:05"; empty for an impossible time."""
    return f"{local(at_ns, zone):%Y-%m-%dT%H:%M:%S}" if 0 < at_ns < LAST_NS else ""
