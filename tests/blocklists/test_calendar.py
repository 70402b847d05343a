import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blocklists.calendar import NS, Calendar, Period, Span, Window

LONDON = ZoneInfo("Europe/London")
LESSON, BREAK, OUTSIDE = Period.LESSON, Period.BREAK, Period.OUTSIDE


def window(start: str, end: str) -> Window:
    return Window(datetime.time.fromisoformat(start), datetime.time.fromisoformat(end))


def span(first: str, last: str) -> Span:
    return Span(datetime.date.fromisoformat(first), datetime.date.fromisoformat(last))


def local(text: str, zone: ZoneInfo = LONDON) -> int:
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * NS


def utc(text: str) -> int:
    return int(datetime.datetime.fromisoformat(text + "+00:00").timestamp()) * NS


SCHOOL = Calendar(school_day=(window("08:30", "15:30"),), breaks=(window("10:30", "10:45"), window("12:00", "13:00")))


@pytest.mark.parametrize(
    ("at", "period"),
    [
        ("2026-03-02T08:29:59", OUTSIDE),
        ("2026-03-02T08:30:00", LESSON),
        ("2026-03-02T10:29:59", LESSON),
        ("2026-03-02T10:30:00", BREAK),
        ("2026-03-02T10:45:00", LESSON),
        ("2026-03-02T12:00:00", BREAK),
        ("2026-03-02T13:00:00", LESSON),
        ("2026-03-02T15:29:59", LESSON),
        ("2026-03-02T15:30:00", OUTSIDE),
        ("2026-03-07T11:00:00", OUTSIDE),
        ("2026-03-08T12:30:00", OUTSIDE),
    ],
)
def test_a_school_day_has_lessons_and_breaks(at: str, period: Period):
    assert SCHOOL.period(local(at), LONDON) is period


@pytest.mark.parametrize(
    ("at", "period"),
    [
        ("2026-03-27T08:30:00", LESSON),  # Friday, winter time
        ("2026-03-30T07:29:59", OUTSIDE),  # Monday, summer time: 08:30 is 07:30 UTC
        ("2026-03-30T07:30:00", LESSON),
        ("2026-03-30T14:30:00", OUTSIDE),
        ("2026-10-23T07:30:00", LESSON),  # Friday, summer time
        ("2026-10-26T08:29:59", OUTSIDE),  # Monday, winter time again
        ("2026-10-26T08:30:00", LESSON),
    ],
)
def test_half_past_eight_stays_half_past_eight_when_the_clocks_change(at: str, period: Period):
    assert SCHOOL.period(utc(at), LONDON) is period


def test_an_overnight_window_belongs_to_the_day_on_which_it_opens():
    boarders = Calendar(school_day=(window("21:00", "06:30"),))
    assert boarders.period(local("2026-03-06T23:00:00"), LONDON) is LESSON  # Friday night
    assert boarders.period(local("2026-03-07T06:29:59"), LONDON) is LESSON  # goes on into Saturday
    assert boarders.period(local("2026-03-07T06:30:00"), LONDON) is OUTSIDE
    assert boarders.period(local("2026-03-07T23:00:00"), LONDON) is OUTSIDE
    assert boarders.period(local("2026-03-09T05:00:00"), LONDON) is OUTSIDE  # Sunday night
    assert boarders.period(local("2026-03-09T21:00:00"), LONDON) is LESSON


def test_a_night_goes_on_into_a_holiday_and_none_opens_on_a_closed_day():
    boarders = Calendar(
        school_day=(window("21:00", "06:30"),),
        terms=(span("2026-03-02", "2026-03-26"), span("2026-04-13", "2026-07-17")),
        closed=(span("2026-03-04", "2026-03-04"),),
    )
    assert boarders.period(local("2026-03-04T06:29:59"), LONDON) is LESSON  # Tuesday's night, a training day after it
    assert boarders.period(local("2026-03-04T23:00:00"), LONDON) is OUTSIDE
    assert boarders.period(local("2026-03-05T06:00:00"), LONDON) is OUTSIDE
    assert boarders.period(local("2026-03-27T06:29:59"), LONDON) is LESSON  # the last night of term
    assert boarders.period(local("2026-03-27T23:00:00"), LONDON) is OUTSIDE


def test_the_hours_are_those_of_the_schools_own_zone():
    kolkata, apia = ZoneInfo("Asia/Kolkata"), ZoneInfo("Pacific/Apia")
    assert SCHOOL.period(utc("2026-03-02T02:59:59"), kolkata) is OUTSIDE  # 08:29:59, five and a half hours ahead
    assert SCHOOL.period(utc("2026-03-02T03:00:00"), kolkata) is LESSON
    assert SCHOOL.period(utc("2026-03-01T19:30:00"), apia) is LESSON  # Monday there, Sunday in London
    assert SCHOOL.period(utc("2026-03-06T19:30:00"), apia) is OUTSIDE  # Saturday there, Friday in London


