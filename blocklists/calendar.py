"""When a school is in lessons, at break, or away.

This file reads no clock: every question brings its time, in UTC nanoseconds. The answer is in the school's own time
zone, so 08:30 stays 08:30 when the clocks change. Without term dates, and after the last of them, every one of the
weekdays is a school day: the stricter reading.
"""

import datetime
import enum
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import msgspec

NS = 1_000_000_000
LONGEST_WINDOW = 16
"""Hours. A boarding school's evening and night is 12; more than 16 is two ends the wrong way round."""
RUNS_OUT_SOON = 30
"""Days before the last term's end from which on it is said: a month is time to ask the school for the next dates."""
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Period(enum.StrEnum):
    """What the school is doing at a moment."""

    LESSON = "lesson"
    BREAK = "break"
    OUTSIDE = "outside"


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """A time of day from *start* to *end* (local, "HH:MM"); an end at or before the start means the next day."""

    start: datetime.time
    end: datetime.time

    @property
    def hours(self) -> float:
        """How long the window is by the clock on the wall, in hours."""
        minutes = (self.end.hour - self.start.hour) * 60 + self.end.minute - self.start.minute
        return minutes / 60 if minutes > 0 else minutes / 60 + 24

    def on(self, day: datetime.date, zone: ZoneInfo) -> tuple[int, int]:
        """The window's two ends (UTC nanoseconds) when it opens on *day*."""
        last = day if self.end > self.start else day + datetime.timedelta(days=1)
        return _moment(day, self.start, zone), _moment(last, self.end, zone)

    def problems(self, where: str) -> Iterator[str]:
        """What a technician should mend in the window *where*, one sentence each."""
        for name, time in (("from", self.start), ("to", self.end)):
            if time.tzinfo is not None:
                bare = time.replace(tzinfo=None)
                yield f"{where}.{name}: {time} has an offset; times are the school's own, so write {bare} without one"
        if self.hours > LONGEST_WINDOW:
            says = f"from {self.start:%H:%M} to {self.end:%H:%M} is {self.hours:.0f} hours"
            yield f"{where}: {says}, into the next day; are they the wrong way round?"


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The days from *first* to *last*, both included."""

    first: datetime.date
    last: datetime.date

    def __contains__(self, day: datetime.date) -> bool:
        return self.first <= day <= self.last


class Calendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A school's hours. *closed* days (holidays, training days) are never school days."""

    school_day: tuple[Window, ...]
    breaks: tuple[Window, ...] = ()
    weekdays: tuple[str, ...] = _DAYS[:5]
    terms: tuple[Span, ...] = ()
    closed: tuple[Span, ...] = ()

    def period(self, at: int, zone: ZoneInfo) -> Period:
        """What the school is doing at *at* (UTC nanoseconds)."""
        if not self._inside(self.school_day, at, zone):
            return Period.OUTSIDE
        return Period.BREAK if self._inside(self.breaks, at, zone) else Period.LESSON

    def next_change(self, at: int, zone: ZoneInfo) -> int:
        """The next moment after *at* (UTC nanoseconds) at which the period may be another, at most a day away."""
        days = _days_around(at, zone)
        edges = (edge for window in (*self.school_day, *self.breaks) for day in days for edge in window.on(day, zone))
        return min(edge for edge in (*edges, _moment(days[2], datetime.time(), zone)) if edge > at)

    def is_school_day(self, day: datetime.date) -> bool:
        """Whether school is held on *day*."""
        ends = self.ends
        in_term = ends is None or day > ends or any(day in term for term in self.terms)
        return in_term and _DAYS[day.weekday()] in self.weekdays and not any(day in span for span in self.closed)

    @property
    def ends(self) -> datetime.date | None:
        """The last day of the last term, or None without terms."""
        return max((term.last for term in self.terms), default=None)

    def running_out(self, at: int, zone: ZoneInfo) -> str:
        """A sentence if at *at* (UTC nanoseconds) the terms are over, or will be in RUNS_OUT_SOON days; else ""."""
        today, ends = _days_around(at, zone)[1], self.ends
        if ends is None or ends > today + datetime.timedelta(days=RUNS_OUT_SOON):
            return ""
        if ends < today:
            return (
                f"calendar.terms: the calendar has run out: the last term ended on {ends}, and until the next ones are"
                " written every weekday counts as a school day"
            )
        return (
            f"calendar.terms: the calendar runs out: the last term ends on {ends}, and after it every weekday counts as"
            " a school day until the next ones are written"
        )

    def _inside(self, windows: tuple[Window, ...], at: int, zone: ZoneInfo) -> bool:
        return any(
            start <= at < end
            for window in windows
            for day in _days_around(at, zone)[:2]
            if self.is_school_day(day)
            for start, end in [window.on(day, zone)]
        )

    def problems(self) -> Iterator[str]:
        """What a technician should mend, one sentence each."""
        if not self.school_day:
            yield "calendar.school_day: name the hours of school, for example [{ from = 08:30:00, to = 15:30:00 }]"
        if not self.weekdays:
            yield 'calendar.weekdays: name the days of a school week, for example ["mon", "tue"]'
        for day in self.weekdays:
            if day not in _DAYS:
                yield f"calendar.weekdays: {day!r} is no day; write mon, tue, wed, thu, fri, sat or sun"
        for name, windows in (("school_day", self.school_day), ("breaks", self.breaks)):
            for place, window in enumerate(windows):
                yield from window.problems(f"calendar.{name}[{place}]")
        for name, spans in (("terms", self.terms), ("closed", self.closed)):
            for place, span in enumerate(spans):
                if span.first > span.last:
                    yield f"calendar.{name}[{place}]: {span.first} comes after {span.last}"


def _days_around(at: int, zone: ZoneInfo) -> tuple[datetime.date, datetime.date, datetime.date]:
    today, day = datetime.datetime.fromtimestamp(at // NS, zone).date(), datetime.timedelta(days=1)
    return today - day, today, today + day


def _moment(day: datetime.date, time: datetime.time, zone: ZoneInfo) -> int:
    """UTC nanoseconds; numbers, as two times of one zone are compared by the clock on the wall, summer time or not."""
    moment = datetime.datetime.combine(day, time, tzinfo=zone)
    return int(moment.timestamp()) * NS + moment.microsecond * 1000
