"""A week of helplines as whole processes count it: the total, and that nothing else of it is anywhere (G12)."""

import asyncio
import contextlib
import datetime
import signal
import socket

import msgspec
import pytest

from dns_filter.ask import ask
from dns_filter.practice import WILDCARD, NameServer
from tests.support.commands import started
from tests.support.gateway import WEB_SITES, Gateway
from tests.support.scrape import scraped

HELPLINE = "always-open.test"


def weeks(gateway, kind):
    return msgspec.json.decode((gateway.settings.files.spool / f"helplines-{kind}-0").read_bytes())["weeks"]


def said_of_helplines(gateway):
    """Every byte in the spool but the totals, as text."""
    return b"".join(path.read_bytes() for path in gateway.settings.files.spool.glob("*.journal"))


def monday():
    today = datetime.datetime.now(datetime.UTC).date()
    return (today - datetime.timedelta(days=today.weekday())).isoformat()


async def asked(gateway, devices):
    at = ("127.0.0.1", gateway.dns)
    async with NameServer({WILDCARD: [WEB_SITES]}, ("127.0.0.1", gateway.upstream)):
        for name in (HELPLINE, f"www.{HELPLINE}", HELPLINE, "positive.test"):
            for number in range(1, devices + 1):
                assert (await ask(at, name, source=f"127.0.2.{number}")).addresses == (WEB_SITES,)


@pytest.mark.parametrize(("devices", "turns"), [(4, 0), (9, 5)])
async def test_dns_counts_devices_and_tells_no_journal_and_no_scrape(tmp_path, devices, turns):
    gateway, log = Gateway(tmp_path), tmp_path / "log"
    with started("dns", "--config", str(gateway.file), folder=tmp_path, log=log) as dns:
        await asked(gateway, devices)
        assert "helpline" not in scraped(gateway.settings.config.metrics.dns).lower()
        assert not list(gateway.settings.files.spool.glob("helplines-*"))
        dns.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(dns.wait, 15) == 0
    assert weeks(gateway, "dns") == {monday(): turns}
    assert b"positive.test" in said_of_helplines(gateway)
    assert b"always-open" not in said_of_helplines(gateway)
    assert "always-open" not in log.read_text()


def test_the_front_door_counts_devices_that_never_ask_dns(tmp_path):
    gateway = Gateway(tmp_path)
    with started("peek", "--config", str(gateway.file), folder=tmp_path):
        for number in range(1, 8):
            place = ("127.0.0.1", gateway.proxy)
            with socket.create_connection(place, 10, source_address=(f"127.0.2.{number}", 0)) as device:
                device.sendall(b"CONNECT %b:443 HTTP/1.1\r\nHost: %b:443\r\n\r\n" % ((HELPLINE.encode(),) * 2))
                with contextlib.suppress(ConnectionError):
                    device.recv(4096)
    assert weeks(gateway, "peek") == {monday(): 5}
    assert b"always-open" not in said_of_helplines(gateway)
