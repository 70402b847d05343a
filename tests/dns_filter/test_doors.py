import time

import msgspec
import pytest

from blocklists import entry
from blocklists.clients import Client, ClientMap, Clients, Network
from blocklists.live import Live
from blocklists.policy import Action, Reason
from blocklists.rulebook import Permit
from dns_filter import doors
from dns_filter.cache import Ready, Stop
from dns_filter.doors import InnerDoor, SchoolDoor
from tests.support.dns_client import question

HOUR = 3600 * 10**9


@pytest.fixture
def live(school) -> Live:
    school.write_permits(
        Permit(1, opens=True, entries=("games.test",), until=time.time_ns() + HOUR, profiles=("ks2",)),
        Permit(2, opens=True, entries=("games.test",), until=time.time_ns() - HOUR, profiles=("ks1",)),
    )
    found = Live(school.files)
    found.refresh()
    return found


@pytest.fixture
def door(live) -> SchoolDoor:
    found = SchoolDoor(100_000)
    found.policy, found.clients = live.policy, live.clients
    return found


def now() -> int:
    return time.time_ns()


def test_clients_of_one_effective_policy_share_a_view(door):
    assert door.view("127.0.0.10", now()) is door.view("127.0.0.11", now())
    assert door.view("127.0.0.10", now()) is door.view("::ffff:127.0.0.10", now())
    assert door.view("127.0.0.10", now()) is not door.view("127.0.0.3", now())


def test_before_there_is_a_policy_nobody_has_a_view():
    assert SchoolDoor(100_000).view("127.0.0.1", now()) is None
    assert InnerDoor(100_000).view("127.0.0.1", now()) is None


def test_the_boundary_is_where_the_next_permit_ends(door):
    door.view("127.0.0.1", now())
    assert now() < door.boundary < now() + HOUR


def test_a_verdict_is_decided_anew_when_it_ends(door):
    view = door.view("127.0.0.3", now())
    verdict = door.verdict(view, "127.0.0.3", "social.test", now())

    assert door.boundary <= verdict.until
    assert door.verdict(view, "127.0.0.3", "social.test", verdict.until - 1) is verdict
    again = door.view("127.0.0.3", verdict.until)
    assert door.verdict(again, "127.0.0.3", "social.test", verdict.until).until > verdict.until


def test_at_a_boundary_only_what_ends_is_forgotten(door):
    view = door.view("127.0.0.3", now())
    door.verdict(view, "127.0.0.3", "learning.test", now())
    ends = door.verdict(view, "127.0.0.3", "social.test", now()).until
    door.keep(view, b"stays", Ready(b"payload", 5, 60))
    door.keep(view, b"ends", Ready(b"payload", 5, 60), ends=True)

    assert door.view("127.0.0.3", ends) is view
    assert (set(view.answers), set(view.verdicts)) == ({b"stays"}, {"learning.test"})
    assert door.size == len(b"stays") + view.answers[b"stays"].size


def test_at_the_boundary_clients_are_found_anew_whoever_asks(door):
    door.view("127.0.0.1", now())
    end = door.boundary

    door.view("127.0.0.1", end - 1)
    assert door.boundary == end
    door.view("127.0.0.1", end)
    assert door.boundary > end


def kept(door, view, name: str, *names: str, ends: bool = False) -> bytes:
    """The key of a finished answer in *view* for *name*, which leads through *names*."""
    key, ready = bytes(question(name).pack())[2:], Ready(b"payload", 0, 300)
    ready.names = names
    door.keep(view, key, ready, ends=ends)
    return key


def size_of(view) -> int:
    return sum(len(key) + finished.size for key, finished in view.answers.items())


def test_whoever_had_a_pass_keeps_all_but_what_it_was_about(door):
    at = now()
    view = door.view("127.0.0.1", at)
    stays = kept(door, view, "learning.test", "cdn.test")
    kept(door, view, "games.test")
    kept(door, view, "WWW.Games.test")
    kept(door, view, "news.test", "eu.games.test")
    kept(door, view, "social.test", ends=True)
    other, stop = (bytes(question(name).pack()) for name in ("gambling.test", "www.games.test"))
    for packet in (other, stop):
        door.keep(view, packet[2:], Stop(packet, len(packet), doors.NEVER, ""))
    opened = [door.verdict(view, "127.0.0.1", name, at).action for name in ("games.test", "learning.test")]
    later = door.view("127.0.0.1", door.boundary)

    assert opened == [Action.ALLOW, Action.ALLOW]
    assert set(later.answers) == {stays, other[2:]}
    assert set(later.verdicts) == {"learning.test"}
    assert door.size == size_of(later)
    assert door.verdict(later, "127.0.0.1", "games.test", at + 2 * HOUR).blocked


def test_only_who_is_somebody_else_by_now_is_found_anew(door):
    networks = (Network("127.0.0.0/8", "ks2"), Network("::1/128", "ks2"))
    before = Clients(networks, (Client("127.0.0.1", "staff", number=1), Client("127.0.0.2", "ks2", number=2)))
    after = Clients(networks, (Client("127.0.0.1", "staff", number=1), Client("127.0.0.4", "staff", number=4)))
    door.meet(ClientMap(before))
    addresses = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "::ffff:127.0.0.4", "::1")
    views = {address: door.view(address, now()) for address in addresses}
    seats = {address: door.seat(address.encode(), address, now()) for address in addresses}
    seats["127.0.0.2"].stops = 3
    door.meet(ClientMap(after))

    assert set(door.views) == {"127.0.0.1", "127.0.0.3", "::1"}
    assert set(door.seats) == {address.encode() for address in door.views}
    assert door.counts()["ks2", True] == 3
    assert door.view("::ffff:127.0.0.4", now()) is views["127.0.0.1"]
    door.meet(ClientMap(Clients(networks[:1], after.known)))
    assert (door.views, door.seats) == ({}, {})


