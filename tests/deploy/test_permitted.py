"""Whoever holds the socket of `dns.tell` learns who was permitted what, from a DNS worker as it runs."""

import asyncio
import contextlib
import socket

import msgspec
import pytest

from dns_filter.ask import ask
from dns_filter.practice import WILDCARD, NameServer
from tests.support.commands import started
from tests.support.gateway import WEB_SITES, Gateway

PUPIL, ANOTHER = "127.0.2.1", "127.0.2.2"


@pytest.fixture
def gateway(tmp_path):
    made = Gateway(tmp_path)
    made.file.write_text(made.file.read_text().replace("[dns]\n", '[dns]\ntell = "run/permitted.sock"\n'))
    (made.folder / "run").mkdir(exist_ok=True)
    return made


@contextlib.contextmanager
def firewall(gateway):
    """A firewall's end of the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as end:
        end.bind(str(gateway.folder / "run" / "permitted.sock"))
        yield end


async def told(end):
    async with asyncio.timeout(60):
        return msgspec.json.decode(await asyncio.get_running_loop().sock_recv(end, 65536))


def permits(client):
    """What is told of *client*: filtered answers are used for a minute, and it may use the addresses for twice that."""
    return {"client": client, "addresses": [WEB_SITES], "seconds": 120}


async def test_a_firewall_is_told_of_each_client_once_and_of_no_refusal(tmp_path, gateway):
    at = ("127.0.0.1", gateway.dns)
    with firewall(gateway) as end, started("dns", "--config", str(gateway.file), folder=tmp_path):
        async with NameServer({WILDCARD: [WEB_SITES]}, ("127.0.0.1", gateway.upstream)):
            for source in (PUPIL, PUPIL, PUPIL, ANOTHER):
                await ask(at, "positive.test", source=source)
            await ask(at, "gambling.test", source=PUPIL)
            await ask(at, "games.positive.test", source=PUPIL)
            assert [await told(end) for _ in range(3)] == [permits(PUPIL), permits(ANOTHER), permits(PUPIL)]
        with pytest.raises(BlockingIOError):
            end.recv(1)


async def test_answers_go_out_with_no_firewall_and_it_is_told_once_it_is_there(tmp_path, gateway):
    at, log = ("127.0.0.1", gateway.dns), tmp_path / "log"
    with started("dns", "--config", str(gateway.file), folder=tmp_path, log=log):
        async with NameServer({WILDCARD: [WEB_SITES]}, ("127.0.0.1", gateway.upstream)):
            for _ in range(5):
                assert (await ask(at, "positive.test", source=PUPIL)).addresses == (WEB_SITES,)
            with firewall(gateway) as end:
                telling = asyncio.create_task(told(end))
                while not telling.done():
                    await ask(at, "positive.test", source=PUPIL)
                assert await telling == permits(PUPIL)
    says = f"dns.tell: {gateway.folder}/run/permitted.sock is not told of permitted answers: No such file or directory"
    assert log.read_text().count(says) == 1
