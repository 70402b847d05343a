"""Whose rows the refusals are, and how grave, whatever was refused at the address before."""

import asyncio

import pytest
from msgspec import structs

from blocklists.clients import Client
from blocklists.rulebook import Severity
from reporting.breach import Breach, Repeat
from reporting.frames import read_frames
from tests.support.dns_client import ask, ask_by_tcp
from tests.support.school import categories, rulebook

SEAT = "127.0.0.9"
PUPIL = Client(SEAT, "ks2", 7, 7, 2)
TEACHER = Client(SEAT, "staff", 7, 7, 1)


def records(running, kind):
    found = (frame.record for frame in read_frames(running.journal.path, seed=bytes(32)))
    return [record for record in found if isinstance(record, kind)]


async def in_force(running, written):
    """Return when the worker answers by what was *written*, the only breach of "gambling.test" that it asks for."""
    async with asyncio.timeout(60):
        while not any(written(row) for row in records(running, Breach)):
            await ask(running.dns, "gambling.test", source=SEAT)
            await asyncio.sleep(0.02)


async def logged_in(running, school, client):
    school.write_clients(known=(client,))
    await in_force(running, lambda row: row.person == client.person)


async def test_an_urgent_breach_has_a_row_though_the_teacher_before_was_refused_the_same(running, school):
    await logged_in(running, school, TEACHER)
    await ask(running.dns, "x.harm.test", source=SEAT)
    await logged_in(running, school, PUPIL)
    await ask(running.dns, "x.harm.test", source=SEAT)

    rows = [row for row in records(running, Breach) if row.category == "self_harm"]
    assert [(row.person, row.severity) for row in rows] == [(1, Severity.NONE), (2, Severity.URGENT)]


@pytest.mark.parametrize("by", [ask, ask_by_tcp])
async def test_what_is_refused_from_memory_after_a_log_in_is_the_next_persons(running, school, by):
    await logged_in(running, school, PUPIL)
    await by(running.dns, "casino.test", source=SEAT)
    await logged_in(running, school, structs.replace(PUPIL, person=3))
    await by(running.dns, "casino.test", source=SEAT)

    assert [row.person for row in records(running, Breach) if row.host == "casino.test"] == [2, 3]


async def test_what_a_new_policy_calls_urgent_has_a_row_that_says_so(running, school):
    await ask(running.dns, "casino.test", source=SEAT)
    changed = categories() | {"gambling": structs.replace(categories()["gambling"], alert="URGENT")}
    school.write_policy(rulebook(categories=changed))
    await in_force(running, lambda row: row.severity is Severity.URGENT)
    await ask(running.dns, "casino.test", source=SEAT)

    severities = [row.severity for row in records(running, Breach) if row.host == "casino.test"]
    assert severities == [Severity.NOTE, Severity.URGENT]


async def test_a_log_in_elsewhere_ends_no_run(running, school):
    await ask(running.dns, "casino.test")
    await logged_in(running, school, PUPIL)
    await ask(running.dns, "casino.test")

    assert [row.address for row in records(running, Breach) if row.host == "casino.test"] == ["127.0.0.1"]


async def test_a_run_whose_answers_come_from_memory_tells_of_three_names_and_counts_all(running):
    for source in ("127.0.0.8", SEAT):
        for name in ("a", "bb", "ccc", "dddd"):
            await ask(running.dns, f"{name}.casino.test", source=source)
    running.recorder.flush()

    repeats = [(row.count, row.hosts) for row in records(running, Repeat)]
    assert repeats == [(3, ("bb.casino.test", "ccc.casino.test"))] * 2