def test_where_others_never_had_the_pass_their_answers_are_everybodys_at_its_end(door):
    pupil = door.clients.of("127.0.0.1")
    permit = Permit(4, opens=True, entries=("games.test",), until=now() + HOUR // 2, clients=(7,))
    door.policy.permits = (*door.policy.permits, (permit, entry.parse_all(permit.entries)))
    known = (msgspec.structs.replace(pupil, address="127.0.0.1", number=7),)
    door.clients = ClientMap(Clients((Network("127.0.0.0/8", "ks2"),), known))
    with_pass, without = (door.view(address, now()) for address in ("127.0.0.1", "127.0.0.2"))
    kept(door, with_pass, "learning.test")
    stays = kept(door, without, "news.test")
    with_pass.hits = 5
    later = door.view("127.0.0.1", door.boundary)

    assert with_pass is not without
    assert later is without is door.view("127.0.0.2", now())
    assert (set(later.answers), door.size) == ({stays}, size_of(later))
    assert door.counts()["ks2", False] == 5


def test_a_verdict_that_is_over_is_not_remembered(door):
    view = door.view("127.0.0.3", now())
    verdict = door.verdict(view, "127.0.0.3", "social.test", now())
    view.verdicts.clear()
    door.clock_ok, door.boundary = False, doors.NEVER
    closed = Permit(3, opens=False, entries=("news.test",), until=now() - HOUR)
    door.policy.permits = (*door.policy.permits, (closed, entry.parse_all(closed.entries)))

    assert verdict.until > now()
    assert door.verdict(view, "127.0.0.3", "news.test", now()).blocked
    assert (view.verdicts, door.boundary) == ({}, doors.NEVER)


def test_a_failure_is_decided_again(door):
    view = door.view("127.0.0.1", now())
    door.policy.rules.clear()

    assert door.verdict(view, "127.0.0.1", "games.test", now()).reason in (Reason.FAILURE, Reason.PASS)
    assert door.verdict(view, "127.0.0.1", "other.test", now()).reason is Reason.FAILURE
    assert "other.test" not in view.verdicts


def test_somebody_who_left_the_networks_is_blocked(door):
    view = door.view("127.0.0.1", now())
    door.clients = None
    assert door.verdict(view, "127.0.0.1", "learning.test", now()).action is Action.BLOCK


def test_emptying_keeps_the_counts(door):
    view = door.view("127.0.0.1", now())
    view.hits, view.stops = 5, 2
    door.empty()
    door.view("127.0.0.1", now()).hits = 1

    assert door.counts() == {("ks2", False): 6, ("ks2", True): 2}
    assert door.boundary > now()


def test_addresses_and_verdicts_are_bounded(door, monkeypatch):
    monkeypatch.setattr(doors, "ADDRESSES", 10)
    monkeypatch.setattr(doors, "VERDICTS", 10)
    for number in range(1, 60):
        view = door.view(f"127.0.0.{number}", now())
        door.verdict(view, f"127.0.0.{number}", f"n{number}.test", now())

    assert len(door.views) <= 10
    assert all(len(view.verdicts) <= 10 for view in door._all.values())


def test_an_answer_that_is_over_is_not_kept(door):
    view = door.view("127.0.0.1", now())
    door.keep(view, b"key", Ready(b"payload", 5, 0))
    assert (view.answers, door.stored) == ({}, 0)


def test_the_inner_door_is_for_loopback_only(live):
    door = InnerDoor(100_000)
    door.policy = live.policy

    assert door.view("192.0.2.1", now()) is None
    assert door.view("::ffff:127.0.0.1", now()) is door.view("::1", now())
    assert door.request("127.0.0.1", "games.test", now()) is None


def test_finished_answers_stay_within_their_bytes_and_are_counted_right(live):
    door = SchoolDoor(10_000)
    door.policy, door.clients = live.policy, live.clients
    views = [door.view(address, now()) for address in ("127.0.0.10", "127.0.0.2")]
    for number in range(300):
        door.keep(views[number % 2], b"key%d" % (number % 200), Ready(bytes(number), 5, 60))

        assert 0 < door.size <= 10_000
        assert door.size == sum(len(key) + kept.size for view in views for key, kept in view.answers.items())
    assert door.stored == sum(len(view.answers) for view in views)


def test_counting_takes_nothing_from_the_seats(door):
    seat = door.seat(b"raw", "127.0.0.10", now())
    seat.seen.append("")
    seat.stops = 2

    assert door.counts() == door.counts() == {("ks2", False): 1, ("ks2", True): 2}
    assert (seat.seen, seat.stops) == ([""], 2)
    list(door.look(now(), 1.0))
    assert door.counts() == {("ks2", False): 1, ("ks2", True): 2}


def test_what_was_done_before_a_log_in_counts_for_who_did_it(hour):
    resolver = hour[0].resolver
    told = []
    before = resolver.school.clients
    resolver.school.visited = lambda address, sites, _: told.append((resolver.school.clients is before, address, sites))
    resolver.school.seat(b"raw", "127.0.0.10", hour[0].now).seen.append("learning.test")
    resolver.renew(resolver.school.policy, ClientMap(Clients()), 1, clock_ok=True)

    assert told == [(True, "127.0.0.10", ["learning.test"])]
