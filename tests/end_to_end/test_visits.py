"""Which sites a device was let through to is on record, whether it asks DNS or the proxy."""

import asyncio
import contextlib
import http.client
import http.server
import signal
import socket
import ssl
import threading

from dns_filter.ask import ask
from dns_filter.practice import WILDCARD, NameServer
from reporting.breach import Visit
from reporting.frames import read_frames
from tests.support.commands import started
from tests.support.gateway import WEB_SITES, Gateway

BY_PROXY, BY_DNS = "127.0.0.1", "127.0.2.1"


class Page(http.server.BaseHTTPRequestHandler):
    """One page for whoever asks."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"hi")

    def log_message(self, *_):
        """Say nothing."""


@contextlib.contextmanager
def sites():
    """A plain web site, and what takes connections where TLS is spoken."""
    server = http.server.ThreadingHTTPServer((WEB_SITES, 80), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with socket.create_server((WEB_SITES, 443)) as secure:
            yield secure
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def hello(name):
    """What a browser says first in a tunnel to *name*."""
    said, nothing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(nothing, said, server_hostname=name).do_handshake()
    return said.read()


def tunnel(gateway, name):
    """A tunnel to *name*, after the first words in it."""
    made = socket.create_connection(("127.0.0.1", gateway.proxy), 60, (BY_PROXY, 0))
    made.sendall(f"CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n\r\n".encode())
    made.recv(4096)
    with contextlib.suppress(ConnectionError):
        made.sendall(hello(name))
    return made


def meet(gateway, secure):
    """Ask for what is open, a help service, what is closed, and a page by plain HTTP, all by the proxy."""
    for name in ("www.positive.test", "always-open.test"):
        with tunnel(gateway, name):
            secure.accept()[0].close()
    with tunnel(gateway, "gambling.test") as closed, contextlib.suppress(ConnectionError):
        closed.recv(4096)
    page = http.client.HTTPConnection("127.0.0.1", gateway.proxy, timeout=60, source_address=(BY_PROXY, 0))
    page.request("GET", "http://positive.test/")
    assert page.getresponse().status == 200
    page.close()


def visits(gateway):
    """(source, address, site): how often, over all journals."""
    found = {}
    for path in gateway.settings.files.spool.glob("*.journal"):
        for frame in read_frames(path):
            if isinstance(record := frame.record, Visit):
                for site, count in record.sites.items():
                    key = record.source, record.address, site
                    found[key] = found.get(key, 0) + count
    return found


async def test_a_device_that_asks_the_proxy_is_on_record_as_one_that_asks_dns_is(tmp_path):
    gateway, log = Gateway(tmp_path), tmp_path / "log"
    with sites() as secure:
        async with NameServer({WILDCARD: [WEB_SITES]}, ("127.0.0.1", gateway.upstream)):
            with started("run", "--config", str(gateway.file), folder=tmp_path, log=log) as run:
                await ask(("127.0.0.1", gateway.dns), "positive.test", source=BY_DNS)
                await asyncio.to_thread(meet, gateway, secure)
                run.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(run.wait, 60) == 0
    assert visits(gateway) == {
        ("proxy", BY_PROXY, "positive.test"): 2,
        ("dns", BY_DNS, "positive.test"): 1,
    }
