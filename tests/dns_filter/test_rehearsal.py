import time

import pytest

from blocklists.live import Live
from blocklists.rulebook import Permit
from dns_filter import rehearsal
from dns_filter.finished import finished as from_memory
from dns_filter.rehearsal import rehearse
from dns_filter.unchanged import Unchanged
from tests.support.dns_client import question
from tests.support.hour import MORNING, Hour

PEOPLE = ("127.0.0.10", "127.0.0.3")
NAMES = ("learning.test", "news.test", "gambling.test")


def packet(name: str) -> bytes:
    return bytes(question(name).pack())


@pytest.fixture
async def met(hour):
    """A filter that two clients have asked for some names, and which of its answers are finished."""
    filtering: Hour = hour[0]
    resolver = filtering.resolver
    for address in PEOPLE:
        for name in NAMES:
            outcome = resolver.begin(packet(name), address, resolver.school)
            if not isinstance(outcome, bytes):
                await outcome
        resolver.school.seat(address.encode(), address, filtering.now)
    return resolver


def finished(door, address) -> set[bytes]:
    return set(door.view(address, MORNING).answers)


async def test_what_is_popular_is_ready_before_the_new_policy_is_in_force(met):
    new = met.rehearsed(met.school.policy, met.school.clients, clock_ok=True)
    list(rehearse(met, met.school, new, time.monotonic, Unchanged(met.school, new)))

    for address in PEOPLE:
        assert finished(new, address) == {packet(name)[2:] for name in NAMES}


async def test_an_answer_that_only_a_verdict_made_stays_as_it_is_where_it_is_still_permitted(met):
    new = met.rehearsed(met.school.policy, met.school.clients, clock_ok=True)
    list(rehearse(met, met.school, new, time.monotonic, Unchanged(met.school, new)))
    before, after = (door.view(PEOPLE[0], MORNING).answers for door in (met.school, new))

    assert after[packet("learning.test")[2:]] is before[packet("learning.test")[2:]]


async def test_an_answer_that_more_than_verdicts_made_or_that_has_an_end_is_made_anew(met):
    old = met.school.view(PEOPLE[0], MORNING).answers[packet("learning.test")[2:]]
    old.names = None
    new = met.rehearsed(met.school.policy, met.school.clients, clock_ok=True)
    list(rehearse(met, met.school, new, time.monotonic, Unchanged(met.school, new)))
    again = new.view(PEOPLE[0], MORNING).answers[packet("learning.test")[2:]]

    assert again is not old
    assert again.payload == old.payload


def with_permit(school, **fields: object) -> Live:
    """What is in force with one more permit, which has an hour."""
    permit = {"opens": True, "until": time.time_ns() + 3600 * 10**9, "profiles": ("ks2",)} | fields
    school.write_permits(Permit(1, **permit))
    live = Live(school.files)
    live.refresh()
    return live


async def test_a_change_leaves_what_it_is_not_about_as_it_is_refusals_too(met, school):
    live = with_permit(school, entries=("news.test",))
    live.policy.index, live.policy.rulebook = met.school.policy.index, met.school.policy.rulebook
    live.policy.sealed = met.school.policy.sealed
    new = met.rehearsed(live.policy, live.clients, clock_ok=True)
    list(rehearse(met, met.school, new, time.monotonic, Unchanged(met.school, new)))
    before, after = (door.view(PEOPLE[0], MORNING).answers for door in (met.school, new))
    learning, news, gambling = (packet(name)[2:] for name in NAMES)

    assert after[learning] is before[learning]
    assert after[gambling] is before[gambling]
    assert after[news] is not before[news]


async def test_where_settings_are_others_too_refusals_are_made_anew(met):
    new = met.rehearsed(met.school.policy, met.school.clients, clock_ok=True)
    met.refusing._closed = bytes((192, 0, 2, 77)), b""
    list(rehearse(met, met.school, new, time.monotonic))
    before, after = (door.view(PEOPLE[0], MORNING).answers for door in (met.school, new))
    gambling = packet("gambling.test")

    assert bytes((192, 0, 2, 77)) in after[gambling[2:]].answers(gambling)
    assert bytes((192, 0, 2, 77)) not in before[gambling[2:]].answers(gambling)


