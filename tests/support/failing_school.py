"""A school whose parts a test takes away while pupils ask: each process by itself, small disks, and web sites.

Each question is for a name of its own, asked once, so that what was answered can be looked for in the database.
"""

import collections
import contextlib
import http.client
import itertools
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

from deploy.certificates import Authority
from dns_filter.practice import WILDCARD, NameServer
from tests.support.commands import free_ports, started
from tests.support.gateway import WEB_SITES, Gateway
from tests.support.threaded import Threaded

ASKED = 3000
"""Names of each way, all on a list that closes them."""
EACH = 50
"""Names that one address asks for: more than 60 a minute are counted onto one row (G26)."""
CONTENT = "a page from the internet"
LONG_PATH = "/" + "long" * 200
"""A record with it takes about 1 kB: a few hundred fill what a journal has reserved."""
DISKS = {"spool": 4, "state": 4, "database": 32}
"""Folders on disks of their own, and the megabytes that each has left; SQLite's log alone takes some."""
PAUSE = 0.05
"""Seconds between two questions of a way: the machine has other work too."""
PARTS = ("signer", "dns", "worker", "peek", "reporting")


class NoDiskError(Exception):
    """This machine lets nobody mount a file system."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    asked: set[str]

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that leaves is part of the tests


class _Answers(BaseHTTPRequestHandler):
    """Answers for every name, and remembers which were asked for."""

    def do_GET(self) -> None:
        self.server.asked.add(self.headers["host"].partition(":")[0])
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(f"<!doctype html><title>{CONTENT}</title>".encode())

    def log_message(self, *arguments: object) -> None:
        pass


class _Names(Threaded):
    """A nameserver at *port* that leads every name to the web sites."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def _run(self, started: threading.Event) -> None:
        async with NameServer({WILDCARD: [WEB_SITES]}, ("127.0.0.1", self._port)):
            started.set()
            await self._stop.wait()


@contextlib.contextmanager
def web_sites(folder: Path, plain: int, secure: int) -> Iterator[set[str]]:
    """A web server behind every name, at two ports; the hosts that it was asked for."""
    authority = Authority.read(folder / "ca.crt", folder / "ca.key")
    chain = folder / "failing.pem"
    chain.write_bytes(authority.leaf(["positive.test", "*.positive.test"]))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(chain)
    asked: set[str] = set()
    with contextlib.ExitStack() as stack:
        for port in (plain, secure):
            server = stack.enter_context(_Server((WEB_SITES, port), _Answers))
            server.asked = asked
            if port == secure:
                server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
            thread.start()
            stack.callback(thread.join, 5)
            stack.callback(server.shutdown)
        yield asked


@contextlib.contextmanager
def small_disk(folder: Path, room: int) -> Iterator[None]:
    """*folder*, with what is in it, on a file system of its own that has *room* MB left."""
    size = sum(file.stat().st_size for file in folder.rglob("*") if not file.is_symlink())
    before = folder.rename(folder.with_name(f"{folder.name}-before"))
    folder.mkdir()
    options = f"size={size // 1024 + room * 1024}k,mode=700"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=False).returncode:
        raise NoDiskError
    try:
        shutil.copytree(before, folder, symlinks=True, dirs_exist_ok=True)
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@dataclass
class Way:
    """How pupils ask for closed names, and what became of each: `answered` with a refusal, `closed`, or `through`."""

    name: str
    network: str
    ask: Callable[[str, str], str]
    became: dict[str, str] = field(default_factory=dict)
    _places: Iterator[int] = field(default_factory=lambda: iter(range(ASKED)))

    def ask_next(self) -> None:
        place = next(self._places)
        host = f"{self.name}{place}.test"
        self.became[host] = _outcome(lambda: self.ask(host, f"{self.network}{place // EACH + 1}"))

    def having(self, outcome: str) -> set[str]:
        return {host for host, what in list(self.became.items()) if what == outcome}


