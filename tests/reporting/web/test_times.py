"""Times in the school's zone."""

from zoneinfo import ZoneInfo

import pytest

from reporting.web import times

LONDON = ZoneInfo("Europe/London")
SUMMER = 1_782_896_400 * times.SECOND  # 2026-07-01 09:00:00 UTC


def test_a_summer_time_is_shown_an_hour_later_than_utc():
    assert times.shown(SUMMER, LONDON) == "Wed 1 Jul 2026, 10:00:00"
    assert times.to_minute(SUMMER, LONDON) == "Wed 1 Jul 2026, 10:00"
    assert times.machine(SUMMER) == "2026-07-01T09:00:00Z"


@pytest.mark.parametrize("at_ns", [0, -1, times.LAST_NS, 2**63 - 1])
def test_an_impossible_time_is_said_to_be_one(at_ns):
    assert times.shown(at_ns, LONDON) == times.to_minute(at_ns, LONDON) == "at an impossible time"
    assert times.machine(at_ns) == ""


def test_a_forms_time_is_read_in_the_schools_zone():
    assert times.parse("2026-07-01T10:00", LONDON) == SUMMER
    assert times.parse("2026-07-01T09:00:00+00:00", LONDON) == SUMMER


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01T00:00", "0001-01-01T00:00", "9999-12-31T23:59", "1" * 300])
def test_what_is_no_time_is_none(text):
    assert times.parse(text, LONDON) is None


@pytest.mark.parametrize(
    ("noon", "hours"),
    [("2026-03-29T12:00", 11), ("2026-10-25T12:00", 13), ("2026-07-01T12:00", 12)],
)
def test_a_day_starts_at_the_schools_midnight_on_days_of_23_and_25_hours_too(noon, hours):
    at_ns = times.parse(noon, LONDON)
    assert at_ns - times.day_start(at_ns, LONDON) == hours * 3600 * times.SECOND
