"""Ways round the filter that are places of their own: proxies, caches, translators, remote browsers, resolvers.

Each is closed by the shipped policy and lists at both doors: by a real DNS worker, and by a real proxy worker.
"""

import asyncio
import struct

import pytest
from dnslib import QTYPE, RCODE

from tests.support.dns_client import ask, exchange
from tests.support.ways import Street, status

PLACES = {
    "google-translates-a-site": "www-gambling-test.translate.goog",
    "bing-translates-a-site": "www.translatetheweb.com",
    "microsoft-translates-a-site": "www.microsofttranslator.com",
    "yandex-translates-a-site": "translated.turbopages.org",
    "googles-cache": "webcache.googleusercontent.com",
    "bings-cache": "cc.bingj.com",
    "the-wayback-machine": "web.archive.org",
    "archive-today": "archive.ph",
    "a-paywall-ladder": "12ft.io",
    "a-web-proxy": "www.croxyproxy.com",
    "another-web-proxy": "www.proxysite.com",
    "a-proxy-for-scripts": "corsproxy.io",
    "another-proxy-for-scripts": "api.allorigins.win",
    "a-scripts-proxy-on-heroku": "cors-anywhere.herokuapp.com",
    "a-remote-browser": "www.browserling.com",
    "a-shared-remote-browser": "hyperbeam.com",
    "puffins-remote-browser": "www.cloudmosa.com",
    "googles-remote-desktop": "remotedesktop.google.com",
    "anydesk": "anydesk.com",
    "parsec": "parsec.app",
    "a-tunnel-home": "abc.ngrok-free.app",
    "another-tunnel-home": "a-b-c.trycloudflare.com",
    "a-third-tunnel-home": "abc.loca.lt",
    "a-development-tunnel": "abc-8080.uks1.devtunnels.ms",
    "a-workspace-with-a-proxy": "abc-8080.app.github.dev",
    "a-page-of-anybodys": "unblocked-games-abc.glitch.me",
    "a-programme-of-anybodys": "abc.replit.dev",
    "a-worker-at-the-edge": "proxy.abc.workers.dev",
    "tor": "www.torproject.org",
    "tor-by-a-gateway": "abc.onion.ly",
    "tors-bridges-by-snowflake": "snowflake-broker.torproject.net",
    "psiphon": "psiphon.ca",
    "lantern": "getlantern.org",
    "ultrasurf": "ultrasurf.us",
    "warp": "engage.cloudflareclient.com",
    "operas-vpn": "api.sec-tunnel.com",
    "a-vpn": "nordvpn.com",
    "a-free-vpn": "protonvpn.com",
    "hola": "client.hola.org",
    "a-schools-unblocker": "holyunblocker.net",
    "googles-resolver": "dns.google",
    "cloudflares-resolver": "mozilla.cloudflare-dns.com",
    "cloudflares-resolver-by-another-name": "chrome.cloudflare-dns.com",
    "quad9s-resolver": "dns.quad9.net",
    "opendnss-resolver": "doh.opendns.com",
    "nextdnss-resolver": "abc123.dns.nextdns.io",
    "apples-resolver": "doh.dns.apple.com",
    "a-front-end-for-video": "yewtu.be",
    "a-front-end-for-social-media": "nitter.net",
}


@pytest.mark.parametrize("name", PLACES.values(), ids=PLACES)
def test_the_proxy_opens_no_tunnel_of_a_pupil_to_a_place_that_leads_round_it(way: Street, name: str) -> None:
    answer = way.say(f"GET http://{name}/ HTTP/1.1\r\nHost: {name}\r\n\r\n".encode(), "ks3")
    assert status(answer) == "403"
    assert name not in way.names.asked


@pytest.mark.parametrize("name", PLACES.values(), ids=PLACES)
def test_dns_gives_a_pupil_no_address_of_a_place_that_leads_round_it(way: Street, name: str) -> None:
    asked = asyncio.run(ask(("127.0.0.1", way.dns_port), name, source="127.0.0.3"))
    assert closed(asked)
    assert name not in way.names.asked


CANARIES = {
    "apples-relay": "mask.icloud.com",
    "apples-relay-by-h2": "mask-h2.icloud.com",
    "firefoxs-resolver": "use-application-dns.net",
    "discovery-of-resolvers": "_dns.resolver.arpa",
}


@pytest.mark.parametrize("name", CANARIES.values(), ids=CANARIES)
def test_a_device_that_asks_whether_it_may_go_round_is_told_no(way: Street, name: str) -> None:
    asked = asyncio.run(ask(("127.0.0.1", way.dns_port), name))
    assert not asked.rr
    assert name not in way.names.asked


NAMES = {
    "capitals": "GaMbLiNg.TeSt",
    "a-subdomain": "a.b.gambling.test",
    "an-alias": "cloak.test",
}


@pytest.mark.parametrize("kind", ["A", "AAAA", "HTTPS", "TXT", "ANY", "CNAME", "MX"])
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_dns_says_nothing_of_a_closed_name_however_it_is_asked(way: Street, name: str, kind: str) -> None:
    asked = asyncio.run(ask(("127.0.0.1", way.dns_port), name, kind))
    assert closed(asked)


def closed(answer) -> bool:
    """Whether *answer* leads nowhere, or to our own page."""
    given = {str(r.rdata) for r in answer.rr if r.rtype in (QTYPE.A, QTYPE.AAAA, QTYPE.HTTPS, QTYPE.TXT, QTYPE.MX)}
    return given <= {"192.0.2.99"}


PACKETS = {
    "a-dot-inside-a-label": b"\x0dgambling.test\0",
    "a-nul-inside-a-label": b"\x08gambling\5test\0\0",
    "two-questions": b"\x04good\4test\0\0\1\0\1\x08gambling\4test\0",
    "a-pointer": b"\x08gambling\xc0\x0c",
    "a-label-of-70": b"\x46" + b"a" * 70 + b"\x08gambling\4test\0",
    "three-hundred-bytes": (b"\x01a" * 150) + b"\x08gambling\4test\0",
}


@pytest.mark.parametrize("name", PACKETS.values(), ids=PACKETS)
def test_a_question_that_can_be_read_two_ways_is_asked_of_nobody(way: Street, name: bytes) -> None:
    packet = struct.pack(">HHHHHH", 7, 0x0100, 2 if b"good" in name else 1, 0, 0, 0) + name + b"\0\1\0\1"
    try:
        answer = asyncio.run(exchange(("127.0.0.1", way.dns_port), packet, seconds=1))
    except TimeoutError:
        answer = b""
    assert (
        not answer
        or answer[3] & 15 in (RCODE.FORMERR, RCODE.NXDOMAIN, RCODE.REFUSED, RCODE.NOTIMP)
        or b"\xc0\0\2\x63" in answer
    )
    assert "gambling.test" not in way.names.asked


def test_another_class_of_names_is_no_way(way: Street) -> None:
    packet = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + b"\x08gambling\4test\0\0\1\0\3"
    answer = asyncio.run(exchange(("127.0.0.1", way.dns_port), packet))
    assert answer[3] & 15 == RCODE.NOTIMP or answer[3] & 15 == RCODE.REFUSED
    assert not way.names.asked
