import logging

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from blocklists import sealed_marker
from blocklists.sealed_marker import Loaded
from reporting.sealed_watch import SealedWatch
from tests.support.school import School

HOUR = 3600 * 10**9
NOW = 1_799_661_600 * 10**9


@pytest.fixture
def files(tmp_path):
    """A school with a sealed list `iwf` in force, and as in reporting without its key."""
    school = School(tmp_path)
    school.write_sealed("hidden.test", name="iwf")
    school.files.sealing_key.unlink()
    return school.files


def loaded(files, **hours):
    """Say of each list how many hours ago it was imported."""
    sealed_marker.write(files, {name: Loaded(NOW - one * HOUR) for name, one in hours.items()}, NOW)


def figures(files):
    registry = CollectorRegistry()
    registry.register(SealedWatch(files, lambda: NOW))
    lines = generate_latest(registry).decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def said_of(files, caplog, *looks):
    """What the log says when it is looked at these moments, in seconds."""
    caplog.set_level(logging.ERROR, "schoolgate.reporting")
    watch = SealedWatch(files, lambda: NOW)
    for moment in looks:
        watch.say(moment)
    return [record.getMessage() for record in caplog.records]


def test_without_sealed_lists_there_is_no_age_and_nothing_stale(tmp_path):
    assert figures(School(tmp_path).files) == {"schoolgate_sealed_stale": 0}


def test_a_scrape_has_each_lists_age_without_its_key(files):
    loaded(files, iwf=3)
    assert figures(files) == {'schoolgate_sealed_age_seconds{list="iwf"}': 3 * 3600, "schoolgate_sealed_stale": 0}


def test_a_list_over_a_day_old_and_one_that_is_missing_count(files):
    loaded(files, iwf=25, ctiru=1)
    assert figures(files)["schoolgate_sealed_stale"] == 2
    files.sealed.unlink()
    loaded(files, iwf=1)
    assert figures(files)["schoolgate_sealed_stale"] == 1


def test_a_marker_that_cannot_be_read_counts(files):
    files.sealed_loaded.write_bytes(b"x")
    assert figures(files) == {"schoolgate_sealed_stale": 1}


def test_a_clock_behind_the_import_makes_no_negative_age(files):
    loaded(files, iwf=-5)
    assert figures(files)['schoolgate_sealed_age_seconds{list="iwf"}'] == 0


def test_a_stale_list_is_said_in_the_log_once_an_hour(files, caplog):
    loaded(files, iwf=49)
    says = "The sealed list iwf is 49 hours old; import it again: schoolgate sealed import FILE --list NAME."
    assert said_of(files, caplog, 0, 60, 3599) == [says]
    caplog.clear()
    assert said_of(files, caplog, 0, 3600, 3660) == [says, says]


def test_a_list_of_which_nobody_knows_when_it_came_is_said(files, caplog):
    sealed_marker.write(files, {"iwf": Loaded()}, NOW)
    assert "The sealed list iwf is of unknown age" in said_of(files, caplog, 0)[0]


def test_a_list_that_grows_stale_is_said_at_the_next_look(files, caplog):
    loaded(files, iwf=24)
    watch = SealedWatch(files, (moments := iter([NOW, NOW + HOUR])).__next__)
    watch.say(0)
    assert caplog.records == []
    watch.say(60)
    assert len(caplog.records) == 1
    assert list(moments) == []


def test_nothing_is_said_of_fresh_lists(files, caplog):
    loaded(files, iwf=23)
    assert said_of(files, caplog, 0, 60) == []
