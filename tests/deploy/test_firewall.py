"""The firewall, by real packets: three network namespaces are a pupil, the gateway with the rules, and the internet."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RULES = Path(__file__).parents[2] / "deploy" / "nftables" / "schoolgate.nft"
NFT = shutil.which("nft", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
PUPIL, INTERNET = ("10.254.20.7", "fd00:20::7"), ("203.0.113.9", "2001:db8::9")
INSIDE, OUTSIDE = ("10.254.20.1", "fd00:20::1"), ("203.0.113.1", "2001:db8::1")
"""The gateway's addresses on the pupils' side and on the other."""
CLOSED = ("10.99.0.1", "fd00:99::1")
"""The closed address, which is in no network."""
OURS = {"dns": 5300, "proxy": 8080, "staff": 8600, "ssh": 22, "metrics": 9160, "other": 4000}
PAGE = (8090, 8490)
"""Where the page is served at the closed address."""

pytestmark = pytest.mark.skipif(not NFT or os.geteuid() != 0, reason="nft loads and checks rules as root only")

SERVE = """
import selectors, socket, sys
name, *ports = sys.argv[1:]
waiting = selectors.DefaultSelector()
for port in map(int, ports):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        made = socket.socket(socket.AF_INET6, kind)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("::", port))
        if kind == socket.SOCK_STREAM:
            made.listen()
        waiting.register(made, selectors.EVENT_READ, port)
print("ready", flush=True)
while True:
    for key, _ in waiting.select():
        if key.fileobj.type == socket.SOCK_STREAM:
            came, _ = key.fileobj.accept()
            came.sendall(name.encode())
            came.close()
        else:
            _, who = key.fileobj.recvfrom(100)
            key.fileobj.sendto(name.encode(), who)
        print(key.fileobj.type.name, key.data, flush=True)
"""
"""Answers with its name on each port over TCP and UDP, and prints what came."""

ASK = """
import socket, sys
for asked in sys.argv[1:]:
    kind, host, port = asked.split("/")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as asking:
        asking.settimeout(1.5)
        try:
            asking.connect((host, int(port)))
            if kind == "udp":
                asking.send(b"?")
            print(asking.recv(100).decode())
        except ConnectionRefusedError:
            print("refused")
        except TimeoutError:
            print("silence")
