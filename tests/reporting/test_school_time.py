import datetime
from zoneinfo import ZoneInfo

import pytest

from blocklists import defaults
from blocklists.calendar import NS, Calendar, Span, Window
from reporting.school_time import SchoolTime

LONDON = ZoneInfo("Europe/London")
DAY, TIME, at = datetime.date, datetime.time, datetime.datetime


def moment(text):
    return int(at.fromisoformat(text).replace(tzinfo=LONDON).timestamp()) * NS


def school(**fields):
    usual = {
        "school_day": (Window(TIME(8, 30), TIME(15, 30)),),
        "terms": (Span(DAY(2027, 1, 4), DAY(2027, 2, 12)), Span(DAY(2027, 2, 22), DAY(2027, 3, 26))),
        "closed": (Span(DAY(2027, 1, 11), DAY(2027, 1, 11)),),
    }
    return SchoolTime(LONDON, Calendar(**{**usual, **fields}))


BARE = SchoolTime(LONDON)


@pytest.mark.parametrize(
    ("text", "on"),
    [("2027-01-05T10:00", True), ("2027-01-05T16:00", False), ("2027-01-11T10:00", False), ("2027-02-16T10:00", False)],
)
def test_school_is_on_in_its_hours_on_its_days(text, on):
    assert school().is_school(moment(text)) is on
    assert BARE.is_school(moment(text))


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("2027-01-05T10:00", "2027-01-06T15:30"),
        ("2027-01-08T10:00", "2027-01-12T15:30"),
        ("2027-02-12T22:00", "2027-02-22T15:30"),
    ],
)
def test_a_concern_is_looked_at_by_the_end_of_the_next_school_day(text, by):
    assert school().end_of_next_school_day(moment(text)) == moment(by)


def test_without_a_calendar_or_after_none_is_left_weekdays_count():
    assert BARE.end_of_next_school_day(moment("2027-01-08T10:00")) == moment("2027-01-11T15:30")
    never = school(closed=(Span(DAY(2027, 1, 1), DAY(2027, 12, 31)),))
    assert never.next_school_day(DAY(2027, 1, 8)) == DAY(2027, 1, 11)


@pytest.mark.parametrize(
    ("day", "first"),
    [
        (DAY(2027, 1, 20), DAY(2027, 1, 4)),
        (DAY(2027, 2, 16), DAY(2027, 1, 4)),
        (DAY(2027, 3, 1), DAY(2027, 2, 22)),
        (DAY(2027, 4, 30), DAY(2027, 1, 1)),
        (DAY(2026, 12, 24), DAY(2026, 9, 1)),
    ],
)
def test_a_day_is_of_the_term_that_began_last_or_of_a_third_of_the_year(day, first):
    assert school().term_of(day).first == first


def test_without_terms_a_year_has_three():
    found = {BARE.term_of(DAY(2027, month, 1)) for month in range(1, 13)}
    assert sorted((one.first, one.last) for one in found) == [
        (DAY(2027, 1, 1), DAY(2027, 4, 30)),
        (DAY(2027, 5, 1), DAY(2027, 8, 31)),
        (DAY(2027, 9, 1), DAY(2027, 12, 31)),
    ]


def test_the_shipped_calendar_closes_at_half_past_three():
    book = defaults.rulebook("A School")
    assert SchoolTime(book.zone, book.calendar).closing == BARE.closing == TIME(15, 30)
