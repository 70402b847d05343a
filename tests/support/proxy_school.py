"""A small school around a proxy worker: policy, lists, an authority, a nameserver, and the worker as a process.

`python -m tests.support.proxy_school FOLDER` is that process: it says where it listens, as one line of JSON.
"""

import asyncio
import datetime
import json
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dnslib
import msgspec
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from blocklists import sealed, snapshot
from blocklists.calendar import Calendar, Window
from blocklists.clients import Clients, Network
from blocklists.compile import Source, compile_lists
from blocklists.live import Files
from blocklists.profile import Code, Pages, Profile, Unknown, Unseen, Watch
from blocklists.rulebook import Category, ListUse, Role, Rulebook
from proxy_addons.settings import ProxySettings
from reporting.breach import Breach
from reporting.frames import read_frames
from reporting.journal import Journal
from reporting.recorder import Recorder
from tests.support.threaded import Threaded

ROOT = Path(__file__).resolve().parents[2]
SEED = bytes(32)
ADDRESSES = {
    "ks2": "127.0.0.1",
    "ks1": "127.0.0.2",
    "ks3": "127.0.0.3",
    "staff": "127.0.0.4",
    "visitor": "127.0.0.5",
    "ghost": "127.0.0.6",
    "nobody": "127.0.0.77",
}
"""A source address for each profile; "ghost" is a profile that the rulebook does not have."""

LISTS = {
    "gambling": ["gambling.test"],
    "harm": ["harm.test"],
    "games": ["games.test"],
    "adverts": ["adverts.test"],
    "positive": ["good.test", "wiki.test", "private.test", "nowhere.test"],
    "ks1": ["pictures.test"],
    "help": ["help.test"],
}
SEALED = [b"sealed.test", b"http://wiki.test/secret/page"]
HOSTS = (
    "good.test",
    "wiki.test",
    "unknown.test",
    "other.test",
    "gambling.test",
    "harm.test",
    "games.test",
    "adverts.test",
    "sealed.test",
    "pictures.test",
    "help.test",
)


def rulebook() -> Rulebook:
    """A rulebook with one category of each kind that a page speaks of."""
    columns = ("ks1", "ks2", "ks3", "staff", "visitor")

    def codes(pupils: Code, staff: Code) -> dict[str, Code]:
        return {c: staff if c == "staff" else pupils for c in columns}

    day = Window(datetime.time(8, 30), datetime.time(15, 30))
    return Rulebook(
        school="Oak Lane School",
        time_zone="Europe/London",
        calendar=Calendar(school_day=(day,)),
        profiles={
            "ks1": Profile("KS1", "ks1", Pages.KS1, approved_only=True, approved=("ks1",)),
            "ks2": Profile("KS2", "ks2", Pages.KS2, unknown=Unknown.SCAN),
            "ks3": Profile(
                "KS3",
                "ks3",
                Pages.SECONDARY,
                unknown=Unknown.SCAN,
                closed_downloads=("program", "archive"),
                closed_uploads=("program",),
                upload_mb=1,
                upload_hosts=("other.test",),
                scan_sockets=True,
            ),
            "staff": Profile(
                "Staff", "staff", Pages.STAFF, unknown=Unknown.OPEN, watch=Watch.STAFF, unseen=Unseen.OPEN
            ),
            "visitor": Profile(
                "Visitor",
                "visitor",
                Pages.SECONDARY,
                certificate=False,
                unknown=Unknown.OPEN,
                unknown_unopened=Unknown.OPEN,
                watch=Watch.NONE,
            ),
        },
        categories={
            "gambling": Category(
                "Gambling", "about betting or gambling", codes(Code.CLOSED, Code.CLOSED), alert="NOTE"
            ),
            "self_harm": Category(
                "Self-harm",
                "about something that could hurt you",
                codes(Code.LOCKED, Code.CLOSED),
                harm=True,
                theme="self-harm",
                alert="URGENT",
            ),
            "games": Category("Games", "for playing games", codes(Code.PASS, Code.OPEN)),
            "adverts": Category("Adverts", "an advert", codes(Code.QUIET, Code.QUIET)),
        },
        lists={
            "gambling": ListUse(Role.CATEGORY, "gambling"),
            "harm": ListUse(Role.CATEGORY, "self_harm"),
            "games": ListUse(Role.CATEGORY, "games"),
            "adverts": ListUse(Role.CATEGORY, "adverts"),
            "positive": ListUse(Role.POSITIVE),
            "ks1": ListUse(Role.APPROVED),
            "help": ListUse(Role.ALWAYS_OPEN),
        },
    )