"""
"""Prints who answered each of its questions, such as udp/10.254.20.1/53."""


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


class Net:
    """The three namespaces, without rules until `load`."""

    def __init__(self):
        self.names = {place: f"sg-{place}-{os.getpid()}" for place in ("pupil", "gateway", "internet")}

    def inside(self, place, *command):
        return ["ip", "netns", "exec", self.names[place], *command]

    def wire(self):
        for place, name in self.names.items():
            subprocess.run(["ip", "netns", "add", name], check=True)
            self._set(place, "net/ipv6/conf/default/disable_ipv6", 0)
            self._set(place, "net/ipv6/conf/default/accept_dad", 0)  # or a new address is silent for a second or two
        self._cable("pupil", PUPIL, "lan0", INSIDE)
        for address in CLOSED:
            subprocess.run(self.inside("gateway", "ip", "addr", "add", address, "dev", "lo"), check=True)
        self._cable("internet", INTERNET, "wan0", OUTSIDE)
        for forwarding in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
            self._set("gateway", forwarding, 1)
        for limit in ("net/ipv4/icmp_ratelimit", "net/ipv6/icmp/ratelimit"):  # each refusal is to be heard here
            self._set("gateway", limit, 0)

    def _set(self, place, key, value):
        subprocess.run(self.inside(place, "sh", "-c", f"echo {value} >/proc/sys/{key}"), check=True)

    def _cable(self, place, theirs, interface, ours):
        far, gateway = self.names[place], self.names["gateway"]
        lines = [f"ip link add {interface} netns {gateway} type veth peer name eth0 netns {far}"]
        for name, device, addresses in ((gateway, interface, ours), (far, "eth0", theirs)):
            for address, bits in zip(addresses, (24, 64), strict=True):
                lines.append(f"ip -n {name} addr add {address}/{bits} dev {device}" + " nodad" * (bits == 64))
            lines += [f"ip -n {name} link set {device} up", f"ip -n {name} link set lo up"]
        lines += [f"ip -n {far} route add default via {address}" for address in ours]
        for line in lines:
            subprocess.run(line.split(), check=True)

    def load(self, folder):
        rules = folder / "rules.nft"
        rules.write_text(RULES.read_text().replace("10.20.0.0/16", "10.254.20.0/24"))
        subprocess.run(self.inside("gateway", NFT, "-f", str(rules)), check=True)

    @contextlib.contextmanager
    def serving(self, place, *ports):
        """Serve on *ports* of *place*; yields a list that has what came there once the context is left."""
        command = self.inside(place, sys.executable, "-c", SERVE, place, *map(str, ports))
        came = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout.readline() == "ready\n"
                yield came
            finally:
                process.terminate()
                came += process.stdout.read().splitlines()

    def ask(self, place, kind, host, ports):
        """Who answers *place* at each of *ports* of *host*: a name, "refused" or "silence"."""
        asked = run(*self.inside(place, sys.executable, "-c", ASK, *(f"{kind}/{host}/{port}" for port in ports)))
        return dict(zip(ports, asked.stdout.split(), strict=True))


@pytest.fixture
def net():
    made = Net()
    try:
        made.wire()
        yield made
    finally:
        for name in made.names.values():
            subprocess.run(["ip", "netns", "del", name], check=False)


def test_nft_accepts_the_firewall():
    checked = run(NFT, "-c", "-f", str(RULES))
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("version", [0, 1], ids=["IPv4", "IPv6"])
def test_pupils_reach_dns_and_the_proxy_on_the_gateway_and_nothing_else(net, tmp_path, version):
    net.load(tmp_path)
    with net.serving("gateway", *OURS.values()):
        for address in (INSIDE[version], OUTSIDE[version]):
            answered = net.ask("pupil", "tcp", address, OURS.values())
            assert {name for name, port in OURS.items() if answered[port] == "gateway"} == {"dns", "proxy"}
            assert {answered[port] for name, port in OURS.items() if name not in {"dns", "proxy"}} == {"refused"}
        assert net.ask("pupil", "udp", INSIDE[version], [5300, 4000]) == {5300: "gateway", 4000: "refused"}


@pytest.mark.parametrize("version", [0, 1], ids=["IPv4", "IPv6"])
def test_at_the_closed_address_there_is_the_page_and_nothing_else(net, tmp_path, version):
    net.load(tmp_path)
    with net.serving("gateway", *OURS.values(), *PAGE) as came:
        ports = (80, 443, *OURS.values())
        answered = net.ask("pupil", "tcp", CLOSED[version], ports)
        assert answered == dict.fromkeys(ports, "refused") | {80: "gateway", 443: "gateway"}
        assert net.ask("pupil", "tcp", INSIDE[version], (80, 443, *PAGE)) == dict.fromkeys((80, 443, *PAGE), "refused")
    assert came == ["SOCK_STREAM 8090", "SOCK_STREAM 8490"]


@pytest.mark.parametrize("version", [0, 1], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_what_a_pupil_sends_past_the_gateway_does_not_get_there(net, tmp_path, kind, version):
    """Another resolver's port leads to ours; QUIC, DNS over TLS, the web past the proxy and all else are refused."""
    ports, outside = (53, 443, 853, 80, 123, 4000), INTERNET[version]
    with net.serving("gateway", OURS["dns"]):
        with net.serving("internet", *ports) as came:
            assert net.ask("pupil", kind, outside, ports) == dict.fromkeys(ports, "internet"), "without the rules"
        assert len(came) == len(ports)
        net.load(tmp_path)
        with net.serving("internet", *ports) as came:
            assert net.ask("pupil", kind, outside, ports) == dict.fromkeys(ports, "refused") | {53: "gateway"}
        assert came == []


@pytest.mark.parametrize("version", [0, 1], ids=["IPv4", "IPv6"])
def test_the_internet_reaches_neither_the_gateway_nor_a_pupil(net, tmp_path, version):
    net.load(tmp_path)
    with net.serving("gateway", *OURS.values()), net.serving("pupil", OURS["other"]):
        ports = [OURS["dns"], OURS["proxy"], OURS["staff"]]
        assert net.ask("internet", "tcp", OUTSIDE[version], ports) == dict.fromkeys(ports, "silence")
        assert net.ask("internet", "tcp", PUPIL[version], [OURS["other"]]) == {OURS["other"]: "silence"}
