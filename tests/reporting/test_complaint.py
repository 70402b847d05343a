import logging

import pytest

from blocklists.verdict import Action, Reason, Verdict
from reporting.complaint import Complaint
from reporting.seldom import PAUSE

FAILED = Verdict(Action.BLOCK, Reason.FAILURE, rule="KeyError")


@pytest.mark.parametrize("start", [0.0, 1e6])
def test_it_is_said_at_once_and_then_once_a_minute(caplog, start):
    moments = iter([start, start + 1, start + PAUSE - 1, start + PAUSE, start + PAUSE + 1])
    complaint = Complaint(logging.getLogger("schoolgate.test"), lambda: next(moments))
    for number in range(5):
        complaint.say(FAILED, number + 1)
    assert [record.getMessage() for record in caplog.records] == [
        f"A decision failed with KeyError and is a block (failures so far: {number})." for number in (1, 4)
    ]
    assert {(record.levelname, record.exc_info) for record in caplog.records} == {("ERROR", None)}
