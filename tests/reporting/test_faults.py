"""The faults of `make bench-faults`, a few times each: no row is lost or doubled, each alert is told once or twice."""

import os
from collections import Counter

import pytest

from tests.bench import alert_faults
from tests.bench.faults import FAULTS, Options, Outcome, School, happens


def test_what_is_lost_doubled_or_in_no_alert_is_told(tmp_path):
    school = School(tmp_path, 0, Options())
    school.breaches, school.repeats = {0, 1, 2, 3}, Counter({1: 2})
    for journal in school.journals:
        journal.close()
    assert school._compared([(0, 1), (1, 3), (2, 1), (3, 1)], [1, 1]) == Outcome(4, 0, 0, 0, 0)
    assert school._compared([(0, 1), (1, 3), (3, 1), (3, 1)], [0, 2]) == Outcome(4, 1, 1, 0, 2)
    assert school._compared([(0, 1), (1, 2), (2, 1), (3, 3)], [1]) == Outcome(4, 1, 2, 0, 0)
    assert school._compared([(0, 1), (1, 1), (2, 1), (3, 1)], [1]) == Outcome(4, 2, 0, 0, 0)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")


@pytest.mark.parametrize("fault", [pytest.param(n, marks=needs_root) if n == "full" else n for n in FAULTS])
async def test_a_fault_loses_no_row_and_doubles_none(fault, tmp_path):
    found = await happens(fault, tmp_path, Options(times=3, locked=0.3))
    assert found.written >= 900
    assert (found.lost, found.doubled, found.alerts) == (0, 0, 0)
    assert found.aside == (3 if fault == "damaged-journal" else 0)


def test_alerts_of_which_no_mail_came_and_mails_that_came_twice_and_more_are_told():
    mails = {"one": 1, "one again": 1, "two": 2, "three": 3}
    came = ["one again", "two", "two", "three", "three", "three", "a digest", "a digest"]
    assert alert_faults.compared(4, mails, came) == alert_faults.Told(alerts=4, never=1, twice=2, more=1)
    assert alert_faults.compared(3, mails, ["one", "two", "three"]) == alert_faults.Told(alerts=3)


@pytest.mark.parametrize("fault", alert_faults.FAULTS)
async def test_a_fault_keeps_no_alert_from_the_mail_server_and_tells_none_three_times(fault, tmp_path):
    found = await alert_faults.happens(fault, tmp_path / "school", times=1)
    assert found.alerts == alert_faults.EACH
    assert (found.never, found.more) == (0, 0)
