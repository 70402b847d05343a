"""What every part measures on: a school, web servers with pages of 4 and 100 KB, and who asks.

The subject has one core; nginx, the nameserver, the server that sends without end (flow.c) and the asking program
(load.c) have the other.
"""

import contextlib
import functools
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.bench.dns.server import running
from tests.bench.dns.stage import LOAD_CORE, free_port, on
from tests.bench.proxy.gateway import Gateway
from tests.support.proxy_school import Nameserver, head_of
from tests.support.ways import ShippedSchool

OPENED, RELAYED, MANY, CLOSED = "unknown.test", "good.test", "h%d.unknown.test", "gambling.test"
"""A site that is opened and scanned, one that is relayed, any number that are opened, and one that is closed."""
PEERS_NAME = "localhost"
"""What the site is called for programs that ask the machine's own resolver."""
ON_443 = "127.0.0.97"
"""An address where the site has port 443, for programs that open no other; if it cannot be had, they are left out."""
PAGES = {"4": 4_096, "100": 102_400}
"""KB and bytes."""
DIFFERENT = 2_048
"""Pages of each size that are told apart by a number (`load.c`): twice as many as a worker remembers."""
NAMES = 20_000
HTTPS = 443
_TEXT = "the lesson today is about rivers and how water moves stones sand and mud from the hills to the sea while "
_WORDS = _TEXT.split()


class Asked(NamedTuple):
    """What the asking program says: requests and bytes in *seconds*, and the time of one (us).

    *failed* have no answer; *closed* are connections that the other side ended between two requests.
    """

    count: int
    bytes: int
    seconds: float
    p50: int
    p95: int
    failed: int
    closed: int


