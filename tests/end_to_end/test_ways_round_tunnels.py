"""Ways round the filter in what a tunnel speaks: first bytes of other protocols, and handshakes that say too little."""

import socket
import ssl
import struct

import pytest

from tests.support.proxy_school import tunnel
from tests.support.ways import CONTENT, Street, exchange, hello, server_name, status

RANDOM = bytes((n * 151 + 89) % 256 for n in range(512))
"""What a stream cipher's first packet looks like, the same in each run."""

FIRST_BYTES = {
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "shadowsocks": RANDOM,
    "obfs4": RANDOM[100:] + RANDOM,
    "psiphon-obfuscated-ssh": RANDOM[7:31] + struct.pack(">I", 0x0BF5CA7E) + RANDOM[:64],
    "wireguard-handshake": b"\1\0\0\0" + RANDOM[:144],
    "warp-handshake": b"\1\0\0\0\0" + RANDOM[:143],
    "openvpn-over-tcp": struct.pack(">HB", 42, 0x38) + RANDOM[:41],
    "socks-4": b"\4\1\0\x50\x7f\0\0\1user\0",
    "socks-5": b"\5\1\0",
    "bittorrent": b"\x13BitTorrent protocol" + bytes(8) + RANDOM[:40],
    "dns-over-tcp": b"\0\x1d\0\1\1\0\0\1\0\0\0\0\0\0\x08gambling\4test\0\0\1\0\1",
    "quic-over-tcp": b"\xc0\0\0\0\1\x08" + RANDOM[:100],
    "dtls": b"\x16\xfe\xfd" + RANDOM[:60],
    "ssl-2-hello": b"\x80\x2e\1\0\2" + RANDOM[:43],
    "tls-application-data-at-once": b"\x17\3\3\0\x40" + RANDOM[:64],
    "tls-alert-at-once": b"\x15\3\3\0\2\1\0",
    "tls-that-is-none": b"\x16\3\1\0\x40" + RANDOM[:64],
    "nothing-but-noughts": bytes(64),
    "remote-desktop": b"\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\3\0\0\0",
    "mail": b"EHLO gambling.test\r\n",
    "irc": b"NICK a\r\nUSER a 0 * :a\r\n",
    "the-proxy-protocol": b"PROXY TCP4 127.0.0.4 127.0.0.1 1 443\r\nGET / HTTP/1.1\r\nHost: gambling.test\r\n\r\n",
    "h2-with-prior-knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "http-of-a-closed-site": b"GET / HTTP/1.1\r\nHost: gambling.test\r\n\r\n",
    "http-0-9": b"GET /\r\n",
}


@pytest.mark.parametrize("profile", ["ks2", "visitor"])
@pytest.mark.parametrize("first", FIRST_BYTES.values(), ids=FIRST_BYTES)
def test_a_tunnel_carries_nothing_but_the_web_of_its_own_site(way: Street, first: bytes, profile: str) -> None:
    raw, head = way.worker.connect("good.test", way.bare.port, profile)
    assert b" 200 " in head
    with raw:
        raw.sendall(first)
        raw.shutdown(socket.SHUT_WR)
        assert CONTENT not in exchange(raw, b"")
    assert not way.reached


def test_bytes_sent_together_with_the_connect_are_judged_like_later_ones(way: Street) -> None:
    port = way.bare.port
    connect = b"CONNECT good.test:%d HTTP/1.1\r\nHost: good.test:%d\r\n\r\n" % (port, port)
    for first in (FIRST_BYTES["ssh"], FIRST_BYTES["http-of-a-closed-site"], hello(server_name("gambling.test"))):
        assert CONTENT not in way.say(connect + first)
    assert not way.reached


def test_a_body_of_the_connect_itself_is_no_way(way: Street) -> None:
    port = way.bare.port
    connect = b"CONNECT good.test:%d HTTP/1.1\r\nHost: good.test:%d\r\nContent-Length: 21\r\n\r\n" % (port, port)
    assert CONTENT not in way.say(connect + FIRST_BYTES["ssh"])
    assert not way.reached


ECH = 0xFE0D, b"\0\0\1\0\1\x2a" + struct.pack(">H", 32) + RANDOM[:32] + struct.pack(">H", 144) + RANDOM[:144]
ESNI = 0xFFCE, b"\x13\1" + RANDOM[:200]
HELLOS = {
    "a-closed-name": hello(server_name("gambling.test")),
    "a-closed-name-in-capitals": hello(server_name("GAMBLING.Test")),
    "a-closed-name-with-a-dot": hello(server_name("gambling.test.")),
    "two-names-the-second-closed": hello(server_name("good.test", "gambling.test")),
    "two-extensions-the-second-closed": hello(server_name("good.test"), server_name("gambling.test")),
    "an-empty-name": hello(server_name("")),
    "a-nul-in-the-name": hello(server_name("good.test\0gambling.test")),
    "an-address-for-a-name": hello(server_name("127.0.0.1")),
    "a-name-with-a-port": hello(server_name("good.test:443")),
    "a-very-long-name": hello(server_name("a" * 300 + ".test")),
    "no-name": hello(),
    "an-encrypted-name-alone": hello(ECH),
    "an-older-encrypted-name-alone": hello(ESNI),
    "an-encrypted-name-beside-another-sites": hello(server_name("other.test"), ECH),
    "another-sites-name": hello(server_name("other.test")),
    "a-closed-name-in-records-of-one-byte": hello(server_name("gambling.test"), record=1),
    "a-closed-name-in-records-of-seven-bytes": hello(server_name("gambling.test"), record=7),
    "tls-1.0": hello(server_name("gambling.test"), version=b"\3\1"),
    "ssl-3": hello(server_name("gambling.test"), version=b"\3\0"),
}