def test_a_day_may_have_any_number_of_windows():
    boarders = Calendar(tuple(window(*ends) for ends in [("08:00", "12:00"), ("14:00", "17:30"), ("21:30", "06:30")]))
    hours = [hour for hour in range(24) if boarders.period(local(f"2026-03-03T{hour:02}:00:00"), LONDON) is LESSON]
    assert hours == [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 14, 15, 16, 17, 22, 23]


def test_a_window_that_ends_when_it_starts_is_a_whole_day():
    always = Calendar(school_day=(window("00:00", "00:00"),), weekdays=("mon",))
    assert always.period(local("2026-03-02T00:00:00"), LONDON) is LESSON
    assert always.period(local("2026-03-02T23:59:59"), LONDON) is LESSON
    assert always.period(local("2026-03-03T00:00:00"), LONDON) is OUTSIDE


def test_windows_through_the_night_of_a_change_have_the_hours_of_the_clock_on_the_wall():
    night = Calendar(school_day=(window("23:00", "05:00"),), weekdays=("sat", "sun"))
    assert night.period(utc("2026-03-29T03:59:59"), LONDON) is LESSON  # 04:59 summer time
    assert night.period(utc("2026-03-29T04:00:00"), LONDON) is OUTSIDE
    assert night.period(utc("2026-10-25T04:59:59"), LONDON) is LESSON  # 04:59 winter time
    assert night.period(utc("2026-10-25T05:00:00"), LONDON) is OUTSIDE


def test_outside_terms_and_on_closed_days_there_is_no_school():
    year = msgspec.structs.replace(
        SCHOOL,
        terms=(span("2026-01-05", "2026-02-13"), span("2026-02-23", "2026-03-27")),
        closed=(span("2026-03-02", "2026-03-02"),),
    )
    days = {
        "2026-01-02": False,
        "2026-01-05": True,
        "2026-02-13": True,
        "2026-02-16": False,
        "2026-02-23": True,
        "2026-03-02": False,
        "2026-03-07": False,
        "2026-03-27": True,
    }
    assert {day: year.is_school_day(datetime.date.fromisoformat(day)) for day in days} == days
    assert year.period(local("2026-03-02T09:00:00"), LONDON) is OUTSIDE
    assert year.period(local("2026-03-03T09:00:00"), LONDON) is LESSON


YEAR = msgspec.structs.replace(
    SCHOOL,
    terms=(span("2027-01-04", "2027-03-26"), span("2026-09-01", "2026-12-18")),
    closed=(span("2027-04-05", "2027-04-05"),),
)
"""Terms in any order; the last day that they name is 26 March 2027, a Friday."""


def test_after_the_last_term_every_weekday_is_a_school_day_as_if_no_terms_were_given():
    assert YEAR.period(local("2026-12-21T09:00:00"), LONDON) is OUTSIDE  # a holiday between two terms
    assert YEAR.period(local("2027-03-26T09:00:00"), LONDON) is LESSON
    assert YEAR.period(local("2027-03-27T09:00:00"), LONDON) is OUTSIDE  # a Saturday
    assert YEAR.period(local("2027-03-29T09:00:00"), LONDON) is LESSON
    assert YEAR.period(local("2027-03-29T10:30:00"), LONDON) is BREAK
    assert YEAR.period(local("2027-03-29T16:00:00"), LONDON) is OUTSIDE
    assert YEAR.period(local("2037-06-01T09:00:00"), LONDON) is LESSON
    assert YEAR.period(local("2027-04-05T09:00:00"), LONDON) is OUTSIDE  # closed by name


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("2027-02-23T23:59:59", ""),
        ("2027-02-24T00:00:00", "the calendar runs out: the last term ends on 2027-03-26"),
        ("2027-03-26T23:59:59", "the calendar runs out: the last term ends on 2027-03-26"),
        ("2027-03-27T00:00:00", "the calendar has run out: the last term ended on 2027-03-26"),
        ("2037-01-01T00:00:00", "the calendar has run out: the last term ended on 2027-03-26"),
    ],
)
def test_a_calendar_says_in_a_sentence_that_it_has_run_out_or_does_so_within_30_days(at: str, says: str):
    sentence = YEAR.running_out(local(at), LONDON)
    assert sentence.startswith(f"calendar.terms: {says}" if says else "")
    assert bool(sentence) is bool(says)


def test_a_calendar_without_terms_never_runs_out():
    assert SCHOOL.running_out(local("2037-01-01T00:00:00"), LONDON) == ""


def test_a_break_outside_the_school_day_is_outside():
    odd = Calendar(school_day=(window("09:00", "12:00"),), breaks=(window("11:30", "13:00"),))
    assert odd.period(local("2026-03-02T11:45:00"), LONDON) is BREAK
    assert odd.period(local("2026-03-02T12:30:00"), LONDON) is OUTSIDE


