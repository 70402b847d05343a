"""Answers that are held: how much one client may have of the room that all share."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from mitmproxy.test import tflow

from proxy_addons.held import MOST, ROOM, Hold, Holds
from tests.support.pages import Page, Pages
from tests.support.proxy_school import ADDRESSES, Nameserver, Running, School, running

BAD = "Welcome to our online casino: free spins and a no deposit bonus for everybody who likes it."
FILLING = b"<p>filling"
ALMOST = FILLING * (MOST // len(FILLING) - 1000)
"""A little less than is held of one answer."""
GREEDY = 30
"""Connections of one client, for more than twice its share."""


@pytest.fixture
def site(tmp_path) -> Iterator[tuple[Pages, Running]]:
    school = School(tmp_path)
    made: list[Pages] = []

    def unended() -> Iterator[bytes]:
        yield ALMOST
        made[0].release.wait(30)

    pages = {
        "/unended": lambda: Page(unended(), {"Content-Type": "text/html"}, length=False),
        "/late-bad": Page([FILLING * 100_000, BAD.encode()], {"Content-Type": "text/html"}),
    }
    with Nameserver() as dns, Pages(pages) as server, running(school, school.settings(dns, server.port)) as worker:
        made.append(server)
        yield server, worker


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline


def asking(site: tuple[Pages, Running], path: str, profile: str) -> socket.socket:
    server, worker = site
    made = socket.create_connection(("127.0.0.1", worker.port), 20, (ADDRESSES[profile], 0))
    made.sendall(f"GET http://unknown.test:{server.port}{path} HTTP/1.1\r\nHost: unknown.test\r\n\r\n".encode())
    return made


def test_a_client_that_has_a_great_many_pages_held_leaves_the_room_to_others(site) -> None:
    def held() -> float:
        return site[1].metric("schoolgate_proxy_held_bytes")

    with contextlib.ExitStack() as stack:
        for _ in range(GREEDY):
            stack.enter_context(asking(site, "/unended", "ks2"))
        until(lambda: held() > ROOM / 5 - 2 * MOST)
        until(lambda: site[1].metric("schoolgate_proxy_pages_early_total") >= 1)
        assert held() < ROOM / 5 + MOST
        with asking(site, "/late-bad", "ks3") as other:
            assert other.recv(65536).startswith(b"HTTP/1.1 403 ")
        site[0].release.set()


def flow_of(address: str) -> object:
    flow = tflow.tflow(resp=True)
    flow.client_conn.peername = (address, 1)
    return flow


@pytest.mark.parametrize("clients", [1, 2, 10, 60])
def test_however_many_are_greedy_each_has_the_same_share_and_some_is_left(clients: int) -> None:
    holds = Holds()
    of = {f"10.0.0.{number}": 0 for number in range(clients)}
    for _ in range(200):
        for address in of:
            hold = holds.begin(flow_of(address))
            while not hold.full:
                hold.grow(MOST // 16)
                of[address] += MOST // 16
    assert max(of.values()) - min(of.values()) <= MOST
    assert holds.size < ROOM
    assert min(of.values()) > ROOM / (clients + 4) - MOST


def test_the_addresses_of_one_ipv6_device_share_its_part() -> None:
    holds = Holds()
    first, second = (Hold(flow_of(f"2001:db8::{number}"), holds) for number in (1, 2))
    first.grow(ROOM // 5 + 1)
    assert second.full


def test_what_is_held_no_more_is_room_again() -> None:
    holds = Holds()
    hold = holds.begin(flow_of("10.0.0.1"))
    hold.grow(ROOM // 5)
    assert hold.full
    hold.end()
    hold.end()
    assert (holds.size, len(holds)) == (0, 0)
    assert not holds.begin(flow_of("10.0.0.1")).full
