"""When a school is in lessons, at break, or away.

This file reads no clock: every question brings its time, in UTC nanoseconds. The answer is in the school's own time
zone, so 08:30 stays 08:30 when the clocks change. Without term dates every one of the weekdays is a school day: the
stricter reading.
"""

import datetime
import enum
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import msgspec

NS = 1_000_000_000
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

    def on(self, day: datetime.date, zone: ZoneInfo) -> tuple[datetime.datetime, datetime.datetime]:
        """The window's two ends when it opens on *day*."""
        last = day if self.end > self.start else day + datetime.timedelta(days=1)
        return _moment(day, self.start, zone), _moment(last, self.end, zone)


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
        moment = datetime.datetime.fromtimestamp(at // NS, zone)
        if not self._inside(self.school_day, moment, zone):
            return Period.OUTSIDE
        return Period.BREAK if self._inside(self.breaks, moment, zone) else Period.LESSON

    def next_change(self, at: int, zone: ZoneInfo) -> int:
        """The next moment after *at* (UTC nanoseconds) at which the period may be another."""
        moment = datetime.datetime.fromtimestamp(at // NS, zone)
        edges = (edge for window in (*self.school_day, *self.breaks) for edge in self._edges(window, moment, zone))
        midnight = _moment(moment.date() + datetime.timedelta(days=1), datetime.time(), zone)
        soonest = min((e for e in (*edges, midnight) if e > moment), key=lambda e: e.timestamp())
        return int(soonest.timestamp()) * NS

    def is_school_day(self, day: datetime.date) -> bool:
        """Whether school is held on *day*."""
        in_term = not self.terms or any(day in term for term in self.terms)
        return in_term and _DAYS[day.weekday()] in self.weekdays and not any(day in span for span in self.closed)

    def _inside(self, windows: tuple[Window, ...], moment: datetime.datetime, zone: ZoneInfo) -> bool:
        return any(
            start.timestamp() <= moment.timestamp() < end.timestamp()
            for window in windows
            for day in _days_around(moment)[:2]
            if self.is_school_day(day)
            for start, end in [window.on(day, zone)]
        )

    @staticmethod
    def _edges(window: Window, moment: datetime.datetime, zone: ZoneInfo) -> Iterator[datetime.datetime]:
        for day in _days_around(moment):
            yield from window.on(day, zone)

    def problems(self) -> Iterator[str]:
        """What a technician should mend, one sentence each."""
        for day in self.weekdays:
            if day not in _DAYS:
                yield f"calendar.weekdays: {day!r} is no day; write mon, tue, wed, thu, fri, sat or sun"
        for name, spans in (("terms", self.terms), ("closed", self.closed)):
            for place, span in enumerate(spans):
                if span.first > span.last:
                    yield f"calendar.{name}[{place}]: {span.first} comes after {span.last}"


def _days_around(moment: datetime.datetime) -> tuple[datetime.date, datetime.date, datetime.date]:
    day = datetime.timedelta(days=1)
    return moment.date() - day, moment.date(), moment.date() + day


def _moment(day: datetime.date, time: datetime.time, zone: ZoneInfo) -> datetime.datetime:
    return datetime.datetime.combine(day, time, tzinfo=zone)