async def test_an_answer_that_leads_through_a_changed_name_is_made_anew(met, school):
    old = met.school.view(PEOPLE[0], MORNING).answers[packet("learning.test")[2:]]
    old.names = ("www.games.test",)
    live = with_permit(school, entries=("games.test",))
    new = met.rehearsed(live.policy, live.clients, clock_ok=True)
    list(rehearse(met, met.school, new, time.monotonic, Unchanged(met.school, new)))

    assert new.view(PEOPLE[0], MORNING).answers[packet("learning.test")[2:]] is not old


async def test_whoever_is_somebody_else_by_now_gets_nothing_of_what_was(met, school):
    before = met.school.view(PEOPLE[0], MORNING).profile
    school.write_clients({"127.0.0.0/8": "staff"})
    live = Live(school.files)
    live.refresh()
    live.policy.sealed = met.school.policy.sealed
    new = met.rehearsed(live.policy, live.clients, clock_ok=True)
    list(rehearse(met, met.school, new, time.monotonic, Unchanged(met.school, new)))
    old = met.school.view(PEOPLE[0], MORNING).answers

    assert before != "staff"
    assert all(finished is not old[key] for key, finished in new.view(PEOPLE[0], MORNING).answers.items())


async def test_a_rehearsal_puts_nothing_on_record_and_counts_nothing(met):
    written, asked = met.records._recorder.written, met.figures.questions.copy()
    list(rehearse(met, met.school, met.rehearsed(met.school.policy, met.school.clients, clock_ok=True), time.monotonic))

    assert (met.records._recorder.written, met.figures.questions) == (written, asked)


async def test_a_name_that_the_new_policy_closes_goes_on_record_though_its_refusal_is_ready(met, school):
    school.write_permits(Permit(1, opens=False, entries=("news.test",), until=time.time_ns() + 3600 * 10**9))
    live = Live(school.files)
    live.refresh()
    new = met.rehearsed(live.policy, live.clients, clock_ok=True)
    list(rehearse(met, met.school, new, time.monotonic, Unchanged(met.school, new)))

    met.renew(live.policy, live.clients, 2, clock_ok=True)
    met.school.adopt(new)
    seat, written = met.school.seat(PEOPLE[0].encode(), PEOPLE[0], MORNING), met.records._recorder.written

    assert new.view(PEOPLE[0], MORNING).answers[packet("news.test")[2:]].blocks
    assert from_memory(packet("news.test"), seat, MORNING, 0) is None
    asked = packet("gambling.test")
    assert from_memory(asked, seat, MORNING, 0) == met.begin(asked, PEOPLE[0], met.school)
    assert met.records._recorder.written == written


async def test_what_is_urgent_waits_for_its_record_where_it_is_decided_anew(met, school):
    outcome = met.begin(packet("harm.test"), PEOPLE[0], met.school)
    await outcome
    live = with_permit(school, opens=False, entries=("harm.test",))
    new = met.rehearsed(live.policy, live.clients, clock_ok=True)
    list(rehearse(met, met.school, new, time.monotonic, Unchanged(met.school, new)))

    assert packet("harm.test")[2:] in finished(met.school, PEOPLE[0]) - finished(new, PEOPLE[0])


async def test_what_nobody_asked_for_lately_is_left_for_later(met):
    new = met.rehearsed(met.school.policy, met.school.clients, clock_ok=True)
    list(rehearse(met, met.school, new, lambda: time.monotonic() + rehearsal.POPULAR + 2))

    assert finished(new, PEOPLE[0]) == {packet("gambling.test")[2:]}


async def test_a_rehearsal_lets_others_have_their_turn_and_ends_in_time(met):
    moments = iter(range(100))
    new = met.rehearsed(met.school.policy, met.school.clients, clock_ok=True)
    turns = list(rehearse(met, met.school, new, lambda: next(moments) * rehearsal.PATIENCE / 2))

    assert len(turns) == 1
    assert len(finished(new, PEOPLE[0])) + len(finished(new, PEOPLE[1])) == 2


async def test_what_was_rehearsed_is_in_force_after_the_change(met):
    policy, clients = met.school.policy, met.school.clients
    new = met.rehearsed(policy, clients, clock_ok=False)
    list(rehearse(met, met.school, new, time.monotonic, Unchanged(met.school, new)))
    ready = finished(new, PEOPLE[0])
    met.renew(policy, clients, 2, clock_ok=False)
    met.school.adopt(new)

    assert ready
    assert finished(met.school, PEOPLE[0]) == ready
    assert met.school.stored == new.stored