class School:
    """The folder of a school, and what its worker needs."""

    def __init__(self, folder: Path) -> None:
        """Write policy, clients, lists, sealed lists and authority into *folder*."""
        self.folder = folder
        self.files = Files(folder / "state", folder / "keys", folder / "spool")
        for path in (self.files.state, self.files.keys, self.files.spool):
            path.mkdir()
        self.servers = trustme.CA()
        self.servers.cert_pem.write_to_path(str(folder / "servers.pem"))
        make_authority(self.ca, folder / "keys" / "ca.key")
        self.write_policy(rulebook())
        self.write_clients()
        self.write_lists()
        key = sealed.new_key(self.files.sealing_key)
        listed, _ = sealed.seal(SEALED, key)
        snapshot.write(self.files.sealed, sealed.SealedLists({"iwf": listed}), version=1, written_ns=1)

    @property
    def ca(self) -> Path:
        """The school's own certificate, which its devices carry."""
        return self.folder / "ca.pem"

    def write_policy(self, book: Rulebook, version: int = 1) -> None:
        """Put *book* in force."""
        snapshot.write(self.files.policy, book, version=version, written_ns=1)

    def write_clients(self) -> None:
        """Give each profile its source address."""
        networks = tuple(Network(f"{a}/32", p) for p, a in ADDRESSES.items() if p != "nobody")
        snapshot.write(self.files.clients, Clients(networks), version=1, written_ns=1)

    def write_lists(self) -> None:
        """Compile the lists."""
        sources = {}
        for name, hosts in LISTS.items():
            path = self.folder / f"{name}.txt"
            path.write_text("\n".join(hosts) + "\n")
            sources[name] = (Source(path),)
        compile_lists(sources, self.files.index, built_ns=1)

    def settings(self, dns: "Nameserver", *ports: int, **more: object) -> ProxySettings:
        """A worker's settings: any port of loopback, origins on *ports*."""
        given = {
            "listen": ("127.0.0.1:0",),
            "inner_dns": f"127.0.0.1:{dns.port}",
            "ca_certificate": str(self.ca),
            "ca_key": str(self.folder / "keys" / "ca.key"),
            "signer": str(self.folder / "signer.sock"),
            "upstream_ca": str(self.folder / "servers.pem"),
            "reachable_private": ("127.0.0.1/32",),
            "ports": (80, 443, *ports),
        }
        return ProxySettings(**given | more)

    def breaches(self) -> list[Breach]:
        """Every breach in every journal of the spool."""
        frames = (f for path in self.files.spool.glob("*.journal") for f in read_frames(path, 0))
        return [frame.record for frame in frames if isinstance(frame.record, Breach)]

    def trusting(self) -> ssl.SSLContext:
        """The TLS settings of a device of the school."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.load_verify_locations(str(self.folder / "servers.pem"))
        return context


def make_authority(certificate: Path, key: Path) -> None:
    """A P-256 authority such as a set-up makes."""
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Oak Lane School web filter")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=3))
        .not_valid_after(now + datetime.timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(secret.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(secret, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


class Nameserver(Threaded):
    """Answers A and AAAA over UDP and TCP from *zone*; a name that is not there does not exist.

    "=other.test" in the zone is an alias of a name on loopback, "!" says that a sealed list names it (RFC 8914, 16).
    About names under *hushed* it says nothing.
    """

    def __init__(self, zone: dict[str, list[str]] | None = None) -> None:
        """Every host of `HOSTS` is on loopback unless *zone* says otherwise."""
        self.zone = {host: ["127.0.0.1"] for host in HOSTS} | (zone or {})
        self.asked: list[str] = []
        self.silent = self.truncating = self.failing = False
        self.hushed = "hushed.test"
        self.port = 0

    async def _run(self, started: threading.Event) -> None:
        server, udp = await self._bound_alike()
        started.set()
        await self._stop.wait()
        udp.close()
        server.close()

    async def _bound_alike(self) -> tuple[asyncio.Server, asyncio.DatagramTransport]:
        """Both listeners at one port: the one that is free for TCP may be somebody's for UDP."""
        while True:
            server = await asyncio.start_server(self._over_tcp, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            try:
                udp, _ = await self._loop.create_datagram_endpoint(lambda: _Udp(self), ("127.0.0.1", self.port))
            except OSError:
                server.close()
            else:
                return server, udp

    async def _over_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2))
        answer = self.answer(await reader.readexactly(size)).pack()
        writer.write(len(answer).to_bytes(2) + answer)
        await writer.drain()
        writer.close()

    def answer(self, packet: bytes) -> dnslib.DNSRecord:
        """The answer to *packet*."""
        asked = dnslib.DNSRecord.parse(packet)
        name = str(asked.q.qname).removesuffix(".").lower()
        self.asked.append(name)
        reply = asked.reply()
        if self.failing:
            reply.header.rcode = dnslib.RCODE.SERVFAIL
            return reply
        if name not in self.zone:
            reply.header.rcode = dnslib.RCODE.NXDOMAIN
        if self.zone.get(name) == ["!"]:
            reply.header.rcode = dnslib.RCODE.NXDOMAIN
            reply.add_ar(dnslib.EDNS0(udp_len=1232, opts=[dnslib.EDNSOption(15, b"\0\x10blocked")]))
            return reply
        for address in self.zone.get(name, ()):
            if alias := address.removeprefix("=") if address.startswith("=") else "":
                reply.add_answer(*dnslib.RR.fromZone(f"{name}. 60 CNAME {alias}."))
                reply.add_answer(*dnslib.RR.fromZone(f"{alias}. 60 A 127.0.0.1"))
                continue
            kind = "AAAA" if ":" in address else "A"
            if asked.q.qtype == getattr(dnslib.QTYPE, kind):
                reply.add_answer(*dnslib.RR.fromZone(f"{name}. 60 {kind} {address}"))
        return reply


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, owner: Nameserver) -> None:
        self._owner = owner

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._owner.silent:
            return
        answer = self._owner.answer(data)
        if self._owner.asked[-1].endswith(self._owner.hushed):
            return
        if self._owner.truncating:
            answer = answer.truncate()
        self._transport.sendto(answer.pack(), addr)


