"""When a server that is away is asked again, and how often that is said."""

import logging

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from reporting.reach import LONGEST, AwayError, Reach


@pytest.fixture
def now():
    return [100.0]


@pytest.fixture
def reach(now):
    return Reach(lambda: now[0])


def test_while_it_is_there_everybody_may_ask_and_nothing_is_said(reach, caplog):
    reach.ask()
    reach.there()
    assert (reach.away, reach.pause, reach.times, caplog.text) == (0.0, 0.0, 0, "")


def test_while_it_is_away_one_question_passes_in_each_pause(reach, now):
    reach.lost(OSError("gone"))
    with pytest.raises(AwayError, match="gone"):
        reach.ask()
    now[0] += reach.pause
    reach.ask()
    with pytest.raises(AwayError):
        reach.ask()


def test_its_pauses_double_up_to_a_minute_and_begin_anew_when_it_was_there(reach, now):
    pauses = []
    for _ in range(9):
        reach.lost(OSError("gone"))
        pauses.append(reach.pause)
        now[0] += reach.pause
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert LONGEST == 60
    reach.there()
    reach.lost(OSError("gone"))
    assert (reach.pause, reach.times) == (1, 2)


def test_that_it_is_away_is_said_once_a_minute_and_once_that_it_is_back(reach, now, caplog):
    caplog.set_level(logging.WARNING)
    for _ in range(200):
        reach.lost(OSError("gone"))
        now[0] += 1
    assert caplog.text.count("has been away for") == 4
    reach.there()
    reach.there()
    assert caplog.text.count("is there again after 200 s") == 1


def test_the_metrics_say_for_how_long_and_how_often(reach, now):
    registry = CollectorRegistry()
    registry.register(reach)
    assert b"schoolgate_reporting_database_away_seconds 0.0" in generate_latest(registry)
    reach.lost(OSError("gone"))
    now[0] += 7
    told = generate_latest(registry)
    assert b"schoolgate_reporting_database_away_seconds 7.0" in told
    assert b"schoolgate_reporting_database_lost_total 1.0" in told
