"""What the digest and the weekly report say: counts, numbers of alerts, times and links, and nothing else (G16).

This file reads no clock and no database.
"""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

import msgspec

from blocklists.calendar import NS
from blocklists.rulebook import Severity
from reporting import helplines
from reporting.models import AlertRow

HELPED = "Devices that reached a help service, each counted once a day"

LISTED = 30
"""Alerts that a digest names; the page has them all."""

KINDS = (
    ("stopped", "Requests that were refused"),
    ("got_through", "Reported or found afterwards, as they were not refused"),
    ("concern", "Allowed, with something in them to look at"),
)
"""The kinds of breach in their order; their figures have no sum (G1)."""

_NO_MORE = "You have to log in to read them. This message says no more on purpose.\n"


class Week(msgspec.Struct, frozen=True):
    """The figures of the week that begins on *first*; *late* alerts wait though their time is over.

    *helped* is the total of help services as anybody may read it (G12).
    """

    first: datetime.date
    kinds: Mapping[str, int]
    opened: Mapping[Severity, int]
    waiting: Mapping[Severity, int]
    late: int
    unsent: int
    helped: str = helplines.shown(None)


def digest(
    new: Sequence[AlertRow], old: Sequence[AlertRow], *, link: str, zone: ZoneInfo, now_ns: int, graver: int = 0
) -> tuple[str, str]:
    """Subject and body of a digest of *new* alerts and of *old* ones that still wait; *graver* ones wait besides."""
    late = sum(row.act_by_ns < now_ns for row in old)
    lines = [
        f"New since the last digest: {len(new)}",
        f"Still open from before: {len(old)}, {late} of them overdue",
        "",
    ]
    if graver:
        lines += [f"Graver alerts that nobody has acknowledged, told at once and not counted above: {graver}", ""]
    lines += [_line(row, link, zone) for row in [*old, *new][:LISTED]]
    if len(new) + len(old) > LISTED:
        lines.append(f"and {len(new) + len(old) - LISTED} more: {link}/alerts")
    subject = f"Schoolgate digest: {len(new)} new, {len(old)} still open"
    return subject, "\n".join([*lines, "", _NO_MORE])


def _line(row: AlertRow, link: str, zone: ZoneInfo) -> str:
    by = datetime.datetime.fromtimestamp(row.act_by_ns // NS, zone).strftime("%H:%M on %A %d %B")
    return f"Alert {row.number}, please act by {by}: {link}/alerts/{row.number}"


def weekly(week: Week, *, link: str) -> tuple[str, str]:
    """Subject and body of the report of *week*; it has as many words for a week in which nothing happened."""
    last = week.first + datetime.timedelta(days=6)
    opened = sum(week.opened.values())
    lines = [f"The week from {week.first:%A %d %B} to {last:%A %d %B %Y}", ""]
    lines += [f"{words}: {week.kinds.get(kind, 0)}" for kind, words in KINDS]
    lines += ["", *_alerts("Alerts opened", week.opened), *_alerts("Alerts that nobody has acknowledged", week.waiting)]
    lines += [f"Of those, overdue: {week.late}", f"Messages that could not be sent yet: {week.unsent}", ""]
    lines += [f"{HELPED}: {week.helped}", ""]
    if not opened:
        lines += ["No alert was opened. That this report came shows that the way to you works.", ""]
    subject = f"Schoolgate weekly report: {opened} {'alert' if opened == 1 else 'alerts'}"
    return subject, "\n".join([*lines, f"The alerts: {link}/alerts", _NO_MORE])


def _alerts(words: str, counts: Mapping[Severity, int]) -> Iterator[str]:
    grave = (Severity.ILLEGAL, Severity.URGENT, Severity.CONCERN)
    parts = ", ".join(f"{counts.get(severity, 0)} {severity.name}" for severity in grave)
    yield f"{words}: {sum(counts.values())} ({parts})"
