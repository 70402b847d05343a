"""What pupils meet while a part of the web filter is gone: a page or a closed connection, never an open filter.

And what was answered with a refusal is in the database, once, when the part is there again.
"""

import contextlib
import os
import shutil
import time
from collections import Counter

import pytest

from tests.support.commands import until
from tests.support.failing_school import NoDiskError, Traffic, school
from tests.support.full_disk import fill

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mount"), reason="only root may mount the small disks that these tests fill"
)
BEFORE, MEANWHILE, AFTER = 5, 15, 5
"""Questions by each way before the failure, during it, and after."""


@pytest.fixture(scope="module")
def at(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        try:
            made = stack.enter_context(school(tmp_path_factory.mktemp("failing")))
        except NoDiskError:
            pytest.skip("this machine lets nobody mount a small file system")
        yield made


@contextlib.contextmanager
def killed(at, part):
    at.kill(part)
    try:
        yield
    finally:
        at.start(part)


@contextlib.contextmanager
def full(at, *places):
    fillers = [fill(at.place(place)) for place in places]
    try:
        yield
    finally:
        for filler in fillers:
            filler.unlink()


BURST = 500
"""Refusals whose records are more than what a journal has reserved."""
FAILURES = {
    "the resolver is killed": (lambda at: killed(at, "dns"), 0),
    "reporting is killed": (lambda at: killed(at, "reporting"), 0),
    "a worker is killed": (lambda at: killed(at, "worker"), 0),
    "the front door is killed": (lambda at: killed(at, "peek"), 0),
    "the signer is killed": (lambda at: killed(at, "signer"), 0),
    "the disk of the journals is full": (lambda at: full(at, "spool"), BURST),
    "the disk of state and database is full": (lambda at: full(at, "state", "database"), 0),
}


def asked(at, more):
    """Return once each way was asked for *more* names from now on."""
    enough = {way.name: len(way.became) + more for way in at.ways}
    until(lambda: all(len(way.became) >= enough[way.name] for way in at.ways), 60)


def answered(at, more):
    """Return once each way had *more* answers from now on."""
    enough = {way.name: len(way.having("answered")) + more for way in at.ways}
    until(lambda: all(len(way.having("answered")) >= enough[way.name] for way in at.ways), 60)


@pytest.mark.parametrize("failure", FAILURES)
def test_nothing_opens_and_nothing_that_was_answered_is_lost(at, failure):
    during, burst = FAILURES[failure]
    with Traffic(at):
        answered(at, BEFORE)
        with during(at):
            began = time.monotonic()
            for _ in range(burst):
                at.ways[0].ask_next()
            asked(at, MEANWHILE)
            time.monotonic() - began
        answered(at, AFTER)
    told = {host for way in at.ways for host in way.having("answered")}
    recorded = wait_for_rows(at, told)
    through = {host for way in at.ways for host in way.having("through")}
    for way in at.ways:
        Counter(way.became.values())
    assert not through, "a closed site was shown"
    assert not [host for host in at.asked if not host.endswith(".positive.test")], "a closed site was asked"
    assert told <= recorded.keys(), f"lost: {sorted(told - recorded.keys())[:5]}"
    assert not [host for host, count in recorded.items() if count > 1], "a refusal is on record twice"


OUTCOMES = ("answered", "closed", "trouble", "through")


def wait_for_rows(at, wanted, seconds=15):
    """How often each host is in the database, once all of *wanted* are there or the time is up."""
    recorded = Counter()

    def all_there():
        recorded.clear()
        for _, host, count in at.gateway.breaches():
            recorded[host] += count
        return wanted <= recorded.keys()

    with contextlib.suppress(AssertionError):
        until(all_there, seconds)
    return recorded
