"""By when to act, and whom to reach when: the school's hours and holidays as alerts need them.

This file reads no clock. Times are UTC nanoseconds; days are in the school's own time zone.
"""

import datetime
from zoneinfo import ZoneInfo

import msgspec

from blocklists.calendar import NS, Calendar, Period, Span

LONGEST_HOLIDAY = 60
"""Days to look ahead for the next school day: longer than any holiday. Beyond it every weekday counts."""


class SchoolTime(msgspec.Struct, frozen=True):
    """A school's calendar in its *zone*; without a calendar every day has the hours of an office."""

    zone: ZoneInfo
    calendar: Calendar | None = None

    def is_school(self, at: int) -> bool:
        """Whether school is on at *at*: lessons or a break."""
        if self.calendar is None:
            return True
        return self.calendar.period(at, self.zone) is not Period.OUTSIDE

    def is_school_day(self, day: datetime.date) -> bool:
        """Whether school is held on *day*."""
        return day.weekday() < 5 if self.calendar is None else self.calendar.is_school_day(day)

    def day_of(self, at: int) -> datetime.date:
        """The day of *at* on the school's wall."""
        return datetime.datetime.fromtimestamp(at // NS, self.zone).date()

    def moment(self, day: datetime.date, time: datetime.time) -> int:
        """*time* on *day* in UTC nanoseconds."""
        return int(datetime.datetime.combine(day, time, tzinfo=self.zone).timestamp()) * NS

    def next_school_day(self, after: datetime.date) -> datetime.date:
        """The first school day after the day *after*."""
        days = [after + datetime.timedelta(days=ahead) for ahead in range(1, LONGEST_HOLIDAY + 1)]
        weekdays = (day for day in days if day.weekday() < 5)
        return next((day for day in days if self.is_school_day(day)), next(weekdays))

    def end_of_next_school_day(self, at: int) -> int:
        """When the next school day after that of *at* ends: by then a CONCERN was looked at."""
        return self.moment(self.next_school_day(self.day_of(at)), self.closing)

    @property
    def closing(self) -> datetime.time:
        """When school ends; half past three where nothing else is said."""
        ends = [window.end for window in self.calendar.school_day] if self.calendar else []
        return max(ends, default=datetime.time(15, 30))

    def term_of(self, day: datetime.date) -> Span:
        """The term that *day* is in, or the one before a holiday; without terms, a third of the year."""
        terms = sorted(self.calendar.terms, key=lambda term: term.first) if self.calendar else []
        begun = [term for term in terms if term.first <= day]
        if begun and (begun[-1] is not terms[-1] or day <= begun[-1].last):
            return begun[-1]
        month = (day.month - 1) // 4 * 4 + 1
        first = datetime.date(day.year, month, 1)
        last = datetime.date(day.year + month // 9, (month + 4) % 12, 1) - datetime.timedelta(days=1)
        return Span(first, last)
