import asyncio
import logging
import ssl

import pytest

from dns_filter import reply, upstream, upstream_lines
from dns_filter.turns import Share
from dns_filter.upstream import Upstreams
from dns_filter.upstream_place import Place
from tests.support.dns_client import SERVFAIL, addresses, ask, extended
from tests.support.nameserver import OverTls
from tests.support.tls import certificate

ZONE = {"learning.test": ["198.51.100.7"], "*": ["198.51.100.8"]}
QUESTION = b"\x08learning\x04test\0\0\1\0\1"
NAME = "resolver.test"


async def put(upstreams, count=1):
    asked = (upstreams.ask(QUESTION, Share("a"), dnssec_ok=False, checking_disabled=False) for _ in range(count))
    return await asyncio.gather(*asked)


@pytest.fixture
async def over_tls(authority, ca_file):
    async with OverTls(ZONE, certificate(authority, NAME, "127.0.0.1")) as server:
        upstreams = Upstreams([Place("127.0.0.1", server.tls_port, NAME)], 2.0, trust=upstream.trust(ca_file))
        yield server, upstreams
        await upstreams.close()


async def test_many_questions_share_one_connection(over_tls):
    server, upstreams = over_tls
    answers = await put(upstreams, 50) + await put(upstreams, 50)

    assert {str(found.addresses[0]) for found in answers} == {"198.51.100.7"}
    assert (server.conversations, upstreams.all[0].answers) == (1, 100)
    assert {len(query) for query in server.queries} == {128}


async def test_a_connection_that_the_resolver_closed_is_opened_again(over_tls):
    server, upstreams = over_tls
    for _ in range(3):
        (found,) = await put(upstreams)
        assert str(found.addresses[0]) == "198.51.100.7"
        await server.hang_up()

    assert (server.conversations, upstreams.all[0].failures) == (3, 0)


async def test_a_connection_at_rest_is_closed(over_tls, monkeypatch):
    monkeypatch.setattr(upstream_lines, "REST_TLS", 0.02)
    server, upstreams = over_tls
    await put(upstreams)
    async with asyncio.timeout(3):
        while server._open:  # noqa: ASYNC110 - it comes true at the other end, which tells nobody
            await asyncio.sleep(0.01)
    await put(upstreams)
    assert server.conversations == 2


@pytest.mark.parametrize("names", [("other.test",), ("127.0.0.1",)])
async def test_a_certificate_of_another_name_is_refused(authority, ca_file, names, caplog):
    async with OverTls(ZONE, certificate(authority, *names)) as server:
        upstreams = Upstreams([Place("127.0.0.1", server.tls_port, NAME)], 1.0, trust=upstream.trust(ca_file))
        (found,) = await put(upstreams)
        await upstreams.close()

    assert (found.body.code, found.note.code) == (reply.SERVFAIL, reply.NO_AUTHORITY)
    assert server.questions == []
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "resolver.test" in line
    assert "certificate verify failed" in line


async def test_a_certificate_of_an_unknown_authority_is_refused(authority):
    async with OverTls(ZONE, certificate(authority, NAME)) as server:
        upstreams = Upstreams([Place("127.0.0.1", server.tls_port, NAME)], 1.0, trust=upstream.trust())
        (found,) = await put(upstreams)
        await upstreams.close()

    assert (found.body.code, server.questions) == (reply.SERVFAIL, [])


async def test_tls_older_than_1_2_is_refused(authority, ca_file):
    assert upstream.trust(ca_file).minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_file_that_holds_no_certificate_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "x.pem"
    path.write_text("nothing")
    with pytest.raises(OSError, match="holds no certificate") as raised:
        upstream.trust(str(path))
    assert raised.value.filename == str(path)


async def test_a_worker_asks_over_tls_alone(authority, ca_file, school, start):
    async with OverTls(ZONE, certificate(authority, "127.0.0.1")) as server:
        places = (f"tls://127.0.0.1:{server.tls_port}",)
        async with start(school, places, upstream_ca=ca_file) as running:
            assert addresses(await ask(running.dns, "learning.test")) == ["198.51.100.7"]

    assert (server.conversations, len(server.questions)) == (1, 1)


async def test_a_worker_says_servfail_when_the_certificate_is_not_the_resolvers(authority, ca_file, school, start):
    async with OverTls(ZONE, certificate(authority, "127.0.0.1")) as server:
        places = (f"tls://127.0.0.1:{server.tls_port}#dns.test",)
        async with start(school, places, upstream_ca=ca_file) as running:
            answer = await ask(running.dns, "learning.test")

    assert (answer.header.rcode, extended(answer)[0], server.questions) == (SERVFAIL, 22, [])
