"""What a relayed connection costs the front door: CPU for a new one, how fast it carries, what a held one keeps.

    python -m tests.bench.splice [--connections 3000] [--held 2000] [--gigabytes 4]

The front door has one core, all else the other. A connection is CONNECT, a ClientHello of 517 bytes, one answer and the
end; the server behind answers without TLS, as what is relayed is not looked at. CPU is the front door's own, user and
system; the added delay is CONNECT to answer less the same without a proxy. Held connections come from several
addresses, as one client may have 256. Prints a table and writes build/bench/splice.json. The machine is noisy.
"""

import argparse
import contextlib
import os
import resource
import selectors
import socket
import ssl
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from blocklists import snapshot
from blocklists.clients import Clients, Network
from tests.bench.report import Row, say, write
from tests.support.front_door import Door, front_door
from tests.support.proxy_school import Nameserver, School

ANSWER = b"answer" * 20
PIECE = 1_000_000
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=3000)
    parser.add_argument("--held", type=int, default=2000)
    parser.add_argument("--gigabytes", type=int, default=4)
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # what is started here inherits it
    with tempfile.TemporaryDirectory(prefix="schoolgate-bench-") as folder:
        school = School(Path(folder))
        snapshot.write(school.files.clients, Clients((Network("127.0.0.0/8", "ks2"),)), version=2, written_ns=2)
        with _server() as port, Nameserver() as dns, front_door(school, school.settings(dns, port)) as door:
            _apart(door)
            rows = [
                *_new(door, port, options.connections),
                *_bulk(door, port, options.gigabytes),
                *_held(door, port, options.held),
            ]
    for row in rows:
        say(f"{row.what:44} {row.value:10.3f} {row.unit}")
    write("splice", rows, {}, {"connections": options.connections, "held": options.held})


def _apart(door: Door) -> None:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(door.process.pid, cores[:1])
    for pid in (os.getpid(), door.worker.process.pid):
        os.sched_setaffinity(pid, cores[1:] or cores)
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores[1:] or cores)


@contextlib.contextmanager
def _server() -> Iterator[int]:
    """A server in a process of its own: it answers each hello, and sends without end to who says so."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    port = listener.getsockname()[1]
    child = os.fork()
    if child == 0:
        _answer(listener)
        os._exit(0)
    listener.close()
    try:
        yield port
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def _answer(listener: socket.socket) -> None:
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is listener:
                waiting.register(listener.accept()[0], selectors.EVENT_READ)
                continue
            heard = key.fileobj.recv(65_536)
            if not heard:
                waiting.unregister(key.fileobj)
                key.fileobj.close()
            elif heard.endswith(b"flow"):
                waiting.unregister(key.fileobj)
                threading.Thread(target=_flow, args=(key.fileobj,), daemon=True).start()
            else:
                key.fileobj.send(ANSWER)


def _flow(sock: socket.socket) -> None:
    piece = bytes(PIECE)
    with contextlib.suppress(OSError):
        while True:
            sock.sendall(piece)


def _hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="good.test").do_handshake()
    return outgoing.read()


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _through(door: Door, port: int, hello: bytes, source: str = "127.0.0.1") -> socket.socket:
    """A connection that is relayed, after its first answer."""
    made = socket.create_connection(("127.0.0.1", door.port), 20, (source, 0))
    made.sendall(f"CONNECT good.test:{port} HTTP/1.1\r\nHost: good.test:{port}\r\n\r\n".encode())
    assert made.recv(4096).startswith(b"HTTP/1.1 200")
    made.sendall(hello)
    assert made.recv(4096) == ANSWER
    return made


def _directly(port: int, hello: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as made:
        made.sendall(hello)
        assert made.recv(4096) == ANSWER


def _new(door: Door, port: int, count: int) -> list[Row]:
    hello, pid = _hello(), door.process.pid
    for _ in range(200):
        _through(door, port, hello).close()
    before, began, delays = _cpu(pid), time.perf_counter(), []
    for _ in range(count):
        started = time.perf_counter()
        made = _through(door, port, hello)
        delays.append(time.perf_counter() - started)
        made.close()
    lasted, used = time.perf_counter() - began, _cpu(pid) - before
    direct = []
    for _ in range(count):
        started = time.perf_counter()
        _directly(port, hello)
        direct.append(time.perf_counter() - started)
    added = [1000 * (a - statistics.median(direct)) for a in sorted(delays)]
    return [
        Row("CPU of a new connection", 1000 * used / count, "ms"),
        Row("new connections a second, one at a time", count / lasted, "1/s"),
        Row("added delay, half of them", added[count // 2], "ms"),
        Row("added delay, 95 of 100", added[count * 95 // 100], "ms"),
    ]


def _bulk(door: Door, port: int, gigabytes: int) -> list[Row]:
    pid, wanted, received = door.process.pid, gigabytes * 10**9, 0
    made, room = _through(door, port, _hello()), bytearray(PIECE)
    made.sendall(b"flow")
    before, began = _cpu(pid), time.perf_counter()
    while received < wanted:
        received += made.recv_into(room)
    lasted, used = time.perf_counter() - began, _cpu(pid) - before
    made.close()
    return [
        Row("carried", 8 * received / lasted / 1e9, "Gbit/s"),
        Row("carried for a second of its CPU", 8 * received / used / 1e9, "Gbit/s"),
    ]


def _held(door: Door, port: int, count: int) -> list[Row]:
    hello = _hello()
    warm = [_through(door, port, hello, "127.0.3.1") for _ in range(200)]
    before = door.memory()
    held = [_through(door, port, hello, f"127.0.4.{1 + number // 200}") for number in range(count)]
    after = door.memory()
    for one in (*warm, *held):
        one.close()
    return [Row("memory of a held connection", (after - before) / count / 1024, "KB")]


if __name__ == "__main__":
    main()
