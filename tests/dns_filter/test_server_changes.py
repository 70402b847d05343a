"""What changes while a worker answers: passes, blocks, policies, lists, clients and clocks, each in force at once."""

import asyncio
import os
import socket
import time

from blocklists import policy
from blocklists.clients import Client
from blocklists.rulebook import Permit
from tests.dns_filter.conftest import HOUR
from tests.support.dns_client import (
    SERVFAIL,
    addresses,
    ask,
    extended,
)
from tests.support.eventually import eventually
from tests.support.school import School, make_school, rulebook

KS1, STAFF = "127.0.0.2", "127.0.0.3"


async def test_names_with_a_pass_open_for_one_profile_only(running, school):
    assert addresses(await ask(running.dns, "games.test")) == ["192.0.2.99"]
    school.write_permits(Permit(1, opens=True, entries=("games.test",), until=time.time_ns() + HOUR, profiles=("ks2",)))

    async def opened():
        return addresses(await ask(running.dns, "games.test")) == ["192.0.2.1"]

    await eventually(opened)
    assert addresses(await ask(running.dns, "games.test", source=KS1)) == ["192.0.2.99"]


async def test_a_pass_for_one_client_opens_nothing_for_its_neighbour(running, school):
    school.write_clients({"127.0.0.0/24": "ks2"}, [Client("127.0.0.7", "ks2", number=7)])
    school.write_permits(Permit(1, opens=True, entries=("games.test",), until=time.time_ns() + HOUR, clients=(7,)))

    async def opened():
        return addresses(await ask(running.dns, "games.test", source="127.0.0.7")) == ["192.0.2.1"]

    await eventually(opened)
    assert addresses(await ask(running.dns, "games.test", source="127.0.0.8")) == ["192.0.2.99"]


async def test_a_pass_ends_at_its_time_and_no_answer_outlives_it(running, school):
    until = time.time_ns() + 2 * 10**9
    school.write_permits(Permit(1, opens=True, entries=("games.test",), until=until, profiles=("ks2",)))

    async def opened():
        answer = await ask(running.dns, "games.test")
        assert addresses(answer) == ["192.0.2.99"] or answer.rr[0].ttl * 10**9 <= until - time.time_ns() + 10**9
        return addresses(answer) == ["192.0.2.1"]

    async def closed():
        return not await opened()

    await eventually(opened, 1.9)
    await eventually(closed)
    assert time.time_ns() >= until


async def test_an_emergency_block_closes_at_once_for_everybody(running, school):
    assert addresses(await ask(running.dns, "news.test", source=STAFF)) == ["192.0.2.1"]
    school.write_permits(Permit(1, opens=False, entries=("news.test",), until=time.time_ns() + HOUR))

    async def closed():
        return addresses(await ask(running.dns, "news.test", source=STAFF)) == ["192.0.2.99"]

    await eventually(closed)


async def test_a_new_policy_changes_cached_answers(running, school):
    assert addresses(await ask(running.dns, "games.test")) == ["192.0.2.99"]
    lists = rulebook().lists
    school.write_policy(rulebook(lists={name: use for name, use in lists.items() if name != "games"}))

    async def opened():
        return addresses(await ask(running.dns, "games.test")) == ["192.0.2.1"]

    await eventually(opened)


async def test_a_new_index_changes_cached_answers_and_keeps_upstreams(running, school, upstream):
    assert addresses(await ask(running.dns, "fresh.test")) == ["192.0.2.1"]
    assert addresses(await ask(running.dns, "learning.test")) == ["192.0.2.8"]
    asked = len(upstream.questions)
    school.compile({"gambling": ["fresh.test"], "learning": ["learning.test"]})

    async def closed():
        return addresses(await ask(running.dns, "fresh.test")) == ["192.0.2.99"]

    await eventually(closed)
    assert addresses(await ask(running.dns, "learning.test")) == ["192.0.2.8"]
    assert len(upstream.questions) == asked


async def test_new_clients_are_mapped_anew(running, school):
    assert addresses(await ask(running.dns, "games.test")) == ["192.0.2.99"]
    school.write_clients({"127.0.0.0/24": "staff"})

    async def opened():
        return addresses(await ask(running.dns, "games.test")) == ["192.0.2.1"]

    await eventually(opened)


async def test_a_damaged_policy_changes_nothing(running, school):
    school.files.policy.write_bytes(b"damaged")
    school.write_clients({"127.0.0.0/24": "staff"})

    async def mapped():
        return addresses(await ask(running.dns, "games.test")) == ["192.0.2.1"]

    await eventually(mapped)
    assert addresses(await ask(running.dns, "gambling.test")) == ["192.0.2.99"]


async def test_a_state_that_cannot_be_read_leaves_the_last_good_one_in_force(running, monkeypatch):
    looks = []

    def fails(self):
        looks.append(self)
        raise RuntimeError("planted")

    async def looked():
        return len(looks) > 1

    monkeypatch.setattr("blocklists.live.Live.refresh", fails)
    await eventually(looked)

    assert addresses(await ask(running.dns, "gambling.test")) == ["192.0.2.99"]
    assert addresses(await ask(running.dns, "learning.test")) == ["192.0.2.8"]


async def test_after_the_clock_was_set_everything_is_decided_anew(running, monkeypatch):
    decided = []
    real = policy.decide

    def counting(*arguments):
        decided.append(arguments)
        return real(*arguments)

    async def decided_anew():
        await ask(running.dns, "learning.test")
        return len(decided) > 1

    monkeypatch.setattr("blocklists.policy.decide", counting)
    monkeypatch.setattr("dns_filter.server.CLOCK_STEP", -1)
    await eventually(decided_anew)


async def test_before_the_first_policy_the_answer_is_servfail(tmp_path, upstream, start):
    school = School(tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    async def filled():
        async def answers():
            try:
                answer = await ask(("127.0.0.1", port), "learning.test")
            except OSError:
                return False
            assert (answer.header.rcode, extended(answer)[0]) == (SERVFAIL, 14)
            return True

        await eventually(answers)
        make_school(tmp_path)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(filled())
        async with start(school, (upstream.port,), listen=(f"127.0.0.1:{port}",)) as running:
            assert addresses(await ask(running.dns, "learning.test")) == ["192.0.2.8"]


async def test_a_clock_behind_the_journals_holds_the_strictest_schedule(running, school):
    school.write_permits(Permit(1, opens=True, entries=("games.test",), until=time.time_ns() + HOUR, profiles=("ks2",)))

    async def opened():
        return addresses(await ask(running.dns, "games.test")) == ["192.0.2.1"]

    async def closed():
        return not await opened()

    await eventually(opened)
    from_the_future = school.files.spool / "later.journal"
    from_the_future.touch()
    os.utime(from_the_future, (time.time() + 3600, time.time() + 3600))
    await eventually(closed)
