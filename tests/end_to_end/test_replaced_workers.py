"""A worker whose life is over is replaced, and nobody who reads a page notices."""

import asyncio
import contextlib
import http.client
import os
import select
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from dns_filter.practice import WILDCARD, NameServer
from tests.support.commands import COMMAND, children_of, started, until
from tests.support.gateway import WEB_SITES, Gateway
from tests.support.proxy_school import head_of

SHORT = 0.001
"""Hours that a worker lives in these tests: 3.6 seconds."""


def short_lived(gateway):
    text = gateway.file.read_text()
    assert "\n[proxy]\n" in text
    gateway.file.write_text(text.replace("\n[proxy]\n", f"\n[proxy]\nworker_hours = {SHORT}\n"))


class Slow(threading.Thread):
    """A server on loopback that begins its one answer at once, and ends it when *release* is set."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.listener = socket.create_server((WEB_SITES, port))
        self.begun, self.release = threading.Event(), threading.Event()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            self.begun.set()
            self.release.wait(60)
            connection.sendall(b"world")

    def end(self):
        """Give the port back: a listener that is only closed takes one connection more while a thread waits at it."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.join()
        self.listener.close()


def workers_of(run):
    """The pids of the workers that *run* keeps."""
    return {pid for pid, words in children_of(run.pid).items() if "worker" in words}


class Reader:
    """A device that asks for a closed page again and again, each time on a connection of its own."""

    def __init__(self, gateway):
        self.gateway, self.failed, self.answers = gateway, [], 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stopping.is_set():
            asking = http.client.HTTPConnection("127.0.0.1", self.gateway.proxy, timeout=20)
            try:
                asking.request("GET", "http://gambling.test/", headers={"Host": "gambling.test"})
                assert asking.getresponse().status == 403
                self.answers += 1
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
            finally:
                asking.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()


async def test_a_page_in_progress_and_every_new_connection_outlive_a_worker(tmp_path):
    gateway, log = Gateway(tmp_path), tmp_path / "log"
    short_lived(gateway)
    sites = [Slow(80), Slow(443)]
    for site in sites:
        site.start()
    try:
        async with NameServer({WILDCARD: [WEB_SITES]}, ("127.0.0.1", gateway.upstream)):
            await asyncio.to_thread(replaced_under, gateway, sites, tmp_path, log)
    finally:
        for site in sites:
            site.end()


def relayed(gateway):
    """A tunnel to a site that is not opened, after the client's first words; its server speaks no TLS, and may."""
    tunnel = socket.create_connection(("127.0.0.1", gateway.proxy), 60)
    tunnel.sendall(b"CONNECT positive.test:443 HTTP/1.1\r\nHost: positive.test:443\r\n\r\n")
    assert head_of(tunnel).startswith(b"HTTP/1.1 200 ")
    hello, nothing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(nothing, hello, server_hostname="positive.test").do_handshake()
    tunnel.sendall(hello.read())
    return tunnel


def rest_of(connection):
    got = b""
    while data := connection.recv(65536):
        got += data
    return got


def replaced_under(gateway, sites, tmp_path, log):
    with started("run", "--config", str(gateway.file), folder=tmp_path, log=log) as run, Reader(gateway) as reader:
        (first,) = workers_of(run)
        page = http.client.HTTPConnection("127.0.0.1", gateway.proxy, timeout=60)
        page.request("GET", "http://positive.test/", headers={"Host": "positive.test"})
        answer = page.getresponse()
        tunnel = relayed(gateway)
        assert all(site.begun.wait(60) for site in sites)
        until(lambda: f"process {first} ends" in log.read_text(), 60)
        assert first in workers_of(run)
        before = reader.answers
        until(lambda: reader.answers > before + 20)
        for site in sites:
            site.release.set()
        assert rest_of(tunnel).endswith(b"helloworld")
        assert answer.read() == b"helloworld"
        tunnel.close()
        page.close()
        until(lambda: first not in workers_of(run))
        assert workers_of(run)
    assert reader.failed == []
    assert "ended (" not in log.read_text()


def test_a_successor_that_cannot_start_leaves_the_worker_where_it_is(tmp_path):
    gateway, log = Gateway(tmp_path), tmp_path / "log"
    short_lived(gateway)
    with started("run", "--config", str(gateway.file), folder=tmp_path, log=log) as run:
        (first,) = workers_of(run)
        gateway.file.write_text("nonsense = 1\n")
        until(lambda: "no other process became ready" in log.read_text())
        assert workers_of(run) == {first}
        asking = http.client.HTTPConnection("127.0.0.1", gateway.proxy, timeout=20)
        asking.request("GET", "http://gambling.test/", headers={"Host": "gambling.test"})
        assert asking.getresponse().status == 403
        asking.close()


def heard(listener, process, word):
    """The message with *word* that *process*, or one that it started, sends to systemd."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([listener], [], [], 0.2)[0]:
            message = listener.recv(4096).decode()
            if message.startswith(word):
                return message
    raise AssertionError(f"{word} was not said")


@contextlib.contextmanager
def none_left_of(gateway):
    """End every process of *gateway* at the end: a worker that lives for seconds replaces itself for ever."""
    try:
        yield
    finally:
        while pids := [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if names(path, gateway)]:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def names(path, gateway):
    """Whether the command line in the file *path* names *gateway*'s configuration; not one of a process that ended."""
    try:
        return str(gateway.file).encode() in path.read_bytes().split(b"\0")
    except OSError:
        return False


def test_under_systemd_a_worker_starts_its_successor_and_says_who_is_the_main_process(tmp_path):
    gateway = Gateway(tmp_path)
    short_lived(gateway)
    environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        command = [*COMMAND, "worker", "--config", str(gateway.file)]
        with (
            none_left_of(gateway),
            subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as worker,
        ):
            heard(listener, worker, "READY=1")
            told = heard(listener, worker, "MAINPID=")
            successor = int(told.removeprefix("MAINPID="))
            assert successor != worker.pid
            assert worker.wait(20) == 0
            with socket.create_connection(("127.0.0.1", gateway.worker), 5):
                pass
            os.kill(successor, signal.SIGTERM)
            with pytest.raises(ProcessLookupError):
                until(lambda: os.kill(successor, 0), 20)