@pytest.mark.parametrize(
    ("at", "change"),
    [
        ("2026-03-02T07:00:00", "2026-03-02T08:30:00"),
        ("2026-03-02T08:30:00", "2026-03-02T10:30:00"),
        ("2026-03-02T10:30:00", "2026-03-02T10:45:00"),
        ("2026-03-02T13:30:00", "2026-03-02T15:30:00"),
        ("2026-03-02T16:00:00", "2026-03-03T00:00:00"),
    ],
)
def test_the_next_change_is_the_next_edge_or_midnight(at: str, change: str):
    assert SCHOOL.next_change(local(at), LONDON) == local(change)
    assert SCHOOL.next_change(local(at) + 1, LONDON) == local(change)


def test_the_next_change_in_the_hour_that_comes_twice_is_later():
    calendar = Calendar(school_day=(window("01:15", "01:45"),), weekdays=("sun",))
    second_half_past_one = utc("2026-10-25T01:30:00")
    assert calendar.period(utc("2026-10-25T00:30:00"), LONDON) is LESSON
    assert calendar.next_change(utc("2026-10-25T00:30:00"), LONDON) == utc("2026-10-25T00:45:00")
    assert calendar.period(second_half_past_one, LONDON) is OUTSIDE
    assert calendar.next_change(second_half_past_one, LONDON) == utc("2026-10-26T00:00:00")


def test_an_edge_within_a_second_is_kept_to_the_microsecond():
    calendar = Calendar(school_day=(window("09:00:00.250001", "15:00"),))
    nine = local("2026-03-02T09:00:00")
    assert calendar.next_change(nine, LONDON) == nine + 250_001_000
    assert calendar.period(nine + 250_000_999, LONDON) is OUTSIDE
    assert calendar.period(nine + 250_001_000, LONDON) is LESSON


TIMES = st.times().map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000, fold=0))
WINDOWS = st.lists(st.builds(Window, TIMES, TIMES), max_size=3).map(tuple)
CHANGES = [utc("2026-03-29T01:00:00"), utc("2026-10-25T01:00:00"), utc("2026-04-24T00:00:00")]
MOMENTS = st.one_of(
    st.integers(utc("2020-01-01T00:00:00"), utc("2037-12-31T00:00:00")),
    st.builds(lambda change, off: change + off, st.sampled_from(CHANGES), st.integers(-(10**14), 10**14)),
)
ZONES = st.sampled_from([LONDON, ZoneInfo("UTC"), ZoneInfo("Africa/Cairo"), ZoneInfo("America/Havana")])
CALENDARS = st.builds(
    Calendar,
    school_day=WINDOWS,
    breaks=WINDOWS,
    weekdays=st.sets(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])).map(tuple),
)


@given(CALENDARS, MOMENTS, ZONES, st.lists(st.floats(0, 1, exclude_max=True), max_size=20))
@example(Calendar((window("00:30", "00:45"),)), utc("2026-04-23T22:00:00"), ZoneInfo("Africa/Cairo"), [0.5])
def test_the_next_change_is_later_and_the_period_is_the_same_until_then(
    calendar: Calendar, at: int, zone: ZoneInfo, shares: list[float]
):
    change = calendar.next_change(at, zone)
    assert at < change <= at + 25 * 3600 * NS
    between = {at, change - 1, *(at + int((change - at - 1) * share) for share in shares)}
    assert len({calendar.period(moment, zone) for moment in between}) == 1


def test_a_calendar_is_read_as_policy_toml_writes_it():
    text = "school_day = [{from = 08:30:00, to = 15:30:00}]\nterms = [{first = 2026-01-05, last = 2026-02-13}]"
    read = msgspec.toml.decode(text.encode(), type=Calendar)
    assert read == Calendar((window("08:30", "15:30"),), terms=(span("2026-01-05", "2026-02-13"),))
    assert not list(read.problems())


def test_problems_name_the_day_and_the_span():
    wrong = Calendar((window("08:30", "15:30"),), weekdays=("mon", "Friday"), terms=(span("2026-02-13", "2026-01-05"),))
    assert list(wrong.problems()) == [
        "calendar.weekdays: 'Friday' is no day; write mon, tue, wed, thu, fri, sat or sun",
        "calendar.terms[0]: 2026-02-13 comes after 2026-01-05",
    ]


def test_a_calendar_without_hours_or_days_would_be_open_for_ever_and_is_a_problem():
    assert [problem.partition(":")[0] for problem in Calendar((), weekdays=()).problems()] == [
        "calendar.school_day",
        "calendar.weekdays",
    ]


@pytest.mark.parametrize("offset", ["Z", "+00:00", "-05:00"])
def test_a_time_with_an_offset_is_a_problem_as_times_are_the_schools_own(offset: str):
    wrong = f'{{"school_day": [{{"from": "08:30:00{offset}", "to": "15:30:00"}}]}}'
    (problem,) = msgspec.json.decode(wrong, type=Calendar).problems()
    assert problem.startswith("calendar.school_day[0].from: 08:30:00")
    assert problem.endswith("so write 08:30:00 without one")


def test_a_window_of_more_than_16_hours_is_a_problem():
    (problem,) = Calendar((window("15:30", "08:30"),)).problems()
    assert problem.startswith("calendar.school_day[0]: from 15:30 to 08:30 is 17 hours")
