"""Killing processes in the middle of their work: what was answered is in the database, once."""

import contextlib
import http.client
import os
import re
import signal
import socket
import threading
import time
from collections import Counter

from tests.support.commands import children_of, started, until
from tests.support.dns_client import SERVFAIL
from tests.support.gateway import CLOSED_ADDRESS, Gateway, question

ASKED = 500
"""Questions by each of the two ways: a thousand names in all, each asked once."""


def client_of(name):
    """The address that asks for *name*: each asks for 50, as more than 60 a minute are counted onto one row (G26)."""
    return f"127.0.2.{int(re.sub('[^0-9]', '', name)) // 50 + 1}"


class NotDecidedYetError(Exception):
    """A process that has just started listens before it can decide, and says so."""


class Asker(threading.Thread):
    """Asks for each of *names* until it is decided, once, and keeps those that were answered with a block.

    Those in *cut* were closed without an answer and asked again: they may have been decided before.
    """

    def __init__(self, names, ask):
        super().__init__()
        self.names, self.ask, self.answered = names, ask, []
        self.cut = set()
        self.half_way = threading.Event()

    def run(self):
        for place, name in enumerate(self.names):
            if self.ask_once_it_decides(name):
                self.answered.append(name)
            if place == len(self.names) // 2:
                self.half_way.set()
        self.half_way.set()

    def ask_once_it_decides(self, name, seconds=60):
        """Whether *name* was blocked. A refused connection and SERVFAIL decided nothing, so it may be asked again."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                return self.ask(name)
            except (ConnectionRefusedError, NotDecidedYetError):
                time.sleep(0.05)
            except ConnectionResetError:  # http.client's RemoteDisconnected too: the front door has no worker
                self.cut.add(name)
                time.sleep(0.05)
            except (OSError, http.client.HTTPException):
                return False
        raise AssertionError("nobody decides any more")


def by_dns(gateway):
    def ask(name):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.5)
            sock.bind((client_of(name), 0))
            sock.connect(("127.0.0.1", gateway.dns))
            sock.send(question(name))
            answer = sock.recv(4096)
        if answer[3] & 0xF == SERVFAIL:
            raise NotDecidedYetError
        return socket.inet_aton(CLOSED_ADDRESS) in answer

    return ask


def by_proxy(gateway):
    def ask(name):
        connection = http.client.HTTPConnection(
            "127.0.0.1", gateway.proxy, timeout=5, source_address=(client_of(name), 0)
        )
        with contextlib.closing(connection):
            connection.request("GET", f"http://{name}/", headers={"Host": name})
            return connection.getresponse().status == http.HTTPStatus.FORBIDDEN

    return ask


def processes_of(run):
    """The pids of the processes that the supervisor *run* keeps, by what they are."""
    kinds = {"dns", "peek", "worker", "reporting"}
    return {kind: pid for pid, words in children_of(run.pid).items() for kind in kinds & set(words)}


def test_every_request_that_was_answered_is_in_the_database_once(tmp_path):
    dns_names = [f"dns{number}.test" for number in range(ASKED)]
    web_names = [f"web{number}.test" for number in range(ASKED)]
    gateway = Gateway(tmp_path, names=[*dns_names, *web_names])
    askers = {"dns": Asker(dns_names, by_dns(gateway)), "proxy": Asker(web_names, by_proxy(gateway))}
    with started("run", "--config", str(gateway.file), folder=tmp_path, log=tmp_path / "log") as run:
        for asker in askers.values():
            asker.start()
        first = processes_of(run)
        for asker, kind in ((askers["dns"], "dns"), (askers["proxy"], "worker")):
            asker.half_way.wait(120)
            os.kill(first[kind], signal.SIGKILL)
        os.kill(first["peek"], signal.SIGKILL)
        for asker in askers.values():
            asker.join(240)
        answered = {(source, name) for source, asker in askers.items() for name in asker.answered}
        recorded = wait_for_rows(gateway, answered)
        second = processes_of(run)
    assert first["dns"] != second["dns"], "the DNS process was started again"
    assert first["worker"] != second["worker"], "the worker was started again"
    assert first["peek"] != second["peek"], "the front door was started again"
    assert len(askers["dns"].answered) > ASKED * 0.9, "it went on answering after the kill"
    assert len(askers["proxy"].answered) > ASKED * 0.9, "it went on answering after the kill"
    assert answered <= recorded.keys(), f"lost: {sorted(answered - recorded.keys())[:5]}"
    cut = askers["dns"].cut | askers["proxy"].cut
    assert len(cut) < 5, "one was under way at each kill"
    assert not [key for key, count in recorded.items() if count > 1 and key[1] not in cut], (
        "a request is recorded twice"
    )
    assert recorded.keys() <= {*(("dns", n) for n in dns_names), *(("proxy", n) for n in web_names)}


def wait_for_rows(gateway, wanted, seconds=60):
    """How often each (source, host) is in the database, once all of *wanted* are there or the time is up."""
    recorded = Counter()

    def all_there():
        recorded.clear()
        recorded.update((source, host) for source, host, _ in gateway.breaches())
        return wanted <= recorded.keys()

    with contextlib.suppress(AssertionError):
        until(all_there, seconds)
    return recorded