class Stage:
    """The place of one run; *seconds* and *rounds* of each measurement; *peers* to be measured, all if empty."""

    def __init__(self, folder: Path, *, seconds: float, rounds: int, peers: list[str]) -> None:
        """Write the pages, make the school, and compile the asking program."""
        self.folder, self.seconds, self.rounds, self.peers = folder, seconds, rounds, peers
        folder.chmod(0o755)  # squid and nginx's workers run as users of their own
        self.requests, self.hosts = 500_000, 10_000
        self.kept: dict[str, object] = {}
        (folder / "school").mkdir()
        self.school = ShippedSchool(folder / "school")
        self.plain, self.secure, self.endless = free_port(), free_port(), free_port()
        for name, libraries in (("load", ("-lssl", "-lcrypto")), ("flow", ())):
            source = Path(__file__).with_name(f"{name}.c")
            subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", "-o", folder / name, source, *libraries], check=True)
        self._pages = folder / "pages"
        self._pages.mkdir(mode=0o755)
        for name, size in PAGES.items():
            (self._pages / f"{name}.html").write_bytes(page(size))
            for number in range(DIFFERENT):
                (self._pages / f"{name}-{number}.html").write_bytes(page(size, f"<p>{number:06d}\n"))

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """The web servers and the nameserver answer."""
        names = {MANY % n: ["127.0.0.1"] for n in range(NAMES)}
        endless = [str(self.folder / "flow"), str(self.endless)]
        with (
            Nameserver(names) as self.names,
            running(self._nginx(), self.folder / "nginx.log", LOAD_CORE),
            running(endless, self.folder / "flow.log", LOAD_CORE),
        ):
            yield

    @functools.cached_property
    def gateway(self) -> Gateway:
        """The school with a front door."""
        trust, web = self.school.folder / "servers.pem", (self.plain, self.secure, self.endless)
        return Gateway(self.folder / "gateway", upstream=self.names.port, web=web, trust=trust)

    def _nginx(self) -> list[str]:
        given = self.school.servers.issue_cert(OPENED, f"*.{OPENED}", RELAYED, PEERS_NAME, ON_443)
        certificate, key = self.folder / "site.pem", self.folder / "site.key"
        certificate.write_bytes(b"".join(part.bytes() for part in given.cert_chain_pems))
        key.write_bytes(given.private_key_pem.bytes())
        more = f"listen {ON_443}:{HTTPS} ssl;" if _can_have(ON_443, HTTPS) else ""
        file = self.folder / "nginx.conf"
        file.write_text(
            f"""daemon off;
worker_processes 1;
error_log stderr crit;
pid {self.folder}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600;
  default_type text/html;
  sendfile on;
  client_body_temp_path {self.folder}/nginx-body;
  server {{
    listen 127.0.0.1:{self.plain};
    listen {ON_443}:{self.plain};
    listen 127.0.0.1:{self.secure} ssl;
    {more}
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    root {self._pages};
  }}
}}
"""
        )
        return [shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx", "-c", str(file), "-p", str(self.folder)]

    def ask(
        self,
        mode: str,
        proxy: int,
        host: str,
        page: str,
        *,
        processes: int = 8,
        seconds: float | None = None,
        count: int = 0,
        status: int = 200,
        first: int = 0,
    ) -> Asked:
        """What the asking program found in *mode* (`load.c`); RuntimeError if it got nothing at all.

        It ends after *count* requests, if that is not 0, or *seconds*. Hosts with a number begin at *first*.
        """
        port = {"plain": self.plain, "flow": self.endless}.get(mode, self.port_of(host))
        given = [mode, proxy, host, port, f"/{page}", processes, seconds or self.seconds, count, status, first]
        said = subprocess.run(
            [self.folder / "load", *map(str, given)], capture_output=True, check=True, **on(LOAD_CORE)
        )
        came, size, took, *rest = said.stdout.split()
        found = Asked(int(came), int(size), float(took), *map(int, rest))
        if not found.count:
            raise RuntimeError(f"no answer in mode {mode} from {host}, {found.failed} failed")
        return found

    def port_of(self, host: str) -> int:
        """Where *host* speaks TLS."""
        return HTTPS if host == ON_443 else self.secure

    def is_opened(self, proxy: int, host: str) -> bool:
        """Whether the proxy at port *proxy* opens a connection to *host*: whoever comes sees another certificate."""
        lenient = ssl.create_default_context()
        lenient.check_hostname, lenient.verify_mode = False, ssl.CERT_NONE
        asked = f"{host}:{self.port_of(host)}"
        with socket.create_connection(("127.0.0.1", proxy), 20) as raw:
            raw.sendall(f"CONNECT {asked} HTTP/1.1\r\nHost: {asked}\r\n\r\n".encode())
            head_of(raw)
            with contextlib.suppress(OSError), lenient.wrap_socket(raw, server_hostname=host) as tunnel:
                shown = ssl.DER_cert_to_PEM_cert(tunnel.getpeercert(binary_form=True) or b"")
                return shown not in (self.folder / "site.pem").read_text()
        return False

    @contextlib.contextmanager
    def holding(self, proxy: int, host: str, count: int) -> Iterator[int]:
        """*count* tunnels with TLS are open, a hundred from each client's address; gives how many really are."""
        given = ["hold", proxy, host, self.port_of(host), "/4.html", count, 0, 0, 200, 0]
        with subprocess.Popen(
            [self.folder / "load", *map(str, given)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **on(LOAD_CORE)
        ) as asking:
            assert asking.stdin
            assert asking.stdout
            yield int(asking.stdout.readline().split()[1])
            asking.stdin.close()


def _can_have(address: str, port: int) -> bool:
    with socket.socket() as tried, contextlib.suppress(OSError):
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind((address, port))
        return True
    return False


def page(size: int, begins: str = "") -> bytes:
    """A page of *size* bytes with words in paragraphs, as a reader would see it; *begins* comes before them."""
    head, text = f"<!doctype html><html><head><title>Rivers</title></head><body>\n{begins}", ""
    while len(head) + len(text) < size:
        start = len(text) % len(_WORDS)
        text += f"<p class=a>{' '.join(_WORDS[start:] + _WORDS[:start])}.</p>\n"
    return (head + text).encode()[:size]
