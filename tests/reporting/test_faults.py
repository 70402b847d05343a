"""The faults of `make bench-faults`, three times each: no row lost, none doubled, each URGENT breach in one alert."""

import os
from collections import Counter

import pytest

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
