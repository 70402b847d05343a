import asyncio
import socket

import pytest

from dns_filter.ask import Heard, ask
from tests.support.nameserver import Crooked, Fault

VISITOR = "127.0.0.4"


async def test_an_open_name_is_heard_with_its_addresses(running):
    assert await ask(running.dns, "both.test") == Heard("NOERROR", ("192.0.2.7",), None)
    assert await ask(running.dns, "both.test", kind="AAAA") == Heard("NOERROR", ("2001:db8::7",), None)


async def test_a_name_that_does_not_exist_is_heard_with_its_reason(running):
    heard = await ask(running.dns, "gambling.test", source=VISITOR)
    assert heard == Heard("NXDOMAIN", (), (15, "blocked: gambling (visitor)"))


async def test_the_source_decides_who_asks(running):
    assert (await ask(running.dns, "games.test", source="127.0.0.3")).addresses == ("192.0.2.1",)
    assert (await ask(running.dns, "games.test", source="127.0.0.1")).addresses == ("192.0.2.99",)


async def test_silence_ends_in_a_timeout():
    async with Crooked({"*": ["192.0.2.1"]}, Fault.SILENT) as silent:
        with pytest.raises(TimeoutError):
            await ask(("127.0.0.1", silent.port), "learning.test", seconds=0.1)


async def test_an_answer_to_another_question_is_not_heard():
    async with Crooked({"*": ["192.0.2.1"]}, Fault.WRONG_NUMBER) as crooked:
        with pytest.raises(TimeoutError):
            await ask(("127.0.0.1", crooked.port), "learning.test", seconds=0.1)
        assert crooked.questions


async def test_a_server_of_ipv6_is_asked_over_ipv6():
    try:
        peer = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        peer.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 on loopback")
    with peer:
        peer.setblocking(False)

        async def echo() -> None:
            packet, client = await asyncio.get_running_loop().sock_recvfrom(peer, 4096)
            peer.sendto(packet, client)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(echo())
            heard = await ask(peer.getsockname()[:2], "learning.test")

    assert heard == Heard("NOERROR", (), None)