class Running:
    """A worker process: where it listens, and what it uses."""

    def __init__(self, process: subprocess.Popen[str], told: dict[str, list[object]]) -> None:
        """Wrap a process that has said that it is ready."""
        self.process = process
        self.port = int(told["proxy"][1])
        self.metrics_port = int(told["metrics"][1])

    @property
    def url(self) -> str:
        """The proxy's URL."""
        return f"http://127.0.0.1:{self.port}"

    def memory(self, field: str = "VmRSS") -> int:
        """Bytes of memory, now (VmRSS) or at most (VmHWM)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(field))

    def reset_peak(self) -> int:
        """Make VmHWM start from now; returns the memory of now."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        return self.memory()

    def metrics(self) -> str:
        """The metrics as Prometheus reads them."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=60) as answer:
            return answer.read().decode()

    def metric(self, line: str) -> float:
        """The value on the line that opens with *line*."""
        return next(float(x.split()[-1]) for x in self.metrics().splitlines() if x.startswith(line + " "))

    def curl(self, *arguments: str, profile: str = "ks2", ca: Path | None = None, timeout: float = 30) -> str:
        """What curl prints (headers and body) when a device of *profile* asks through the proxy."""
        return self.curled(*arguments, profile=profile, ca=ca, timeout=timeout).stdout

    def curled(
        self, *arguments: str, profile: str = "ks2", ca: Path | None = None, timeout: float = 30
    ) -> subprocess.CompletedProcess[str]:
        """The finished curl."""
        trust = ["--cacert", str(ca)] if ca else []
        common = ["curl", "-sS", "-i", "--noproxy", "", "--interface", ADDRESSES[profile], "-x", self.url, *trust]
        return subprocess.run(
            [*common, *arguments], capture_output=True, encoding="utf-8", errors="replace", timeout=timeout, check=False
        )

    def connect(self, host: str, port: int, profile: str = "ks2") -> tuple[socket.socket, bytes]:
        """A connection after CONNECT, and the head of the proxy's answer."""
        made = socket.create_connection(("127.0.0.1", self.port), 60, (ADDRESSES[profile], 0))
        made.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        return made, head_of(made)

    def stop(self) -> int:
        """Ask it to end, and wait; returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def head_of(connection: socket.socket) -> bytes:
    """The head of an answer, read byte by byte so that nothing after it is lost."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            break
        head += byte
    return head


