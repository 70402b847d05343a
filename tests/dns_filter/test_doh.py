"""DNS over HTTPS on real HTTP/2 connections: the process's own work in this one, and once as the command itself."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from dnslib import DNSRecord

from dns_filter import doh, settings, wire
from dns_filter.settings import DnsSettings, DohSettings
from tests.support.dns_client import NOERROR, SERVFAIL, addresses, ask, ask_by_tcp, exchange, extended, question
from tests.support.doh_server import DohServer
from tests.support.tls import certificate

NAME = "dns.test"
ZONE = {
    "learning.test": ["198.51.100.7"],
    "long.test": [f"198.51.100.{n}" for n in range(1, 120)],
    "*": ["198.51.100.8"],
}


@contextlib.asynccontextmanager
async def process(server, ca_file, *, addresses=("127.0.0.1",), seconds=2.0) -> AsyncIterator[tuple[str, int]]:
    """Where the process answers."""
    url = f"https://{NAME}:{server.port}/dns-query"
    given = DohSettings(url=url, addresses=addresses, listen="127.0.0.1:0")
    ready = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(doh.serve(given, ca_file, seconds, ready=ready.set_result))
    try:
        await asyncio.wait([ready, serving], return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        yield (await ready)["doh"]
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


@pytest.fixture
async def server(authority):
    async with DohServer(ZONE, certificate(authority, NAME)) as running:
        yield running


@pytest.fixture
async def loopback(server, ca_file):
    async with process(server, ca_file) as place:
        yield place


async def test_a_question_goes_out_as_the_standard_says_and_its_answer_comes_back(server, loopback):
    answer = await ask(loopback, "LeArning.test")

    assert (addresses(answer), str(answer.q.qname)) == (["198.51.100.7"], "LeArning.test.")
    (request,) = server.requests
    assert (request[":method"], request[":path"], request["content-type"]) == ("POST", "/dns-query", doh._TYPE)
    assert request[":authority"] == f"{NAME}:{server.port}"
    assert (server.messages[0][:2], request["accept-encoding"]) == (b"\0\0", "identity")


async def test_many_questions_share_a_connection(server, loopback):
    answers = await asyncio.gather(*(ask(loopback, f"n{number}.test") for number in range(40)))

    assert {tuple(addresses(answer)) for answer in answers} == {("198.51.100.8",)}
    assert server.connections == 1


async def test_over_tcp_several_are_answered_on_one_connection(loopback):
    answers = await ask_by_tcp(loopback, "learning.test", "long.test")
    assert sorted(len(answer.rr) for answer in answers) == [1, 119]


async def test_what_does_not_fit_is_cut(loopback):
    answer = await ask(loopback, "long.test")
    assert (answer.header.tc, answer.rr, str(answer.q.qname)) == (1, [], "long.test.")


async def test_noise_is_not_asked_of_anybody(server, loopback):
    reply = await exchange(loopback, b"\1\2\1\0\0\0\0\0\0\0\0\0")
    assert (reply[3] & 15, server.requests) == (1, [])


async def test_ttls_have_counted_down_in_a_cache_on_the_way(server, loopback):
    server.age = "100"
    assert (await ask(loopback, "learning.test")).rr[0].ttl == 200
    server.age = "1000"
    assert (await ask(loopback, "learning.test")).rr[0].ttl == 0
    server.age = "soon"
    assert (await ask(loopback, "learning.test")).rr[0].ttl == 300


@pytest.mark.parametrize(("status", "kind"), [(500, doh._TYPE), (200, "text/html"), (302, doh._TYPE)])
async def test_what_is_no_answer_is_a_failure(server, loopback, status, kind, caplog):
    server.status, server.kind = status, kind
    answer = await ask(loopback, "learning.test")

    assert (answer.header.rcode, extended(answer)[0]) == (SERVFAIL, 23)
    assert str(status) in caplog.text


async def test_what_is_packed_is_never_unpacked(server, loopback, caplog):
    server.packed = True
    assert (await ask(loopback, "learning.test")).header.rcode == SERVFAIL
    assert "gzip" in caplog.text


async def test_the_longest_message_there_can_be_comes_back(server, loopback):
    server.lengths["learning.test"] = wire.MAX_TCP
    (answer,) = await ask_by_tcp(loopback, "learning.test")
    assert addresses(answer) == ["198.51.100.7"]


async def test_what_is_too_long_fails_alone_and_the_connection_goes_on(server, loopback, caplog):
    server.lengths["long.test"] = wire.MAX_TCP + 1
    answers = await ask_by_tcp(loopback, "a.test", "long.test", "b.test")

    found = {str(answer.q.qname): answer.header.rcode for answer in answers}
    assert found == {"a.test.": NOERROR, "long.test.": SERVFAIL, "b.test.": NOERROR}
    assert "longer than a DNS message" in caplog.text


async def test_no_more_is_read_of_what_is_too_long(server, loopback):
    server.lengths["long.test"] = 100 * wire.MAX_TCP
    assert (await ask(loopback, "long.test")).header.rcode == SERVFAIL
    assert addresses(await ask(loopback, "learning.test")) == ["198.51.100.7"]


async def test_silence_is_waited_out_for_so_long(server, ca_file):
    server.silent = True
    async with process(server, ca_file, seconds=0.3) as place:
        assert (await ask(place, "learning.test")).header.rcode == SERVFAIL


async def test_connections_on_which_nothing_comes_are_opened_anew(server, ca_file):
    server.silent = True
    async with process(server, ca_file, seconds=0.2) as place:
        for number in range(doh.SILENT):
            assert (await ask(place, f"n{number}.test")).header.rcode == SERVFAIL
        server.silent = False
        assert addresses(await ask(place, "learning.test")) == ["198.51.100.7"]
    assert server.connections == 2


async def test_an_address_that_says_nothing_leaves_time_for_the_next(server, ca_file):
    with socket.create_server(("127.0.0.78", server.port)):
        async with process(server, ca_file, addresses=("127.0.0.78", "127.0.0.1"), seconds=1.0) as place:
            assert addresses(await ask(place, "learning.test")) == ["198.51.100.7"]


async def test_the_next_address_is_tried_and_remembered(server, ca_file):
    async with process(server, ca_file, addresses=("127.0.0.77", "127.0.0.1")) as place:
        for _ in range(2):
            assert addresses(await ask(place, "learning.test")) == ["198.51.100.7"]


async def test_a_certificate_of_another_name_is_refused(authority, ca_file, caplog):
    async with (
        DohServer(ZONE, certificate(authority, "127.0.0.1")) as server,
        process(server, ca_file) as place,
    ):
        assert (await ask(place, "learning.test")).header.rcode == SERVFAIL

    assert server.messages == []
    assert "certificate verify failed" in caplog.text


async def test_a_worker_asks_it_like_any_other_resolver(server, loopback, school, start):
    async with start(school, (loopback[1],)) as running:
        for name, found in (("learning.test", ["198.51.100.7"]), ("www.learning.test", ["198.51.100.8"])):
            answer = await ask(running.dns, name)
            assert (answer.header.rcode, addresses(answer)) == (NOERROR, found)


async def test_an_address_that_is_taken_is_said(ca_file):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        given = DohSettings(url="https://dns.test/q", addresses=("127.0.0.1",), listen=listen)
        with pytest.raises(OSError, match=f"cannot listen at {listen}"):
            await doh.serve(given, ca_file, 1.0, ready=print)


@pytest.mark.parametrize("age", [0, 10])
def test_what_is_broken_stays_as_it_came(age):
    for message in (b"", b"\0" * 12, b"\1\2\x81\x80\0\1\0\1\0\0\0\0\1a\0\0\1\0\1\xc0\x0c"):
        assert doh.older(message, age) == message


def test_an_answer_to_noise_is_never_longer_than_a_plain_packet():
    assert len(doh.cut(b"", bytes(4000))) == 512
    fine = bytes(question("a.test").pack())
    assert DNSRecord.parse(doh.cut(fine, fine)).q.qname == "a.test"


def doh_problems(**fields):
    given = DohSettings(**({"url": "https://dns.test/dns-query", "addresses": ("192.0.2.1",)} | fields))
    return list(DnsSettings(upstream=("127.0.0.1:5302",), doh=given).problems())


def test_good_settings_have_no_problem():
    assert doh_problems() == []
    assert doh_problems(url="", addresses=(), listen="x") == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"url": "http://dns.test/dns-query"}, "dns.doh.url"),
        ({"url": "https://dns.test"}, "dns.doh.url"),
        ({"url": "https://user@dns.test/q"}, "dns.doh.url"),
        ({"url": "https://dns.test/q{?dns}"}, "dns.doh.url"),
        ({"url": "https://[::1/q"}, "dns.doh.url"),
        ({"url": "https://dns.test:0/q"}, "dns.doh.url"),
        ({"addresses": ()}, "dns.doh.addresses"),
        ({"addresses": ("dns.test",)}, "dns.doh.addresses[0]"),
    ],
)
def test_a_problem_names_its_key(change, where):
    (problem,) = doh_problems(**change)
    assert problem.startswith(f"{where}: ")


def test_it_must_be_on_loopback_and_nobody_is_advised_to_ask_it_elsewhere():
    (problem,) = doh_problems(listen="192.0.2.1:53")
    assert problem.startswith("dns.doh.listen: ")
    assert settings.endpoint("127.0.0.1:5302")


def test_somebody_must_ask_it():
    (problem,) = doh_problems(listen="127.0.0.1:5309")
    assert problem.startswith("dns.doh.url: nobody asks this resolver")
