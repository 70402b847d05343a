"""Who asks at the school's door, and what is handed on when a pass ends or somebody logs in."""

import time

import msgspec

from blocklists import entry
from blocklists.clients import Client, ClientMap, Clients, Network
from blocklists.policy import Action
from blocklists.rulebook import Permit
from dns_filter import doors
from dns_filter.cache import Ready, Stop
from tests.dns_filter.conftest import HOUR
from tests.support.dns_client import question


def now() -> int:
    return time.time_ns()


def test_clients_of_one_effective_policy_share_a_view(door):
    assert door.view("127.0.0.10", now()) is door.view("127.0.0.11", now())
    assert door.view("127.0.0.10", now()) is door.view("::ffff:127.0.0.10", now())
    assert door.view("127.0.0.10", now()) is not door.view("127.0.0.3", now())


def test_the_boundary_is_where_the_next_permit_ends(door):
    door.view("127.0.0.1", now())
    assert now() < door.boundary < now() + HOUR


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


def test_somebody_who_left_the_networks_is_blocked(door):
    view = door.view("127.0.0.1", now())
    door.clients = None
    assert door.verdict(view, "127.0.0.1", "learning.test", now()).action is Action.BLOCK


def test_what_was_done_before_a_log_in_counts_for_who_did_it(hour):
    resolver = hour[0].resolver
    told = []
    before = resolver.school.clients
    resolver.school.visited = lambda address, sites, _: told.append((resolver.school.clients is before, address, sites))
    resolver.school.seat(b"raw", "127.0.0.10", hour[0].now).seen.append("learning.test")
    resolver.renew(resolver.school.policy, ClientMap(Clients()), 1, clock_ok=True)

    assert told == [(True, "127.0.0.10", ["learning.test"])]