@pytest.mark.parametrize("profile", ["ks2", "visitor"])
@pytest.mark.parametrize("first", HELLOS.values(), ids=HELLOS)
def test_a_handshake_that_is_not_plainly_for_the_tunnels_site_is_not_relayed(
    way: Street, first: bytes, profile: str
) -> None:
    raw, _ = way.worker.connect("good.test", way.bare.port, profile)
    with raw:
        exchange(raw, first)
    assert first[:60] not in way.bare.heard
    assert b"gambling" not in way.bare.heard.lower()


def test_a_handshake_cut_into_single_bytes_is_read_whole(way: Street) -> None:
    raw, _ = way.worker.connect("good.test", way.bare.port, "visitor")
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with raw:
        for byte in hello(server_name("gambling.test")):
            raw.sendall(bytes([byte]))
        assert CONTENT not in exchange(raw, b"")
    assert not way.reached


def opened(way: Street, host: str, sni: str | None, sent: bytes, port: int = 0) -> bytes:
    raw, head = way.worker.connect(host, port or way.secure.port)
    if b" 200 " not in head:
        return head
    with raw, tunnel(way.school, raw, sni) as connection:
        return exchange(connection, sent)


@pytest.mark.parametrize(
    ("host", "sni", "asked"),
    [
        ("good.test", "other.test", "gambling.test"),
        ("unknown.test", "unknown.test", "gambling.test"),
        ("unknown.test", None, "gambling.test"),
        ("gambling.test", "good.test", "good.test"),
        ("good.test", "gambling.test", "good.test"),
        ("unknown.test", "good.test", "unknown.test"),
    ],
    ids=["three-names", "fronting", "fronting-without-a-name", "closed-tunnel", "closed-name", "unknown-tunnel"],
)
def test_names_that_differ_open_nothing(way: Street, host: str, sni: str | None, asked: str) -> None:
    answer = opened(way, host, sni, f"GET / HTTP/1.1\r\nHost: {asked}\r\n\r\n".encode())
    assert status(answer) in ("403", "421")
    assert not way.secure.requests


def test_tls_on_the_port_of_plain_http_is_judged_like_any_other(way: Street) -> None:
    answer = opened(
        way, "gambling.test", "gambling.test", b"GET / HTTP/1.1\r\nHost: gambling.test\r\n\r\n", way.plain.port
    )
    assert status(answer) == "403"
    assert not way.reached


def test_a_server_with_a_certificate_of_its_own_making_is_not_shown(way: Street) -> None:
    """As Tor's and many VPN servers have; `localhost` is a name that the tests' certificate does not have."""
    answer = opened(way, "cloak.test", "cloak.test", b"GET / HTTP/1.1\r\nHost: cloak.test\r\n\r\n")
    assert CONTENT not in answer
    assert not way.secure.requests


def test_a_client_that_pins_its_own_servers_certificate_gets_no_tunnel(way: Street) -> None:
    """A Tor, Psiphon or VPN client with a name that nobody knows: it is opened, and does not take our certificate."""
    raw, _ = way.worker.connect("unknown.test", way.secure.port)
    context = ssl.create_default_context(cafile=str(way.school.folder / "servers.pem"))
    with raw, pytest.raises(ssl.SSLError):
        context.wrap_socket(raw, server_hostname="unknown.test")
    assert not way.secure.requests


def test_a_made_up_name_leads_nowhere_for_whom_nothing_is_opened(way: Street) -> None:
    """A tunnel goes where our own resolver says, so a name of nobody's gives no connection."""
    raw, _ = way.worker.connect("www.r7yq2kzv.test", way.secure.port, "visitor")
    with raw:
        assert exchange(raw, hello(server_name("www.r7yq2kzv.test"))) in (b"", b"\x15\3\3\0\2\2P")
    assert not way.reached


def test_the_name_of_a_known_site_leads_to_that_site_and_to_no_address_of_the_clients_choice(way: Street) -> None:
    port = way.secure.port
    answer = way.say(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: good.test:%d\r\n\r\n" % (port, port), "visitor")
    raw, _ = way.worker.connect("127.0.0.1", port, "visitor")
    with raw:
        exchange(raw, hello(server_name("good.test")))
    assert CONTENT not in answer
    assert not way.reached


def test_a_proxy_behind_an_unknown_name_carries_no_tunnel_of_its_own(way: Street) -> None:
    for sent in (
        b"CONNECT gambling.test:443 HTTP/1.1\r\nHost: gambling.test:443\r\n\r\n",
        b"CONNECT unknown.test:443 HTTP/1.1\r\nHost: unknown.test:443\r\n\r\n",
        b"GET http://gambling.test/ HTTP/1.1\r\nHost: gambling.test\r\n\r\n",
    ):
        assert CONTENT not in opened(way, "unknown.test", "unknown.test", sent)
    assert not way.secure.requests


@pytest.mark.parametrize("size", [0, 1, 517, 50_000])
def test_a_tunnel_in_which_little_is_said_reaches_nobody(way: Street, size: int) -> None:
    raw, _ = way.worker.connect("good.test", way.bare.port)
    with raw:
        raw.sendall(hello(server_name("good.test"), (21, bytes(60_000)))[:size])
        raw.shutdown(socket.SHUT_WR)
        exchange(raw, b"")
    assert not way.reached


def test_random_bytes_differ_from_everything_that_a_tunnel_may_carry() -> None:
    """So that these cases stay what they say: no first byte of theirs opens a TLS record or a request."""
    assert not RANDOM.startswith((b"\x16\3", b"GET"))
    assert len(set(RANDOM)) > 200
