"""A relayed connection lasts no longer than what permitted it."""

import socket
import ssl
import time

from blocklists import snapshot
from blocklists.rulebook import Permit, Permits
from tests.support.origin import Origin, tls_context
from tests.support.proxy_school import HOSTS, Nameserver, Running, School, running, tunnel

SECOND = 1_000_000_000


def asked(connection: socket.socket, host: str) -> bytes:
    """The start of the answer; nothing if the connection was ended."""
    try:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        return connection.recv(65536)[:13]
    except OSError:
        return b""


def relayed(school: School, worker: Running, host: str, port: int) -> ssl.SSLSocket:
    raw, _ = worker.connect(host, port)
    made = tunnel(school, raw, host)
    made.settimeout(5)
    assert asked(made, host) == b"HTTP/1.1 200 "
    return made


def ended(connection: ssl.SSLSocket) -> bool:
    """Whether the other side ends *connection* while nobody asks anything."""
    try:
        while connection.recv(65536):
            pass  # what is left of the last answer
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def test_an_emergency_block_ends_what_is_relayed_and_nothing_else(school: School) -> None:
    with (
        Nameserver() as dns,
        Origin(tls_context(school.servers, *HOSTS)) as origin,
        running(school, school.settings(dns, origin.port)) as worker,
        relayed(school, worker, "good.test", origin.port) as good,
        relayed(school, worker, "help.test", origin.port) as other,
    ):
        assert worker.metric("schoolgate_proxy_spliced_total") == 2
        block = Permit(1, False, ("good.test",), time.time_ns() + 3600 * SECOND)
        snapshot.write(school.files.permits, Permits((block,)), version=2, written_ns=2)
        assert ended(good)
        assert asked(other, "help.test")


def test_what_a_pass_opened_ends_with_the_pass(school: School) -> None:
    leave = Permit(1, True, ("gambling.test",), time.time_ns() + 3 * SECOND, profiles=("ks2",))
    snapshot.write(school.files.permits, Permits((leave,)), version=2, written_ns=2)
    with (
        Nameserver() as dns,
        Origin(tls_context(school.servers, *HOSTS)) as origin,
        running(school, school.settings(dns, origin.port)) as worker,
        relayed(school, worker, "gambling.test", origin.port) as connection,
    ):
        assert worker.metric("schoolgate_proxy_spliced_total") == 1
        assert ended(connection)
