"""A school whose devices know of no proxy, in a network namespace: `python -m tests.support.transparent_school DIR`.

The firewall's rule is the gateway's own, for what this namespace itself sends: whatever goes to the invented internet
on a web port is turned to the front door. Prints, as one line of JSON, what each device met.
"""

import contextlib
import json
import socket
import ssl
import subprocess
import sys
from pathlib import Path

from cryptography import x509

from blocklists import snapshot
from blocklists.clients import Clients, Network
from proxy_addons.settings import PeekSettings
from tests.support.front_door import front_door
from tests.support.origin import Origin, tls_context
from tests.support.proxy_school import HOSTS, Nameserver, School

INTERNET = {"4": "198.51.100.9", "6": "2001:db8:51::9"}
"""Where the devices believe that every site is."""
DEVICES = {
    "ks2": {"4": "198.51.100.2", "6": "2001:db8:51::2"},
    "visitor": {"4": "198.51.100.5", "6": "2001:db8:51::5"},
}
HTTP, HTTPS = 8081, 8443

RULES = """
table inet transparent {{
    chain output {{
        type nat hook output priority -100; policy accept;
        ip daddr 198.51.100.9 tcp dport {{ 80, {plain} }} redirect to :8081
        ip daddr 198.51.100.9 tcp dport {{ 443, {secure} }} redirect to :8443
        ip6 daddr 2001:db8:51::9 tcp dport {{ 80, {plain} }} redirect to :8081
        ip6 daddr 2001:db8:51::9 tcp dport {{ 443, {secure} }} redirect to :8443
    }}
}}
"""


def main(folder: Path) -> dict[str, object]:
    """Set the namespace up, ask as each device, and say what each met."""
    _lay_wires()
    school = School(folder)
    networks = [Network(f"{a}/{32 if v == '4' else 128}", p) for p, both in DEVICES.items() for v, a in both.items()]
    snapshot.write(school.files.clients, Clients(tuple(networks)), version=2, written_ns=2)
    peek = PeekSettings(
        listen=("127.0.0.1:0",),
        transparent_http=(f"0.0.0.0:{HTTP}", f"[::]:{HTTP}"),
        transparent_tls=(f"0.0.0.0:{HTTPS}", f"[::]:{HTTPS}"),
    )
    with (
        Nameserver() as dns,
        Origin(tls_context(school.servers, *HOSTS)) as secure,
        Origin() as plain,
        front_door(school, school.settings(dns, secure.port, plain.port), peek=peek) as door,
    ):
        rules = RULES.format(plain=plain.port, secure=secure.port)
        subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
        met = {
            f"{profile} IPv{version}": _ask(school, address, INTERNET[version], secure, plain)
            for profile, both in DEVICES.items()
            for version, address in both.items()
        }
        met["direct"] = [_direct(port, "198.51.100.2") for port in (HTTP, HTTPS)]
        met["broken"] = door.metric("schoolgate_peek_broken_total")
        met["breaches"] = sorted({(b.profile, b.host) for b in school.breaches()})
        return met


def _lay_wires() -> None:
    """Give each device its address here, and a way that leads outside."""
    lines = [
        "ip link set lo up",
        "ip link add net0 type veth peer name net1",
        "ip link set net0 up",
        "ip link set net1 up",
    ]
    addresses = [address for both in DEVICES.values() for address in both.values()]
    lines += [f"ip addr add {a}/64 dev net0 nodad" if ":" in a else f"ip addr add {a}/24 dev net0" for a in addresses]
    for line in lines:
        subprocess.run(line.split(), check=True)


def _ask(school: School, source: str, target: str, secure: Origin, plain: Origin) -> dict[str, object]:
    """What a device at *source* meets when it goes to *target*, wherever it says that it goes."""
    said = {host: _issuer(school, source, (target, secure.port), host) for host in ("good.test", "unknown.test")}
    said |= {host: _issuer(school, source, (target, secure.port), host) for host in ("gambling.test", None)}
    pages = {host: _page(source, (target, plain.port), host) for host in ("good.test", "gambling.test")}
    ssh = _first(source, (target, secure.port), b"SSH-2.0-x\r\n")
    return {"tls": {str(host): what for host, what in said.items()}, "http": pages, "ssh": ssh}


def _issuer(school: School, source: str, target: tuple[str, int], host: str | None) -> str:
    context = school.trusting()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE if host is None else ssl.CERT_REQUIRED
    try:
        with (
            socket.create_connection(target, 60, (source, 0)) as raw,
            context.wrap_socket(raw, server_hostname=host) as t,
        ):
            t.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            status = t.recv(65536).split(b" ")[1].decode()
            shown = x509.load_der_x509_certificate(t.getpeercert(binary_form=True)).issuer.rfc4514_string()
            return f"{'the school' if 'Oak Lane' in shown else 'itself'} {status}"
    except ssl.SSLError as error:
        return error.reason or "closed"
    except OSError as error:
        return type(error).__name__


def _page(source: str, target: tuple[str, int], host: str) -> str:
    request = f"GET /page HTTP/1.1\r\nHost: {host}:{target[1]}\r\nSchoolgate-Client: 198.51.100.5 1 0 0\r\n\r\n"
    return _first(source, target, request.encode()).split(" ")[1]


def _first(source: str, target: tuple[str, int], data: bytes) -> str:
    """The first line of what comes back."""
    with socket.create_connection(target, 60, (source, 0)) as raw:
        raw.sendall(data)
        with contextlib.suppress(ConnectionResetError):
            return raw.recv(65536).decode("latin-1").partition("\r\n")[0]
        return ""


def _direct(port: int, address: str) -> str:
    """What comes back to a device that goes to the front door's own transparent port."""
    return _first(address, (address, port), b"GET / HTTP/1.1\r\nHost: good.test\r\n\r\n")


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))), flush=True)  # noqa: T201