def tunnel(school: School, raw: socket.socket, sni: str | None, alpn: tuple[str, ...] = ("http/1.1",)) -> ssl.SSLSocket:
    """TLS inside a tunnel with any *sni*, which is not compared with the certificate."""
    context = school.trusting()
    context.check_hostname = False
    context.set_alpn_protocols(list(alpn))
    return context.wrap_socket(raw, server_hostname=sni)


@contextmanager
def running(school: School, settings: ProxySettings, *, instance: int = 0, heavy: str = "") -> Iterator[Running]:
    """A worker of *school* in a process of its own, for as long as the context lasts.

    Of what is said over WebSockets *heavy* weighs 100, or without it what the phrases say.
    """
    config = school.folder / f"worker-{instance}.json"
    config.write_bytes(msgspec.json.encode(settings))
    command = [
        sys.executable,
        "-m",
        "tests.support.proxy_school",
        str(school.folder),
        str(config),
        str(instance),
        heavy,
    ]
    with (school.folder / f"worker-{instance}.log").open("a") as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            line = process.stdout.readline()
            assert line, (school.folder / f"worker-{instance}.log").read_text()
            yield Running(process, json.loads(line))
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(60)
            process.stdout.close()


async def _worker(folder: Path, settings: ProxySettings, instance: int, heavy: str) -> None:
    from blocklists.score import Score
    from proxy_addons import signer
    from proxy_addons.worker import serve

    def scan(text: str) -> Score:
        return Score(100 if heavy in text else 0)

    files = Files(folder / "state", folder / "keys", folder / "spool")
    journal = Journal.open(files.spool, site="oak", kind="proxy", instance=instance, seed=SEED)
    recorder, task = Recorder(journal), asyncio.current_task()
    recording = asyncio.create_task(recorder.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    signing = asyncio.create_task(signer.serve(settings, files, ready=lambda _: None)) if instance == 0 else None
    try:
        await serve(
            settings,
            files,
            recorder,
            instance=instance,
            metrics=("127.0.0.1", 0),
            ready=lambda told: print(json.dumps(told), flush=True),  # noqa: T201
            scan=scan if heavy else None,
            status=folder / "status" / f"refusals-{instance}.json",
        )
    except asyncio.CancelledError:
        pass
    finally:
        kept = [task for task in (recording, signing) if task]
        for one in kept:
            one.cancel()
        await asyncio.gather(*kept, return_exceptions=True)
        journal.close()


if __name__ == "__main__":
    logging.basicConfig(level=os.environ.get("LEVEL", "INFO"))
    told = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=ProxySettings)
    asyncio.run(_worker(Path(sys.argv[1]), told, int(sys.argv[3]), "".join(sys.argv[4:])))