def _outcome(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except (OSError, http.client.HTTPException):
        return "closed"


class School:
    """A gateway, its processes and its web sites; made by `school`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = [f"{way}{number}.test" for way in ("page", "tunnel", "opened") for number in range(ASKED)]
        self.gateway = Gateway(folder, names=names)
        self.plain, self.secure = free_ports(2)
        text = self.gateway.file.read_text()
        self.gateway.file.write_text(text.replace("\n[proxy]\n", f"\n[proxy]\nports = [{self.plain}, {self.secure}]\n"))
        self.asked: set[str] = set()
        self._running: dict[str, contextlib.ExitStack] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._open = itertools.count()
        self.ways = (
            Way("page", "127.0.2.", self._page),
            Way("tunnel", "127.0.10.", self._tunnel),
            Way("opened", "127.0.4.", self._opened),
        )

    def place(self, name: str) -> Path:
        """A folder of the school."""
        return self.gateway.folder / name

    def start(self, part: str) -> None:
        """Start *part* and wait until it is ready."""
        words = (part, "--config", str(self.gateway.file))
        self._running[part] = stack = contextlib.ExitStack()
        log = self.folder / f"{part}.log"
        self._processes[part] = stack.enter_context(started(*words, folder=self.folder, log=log))

    def kill(self, part: str) -> None:
        """End *part* as a crash does."""
        self._processes[part].kill()
        self._processes[part].wait(60)
        self._running.pop(part).close()

    def stop(self) -> None:
        """End all parts that run, those that write first."""
        for part in reversed(PARTS):
            if part in self._running:
                self._running.pop(part).close()

    # What pupils do

    def open_page(self) -> str:
        """What comes of a known site that nobody asked for before: its page, a page of ours, or a closed connection."""
        number = next(self._open)
        host = f"s{number}.positive.test"
        if number % 2:
            return _outcome(lambda: self._of(self._asking("127.0.2.250"), f"http://{host}:{self.plain}/", host))
        return _outcome(lambda: self._in_tunnel(host, "127.0.2.251"))

    def _asking(self, source: str) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.gateway.proxy, timeout=20, source_address=(source, 0))

    def _page(self, host: str, source: str) -> str:
        return self._of(self._asking(source), f"http://{host}:{self.plain}{LONG_PATH}", host)

    def _tunnel(self, host: str, source: str) -> str:
        with contextlib.closing(self._asking(source)) as asking:
            asking.request("CONNECT", f"{host}:{self.secure}", headers={"Host": host})
            answer = asking.getresponse()
            return "through" if answer.status == http.HTTPStatus.OK else _told(answer)

    def _opened(self, host: str, source: str) -> str:
        return self._in_tunnel(host, source)

    def _in_tunnel(self, host: str, source: str) -> str:
        """What comes over TLS in a tunnel; whoever's certificate it is, as it is what comes that counts."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        asking = http.client.HTTPSConnection(
            "127.0.0.1", self.gateway.proxy, context=context, timeout=20, source_address=(source, 0)
        )
        asking.set_tunnel(host, self.secure)
        return self._of(asking, "/", host)

    def _of(self, asking: http.client.HTTPConnection, target: str, host: str) -> str:
        with contextlib.closing(asking):
            asking.request("GET", target, headers={"Host": host})
            return _told(asking.getresponse())


def _told(answer: http.client.HTTPResponse) -> str:
    if CONTENT in answer.read().decode(errors="replace"):
        return "through"
    return "answered" if answer.status == http.HTTPStatus.FORBIDDEN else "trouble"


@contextlib.contextmanager
def school(folder: Path) -> Iterator[School]:
    """All of it, running, on small disks."""
    made = School(folder)
    with contextlib.ExitStack() as stack:
        for name, room in DISKS.items():
            made.place(name).mkdir(exist_ok=True)
            stack.enter_context(small_disk(made.place(name), room))
        made.asked = stack.enter_context(web_sites(made.gateway.websites, made.plain, made.secure))
        stack.enter_context(_Names(made.gateway.upstream))
        stack.callback(made.stop)
        for part in PARTS:
            made.start(part)
        yield made


class Traffic:
    """Pupils who ask without a pause, each way for itself, for as long as the context lasts."""

    def __init__(self, at: School) -> None:
        self._school = at
        at.asked.clear()
        for way in at.ways:
            way.became.clear()
        self.open: collections.Counter[str] = collections.Counter()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._go_on, args=(way.ask_next,)) for way in at.ways]
        self._threads.append(threading.Thread(target=self._go_on, args=(self._open_page,)))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(30)

    def _go_on(self, ask: Callable[[], None]) -> None:
        while not self._ended.wait(PAUSE):
            ask()

    def _open_page(self) -> None:
        self.open[self._school.open_page()] += 1
