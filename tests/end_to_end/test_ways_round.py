"""Ways round the filter in what a request says: each stays closed, with the shipped policy and a real worker.

An id says the way. What cannot be closed here stands in docs/explanation/not-covered.md, which
`test_ways_not_covered.py` holds to its list; names and handshakes have files of their own.
"""

import pytest

from tests.support.ways import CONTENT, Street, status

REFUSED = ("400", "403", "421", "431", "502", "505", "")
"""What a way that stays closed is answered with; "" if its connection just ends."""


def told(street: Street, text: str) -> bytes:
    """The bytes of *text*, with ports in place of PLAIN, BARE and SECURE; `\\xNN` are bytes as they stand."""
    ports = {"PLAIN": street.plain.port, "BARE": street.bare.port, "SECURE": street.secure.port}
    for word, port in ports.items():
        text = text.replace(word, str(port))
    return text.encode("latin-1")


def get(target: str, *lines: str, method: str = "GET", version: str = "HTTP/1.1") -> str:
    """A request, with CRLF where it belongs."""
    return "\r\n".join((f"{method} {target} {version}", *lines, "", ""))


def utf8(text: str) -> str:
    """The letters that stand for the bytes of *text*."""
    return text.encode().decode("latin-1")


HOSTS = {
    "capitals": "GamBLing.TEST",
    "a-dot-behind": "gambling.test.",
    "two-dots-behind": "gambling.test..",
    "a-percent-escape": "%67ambling.test",
    "a-double-escape": "%2567ambling.test",
    "an-escaped-dot": "gambling%2etest",
    "full-width-letters": utf8("\uff47ambling.test"),
    "an-ideographic-full-stop": utf8("gambling\u3002test"),
    "a-soft-hyphen": utf8("gam\xadbling.test"),
    "a-zero-width-space": utf8("gam\u200bbling.test"),
    "a-subdomain": "a.b.c.gambling.test",
    "a-user-before-it": "good.test@gambling.test",
    "a-user-and-password-before-it": "good.test:80@gambling.test",
    "a-backslash-and-user": "gambling.test\\@good.test",
    "a-nul-behind": "gambling.test\0.good.test",
    "a-tab-behind": "gambling.test\t.good.test",
    "an-escaped-nul-behind": "gambling.test%00.good.test",
    "a-very-long-name": "a." * 200 + "gambling.test",
    "a-label-of-70": "a" * 70 + ".gambling.test",
    "an-underscore": "_a.gambling.test",
    "brackets": "[gambling.test]",
}


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_a_closed_host_is_closed_however_it_is_written(way: Street, host: str) -> None:
    answer = way.say(told(way, get(f"http://{host}:PLAIN/", f"Host: {host}:PLAIN")))
    assert status(answer) in REFUSED
    assert not way.reached


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_a_tunnel_to_a_closed_host_shows_no_site_however_it_is_written(way: Street, host: str) -> None:
    inner = get("/", "Host: good.test:PLAIN")
    head = told(way, get(f"{host}:PLAIN", f"Host: {host}", method="CONNECT"))
    assert CONTENT not in way.say(head + told(way, inner))
    assert not way.reached


ADDRESSES = {
    "dotted": "127.0.0.1",
    "decimal": "2130706433",
    "hexadecimal": "0x7f000001",
    "octal": "0177.0.0.1",
    "two-parts": "127.1",
    "mixed": "0x7f.0.0.01",
    "nought": "0.0.0.0",
    "a-single-nought": "0",
    "overflowing": "4429195777",
    "full-width-digits": utf8("\uff11\uff12\uff17.0.0.1"),
    "v6-loopback": "[::1]",
    "v6-unspecified": "[::]",
    "v4-mapped-v6": "[::ffff:127.0.0.1]",
    "v4-compatible-v6": "[::127.0.0.1]",
    "nat64": "[64:ff9b::7f00:1]",
    "6to4": "[2002:7f00:1::]",
    "a-zone-behind": "[fe80::1%25lo]",
    "metadata-v4": "169.254.169.254",
    "metadata-v6": "[fd00:ec2::254]",
    "private": "192.168.1.1",
    "shared": "100.64.0.1",
    "broadcast": "255.255.255.255",
    "a-name-for-a-private-address": "private.test",
    "a-name-for-a-mapped-private-address": "inside.test",
    "a-name-for-metadata": "metadata.test",
    "localhost": "localhost",
    "under-localhost": "a.localhost",
}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_in_place_of_a_name_opens_nothing_that_only_names_open(way: Street, address: str) -> None:
    answer = way.say(told(way, get(f"http://{address}:PLAIN/", f"Host: {address}:PLAIN")), "ks1")
    assert status(answer) in REFUSED
    assert not way.reached


OF_127_0_0_1 = ("dotted", "decimal", "hexadecimal", "octal", "two-parts", "mixed", "full-width-digits", "v4-mapped-v6")
ELSEWHERE = [name for name in ADDRESSES if name not in OF_127_0_0_1]
"""All but the notations of 127.0.0.1, which this school has named as a server of its own."""


@pytest.mark.parametrize("name", ELSEWHERE)
def test_an_address_that_is_not_for_pupils_is_for_nobody(way: Street, name: str) -> None:
    answer = way.say(told(way, get(f"http://{ADDRESSES[name]}:PLAIN/", f"Host: {ADDRESSES[name]}:PLAIN")), "visitor")
    assert status(answer) in (*REFUSED, "503")
    assert not way.reached


PORTS = {
    "ssh": 22,
    "telnet": 23,
    "mail": 25,
    "dns": 53,
    "mail-submission": 587,
    "dns-over-tls": 853,
    "mail-over-tls": 993,
    "socks": 1080,
    "openvpn": 1194,
    "pptp": 1723,
    "squid": 3128,
    "remote-desktop": 3389,
    "shadowsocks": 8388,
    "tor": 9001,
    "tor-browser": 9150,
    "wireguard": 51820,
    "nought": 0,
    "beyond-the-last": 65536 + 443,
}


@pytest.mark.parametrize("port", PORTS.values(), ids=PORTS)
def test_a_tunnel_to_a_port_that_is_not_the_webs_is_refused(way: Street, port: int) -> None:
    assert status(way.target("good.test", port)) in REFUSED
    assert not way.names.asked


TARGETS = {
    "the-proxy-itself": "127.0.0.1:WORKER",
    "the-metrics": "127.0.0.1:METRICS",
    "a-path-behind": "good.test:443/../gambling.test:443",
    "a-user-before": "a@gambling.test:443",
    "an-absolute-url": "http://gambling.test:443",
    "no-port": "gambling.test",
    "two-ports": "gambling.test:443:443",
    "an-empty-host": ":443",
    "a-word-for-a-port": "good.test:https",
    "a-sign-before-the-port": "good.test:+22",
}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_a_strange_target_gets_no_tunnel(way: Street, target: str) -> None:
    target = target.replace("WORKER", str(way.worker.port)).replace("METRICS", str(way.worker.metrics_port))
    answer = way.say(get(target, f"Host: {target}", method="CONNECT").encode() + b"GET /metrics HTTP/1.1\r\n\r\n")
    assert status(answer) in REFUSED or b" 403 " in answer
    assert b"schoolgate_" not in answer
    assert not way.reached


PLAIN = {
    "host-of-a-closed-site": get("http://good.test:PLAIN/", "Host: gambling.test"),
    "host-of-a-closed-site-in-capitals": get("http://good.test:PLAIN/", "Host: GAMBLING.test."),
    "host-twice-the-second-closed": get("http://good.test:PLAIN/", "Host: good.test", "Host: gambling.test"),
    "host-twice-the-first-closed": get("http://good.test:PLAIN/", "Host: gambling.test", "Host: good.test"),
    "host-list": get("http://good.test:PLAIN/", "Host: good.test, gambling.test"),
    "host-with-a-user": get("http://good.test:PLAIN/", "Host: good.test@gambling.test"),
    "host-folded": get("http://good.test:PLAIN/", "Host: good.test\r\n gambling.test"),
    "host-behind-a-blank": get("http://good.test:PLAIN/", "X: y", " Host: gambling.test"),
    "host-before-a-blank": get("http://good.test:PLAIN/", "Host : gambling.test"),
    "host-behind-a-bare-cr": get("http://good.test:PLAIN/", "X: y\rHost: gambling.test"),
    "host-behind-a-nul": get("http://good.test:PLAIN/", "Host: good.test\0gambling.test"),
    "another-scheme": get("ftp://gambling.test:PLAIN/", "Host: gambling.test"),
    "https-in-the-clear": get("https://gambling.test:PLAIN/", "Host: gambling.test"),
    "no-scheme": get("//gambling.test:PLAIN/", "Host: gambling.test"),
    "origin-form": get("/", "Host: gambling.test:PLAIN"),
    "an-old-version-without-host": get("http://gambling.test:PLAIN/", version="HTTP/1.0"),
    "version-0-9": "GET http://gambling.test:PLAIN/\r\n",
    "a-version-of-the-future": get("http://gambling.test:PLAIN/", "Host: gambling.test", version="HTTP/3.0"),
    "h2-with-prior-knowledge": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\0\0\0\4\0\0\0\0\0",
    "an-unknown-method": get("http://gambling.test:PLAIN/", "Host: gambling.test", method="FETCH"),
    "a-method-in-small-letters": get("http://gambling.test:PLAIN/", "Host: gambling.test", method="get"),
    "trace": get("http://gambling.test:PLAIN/", "Host: gambling.test", method="TRACE"),
    "options-for-the-server": get("*", "Host: gambling.test:PLAIN", method="OPTIONS"),
    "two-blanks": get("http://gambling.test:PLAIN/  ", "Host: gambling.test"),
    "tabs-for-blanks": "GET\thttp://gambling.test:PLAIN/\tHTTP/1.1\r\nHost: gambling.test\r\n\r\n",
    "bare-line-feeds": "GET http://gambling.test:PLAIN/ HTTP/1.1\nHost: gambling.test\n\n",
    "blank-lines-before": "\r\n\r\n\r\n" + get("http://gambling.test:PLAIN/", "Host: gambling.test"),
    "a-fragment-with-another-host": get("http://good.test:PLAIN#@gambling.test/", "Host: good.test"),
    "a-query-for-a-path": get("http://gambling.test:PLAIN?good.test/", "Host: gambling.test"),
    "upgrade-to-h2c": get(
        "http://gambling.test:PLAIN/",
        "Host: gambling.test",
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAAQAAP__",
    ),
    "upgrade-to-websocket": get(
        "http://gambling.test:PLAIN/ws",
        "Host: gambling.test",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ),
    "a-forged-hand-over": get(
        "http://gambling.test:PLAIN/", "Host: gambling.test", "Schoolgate-Client: 127.0.0.4,staff,0,sig"
    ),
    "a-forged-address": get(
        "http://gambling.test:PLAIN/",
        "Host: gambling.test",
        "X-Forwarded-For: 127.0.0.4",
        "Forwarded: for=127.0.0.4",
        "X-Real-IP: 127.0.0.4",
        "Via: 1.1 staff",
    ),
    "the-second-of-two-at-once": get("http://127.0.0.1:1/", "Host: 127.0.0.1:1")
    + get("http://gambling.test:PLAIN/", "Host: gambling.test"),
    "a-connect-behind-a-request": get("http://127.0.0.1:1/", "Host: 127.0.0.1:1")
    + get("gambling.test:PLAIN", "Host: gambling.test", method="CONNECT")
    + get("/", "Host: gambling.test"),
}


@pytest.mark.parametrize("sent", PLAIN.values(), ids=PLAIN)
def test_a_request_for_a_closed_site_is_closed_however_it_is_put(way: Street, sent: str) -> None:
    answer = way.say(told(way, sent))
    assert CONTENT not in answer
    assert not way.reached


INSIDE = {
    "host-of-a-closed-site": get("/", "Host: gambling.test"),
    "host-of-another-site": get("/", "Host: good.test"),
    "host-twice": get("/", "Host: unknown.test", "Host: unknown.test"),
    "host-left-out": get("/"),
    "absolute-form": get("http://gambling.test/", "Host: unknown.test"),
    "a-proxy-behind-it": get("http://gambling.test/", "Host: gambling.test", "Proxy-Connection: keep-alive"),
    "a-second-connect": get("gambling.test:443", "Host: gambling.test:443", method="CONNECT"),
    "a-second-connect-to-itself": get("unknown.test:443", "Host: unknown.test:443", method="CONNECT"),
    "a-second-connect-to-ssh": get("unknown.test:22", "Host: unknown.test:22", method="CONNECT"),
    "a-closed-page-behind-dots": get("/a/../secret/page", "Host: unknown.test"),
    "connect-by-absolute-form": get("https://gambling.test/", "Host: unknown.test", method="CONNECT"),
}


@pytest.mark.parametrize("sent", INSIDE.values(), ids=INSIDE)
def test_what_an_opened_tunnel_is_asked_is_judged_anew(way: Street, sent: str) -> None:
    assert status(way.inside(told(way, sent))) in REFUSED
    assert not way.secure.requests


NORMAL = (":method", "GET"), (":scheme", "https"), (":path", "/")
STREAMS = {
    "authority-of-a-closed-site": (*NORMAL, (":authority", "gambling.test")),
    "host-beside-authority": (*NORMAL, (":authority", "unknown.test"), ("host", "gambling.test")),
    "host-in-place-of-authority": (*NORMAL, ("host", "gambling.test")),
    "authority-twice": (*NORMAL, (":authority", "unknown.test"), (":authority", "gambling.test")),
    "no-authority": NORMAL,
    "authority-with-a-user": (*NORMAL, (":authority", "unknown.test@gambling.test")),
    "an-absolute-path": (*NORMAL[:2], (":path", "http://gambling.test/"), (":authority", "unknown.test")),
    "connect": ((":method", "CONNECT"), (":authority", "gambling.test:443")),
    "connect-to-itself": ((":method", "CONNECT"), (":authority", "unknown.test:22")),
    "extended-connect": (
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        *NORMAL[1:],
        (":authority", "gambling.test"),
    ),
    "masque": (
        (":method", "CONNECT"),
        (":protocol", "connect-udp"),
        (":scheme", "https"),
        (":path", "/.well-known/masque/udp/192.0.2.6/443/"),
        (":authority", "unknown.test"),
    ),
    "a-line-end-in-a-value": (*NORMAL, (":authority", "unknown.test"), ("x", "y\r\nhost: gambling.test")),
    "a-line-end-in-the-path": (
        *NORMAL[:2],
        (":path", "/ HTTP/1.1\r\nhost: gambling.test"),
        (":authority", "unknown.test"),
    ),
    "another-scheme": ((":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "gambling.test")),
}


@pytest.mark.parametrize("headers", STREAMS.values(), ids=STREAMS)
def test_what_http_2_is_asked_in_an_opened_tunnel_is_judged_anew(
    way: Street, headers: tuple[tuple[str, str], ...]
) -> None:
    assert way.h2(*headers) in REFUSED
    assert not way.secure.requests


FRAMED = {
    "length-and-chunks": get(
        "http://unknown.test:BARE/", "Content-Length: 5", "Transfer-Encoding: chunked", method="POST"
    ),
    "chunks-and-length": get(
        "http://unknown.test:BARE/", "Transfer-Encoding: chunked", "Content-Length: 5", method="POST"
    ),
    "two-lengths": get("http://unknown.test:BARE/", "Content-Length: 0", "Content-Length: 44", method="POST"),
    "a-list-of-lengths": get("http://unknown.test:BARE/", "Content-Length: 0, 44", method="POST"),
    "a-signed-length": get("http://unknown.test:BARE/", "Content-Length: +5", method="POST"),
    "a-negative-length": get("http://unknown.test:BARE/", "Content-Length: -5", method="POST"),
    "a-hexadecimal-length": get("http://unknown.test:BARE/", "Content-Length: 0x5", method="POST"),
    "an-unknown-coding": get("http://unknown.test:BARE/", "Transfer-Encoding: xchunked", method="POST"),
    "chunks-not-last": get("http://unknown.test:BARE/", "Transfer-Encoding: chunked, identity", method="POST"),
    "codings-twice": get(
        "http://unknown.test:BARE/", "Transfer-Encoding: chunked", "Transfer-Encoding: identity", method="POST"
    ),
    "a-coding-before-a-blank": get("http://unknown.test:BARE/", "Transfer-Encoding : chunked", method="POST"),
    "a-coding-folded": get("http://unknown.test:BARE/", "Transfer-Encoding:\r\n chunked", method="POST"),
    "a-coding-in-an-old-version": get(
        "http://unknown.test:BARE/", "Transfer-Encoding: chunked", method="POST", version="HTTP/1.0"
    ),
}
HIDDEN = "0\r\n\r\n" + get("/smuggled", "Host: gambling.test")


@pytest.mark.parametrize("head", FRAMED.values(), ids=FRAMED)
def test_a_body_whose_end_can_be_read_two_ways_carries_no_second_request(way: Street, head: str) -> None:
    head = head.replace("\r\n", "\r\nHost: unknown.test:BARE\r\n", 1)
    answer = way.say(told(way, head + HIDDEN))
    assert b"smuggled" not in way.bare.heard
    assert CONTENT not in answer


def test_a_coding_behind_a_vertical_tab_is_written_anew(way: Street) -> None:
    head = get("http://unknown.test:BARE/", "Host: unknown.test:BARE", "Transfer-Encoding: \vchunked", method="POST")
    way.say(told(way, head + HIDDEN))
    assert b"\v" not in way.bare.heard
    assert b"smuggled" not in way.bare.heard


CHUNKS = {
    "an-extension": "5;ext=GET /smuggled\r\nhello\r\n0\r\n\r\n",
    "an-extension-with-a-line-feed": "5;a\nGET /smuggled\r\nhello\r\n0\r\n\r\n",
    "a-size-with-a-sign": "+5\r\nhello\r\n0\r\n\r\nGET /smuggled",
    "a-size-in-0x": "0x5\r\nhello\r\n0\r\n\r\nGET /smuggled",
    "line-feeds-alone": "5\nhello\n0\n\nGET /smuggled",
    "trailers": "5\r\nhello\r\n0\r\nHost: gambling.test\r\nX: /smuggled\r\n\r\n",
}


@pytest.mark.parametrize("body", CHUNKS.values(), ids=CHUNKS)
def test_chunks_are_written_anew_and_carry_no_second_request(way: Street, body: str) -> None:
    head = get("http://unknown.test:BARE/", "Host: unknown.test:BARE", "Transfer-Encoding: chunked", method="POST")
    way.say(told(way, head + body))
    assert b"smuggled" not in way.bare.heard
    assert b"gambling" not in way.bare.heard


PATHS = {
    "as-it-is": "/secret/page",
    "an-escape": "/%73ecret/page",
    "a-double-escape": "/%2573ecret/page",
    "escapes-in-small-letters": "/secret%2fpage",
    "two-slashes": "//secret//page",
    "a-dot": "/./secret/./page",
    "a-way-up": "/a/../secret/page",
    "an-escaped-way-up": "/a/%2e%2e/secret/page",
    "a-backslash": "/secret\\page",
    "a-parameter": "/secret;a=b/page",
    "a-parameter-behind": "/secret/page;jsessionid=1",
    "a-query": "/secret/page?a=b",
    "a-slash-behind": "/secret/page/",
    "a-dot-behind": "/secret/page.",
    "a-nul-behind": "/secret/page%00",
    "a-blank-behind": "/secret/page%20",
    "capitals": "/Secret/PAGE",
    "an-overlong-slash": "/secret%c0%afpage",
    "full-width-letters": "/%EF%BD%93ecret/page",
    "a-page-under-it": "/secret/page/more",
}
NOT_THAT_PAGE = ("an-overlong-slash", "full-width-letters")
"""No server of today reads these as the closed page: they are asked for as they are, and are other pages."""


@pytest.mark.parametrize(
    "path", [p for i, p in PATHS.items() if i not in NOT_THAT_PAGE], ids=[i for i in PATHS if i not in NOT_THAT_PAGE]
)
def test_a_closed_page_of_an_open_site_is_closed_however_it_is_written(way: Street, path: str) -> None:
    answer = way.say(told(way, get(f"http://wiki.test:PLAIN{path}", "Host: wiki.test:PLAIN")))
    assert status(answer) in REFUSED
    assert not way.reached


OVERRIDES = ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Host", "X-Host", "X-HTTP-Host-Override", "Forwarded")


@pytest.mark.parametrize("header", OVERRIDES)
def test_a_header_by_which_some_servers_choose_another_page_stays_here(way: Street, header: str) -> None:
    value = "host=gambling.test" if header == "Forwarded" else "/secret/page" if "URL" in header else "gambling.test"
    answer = way.say(told(way, get("http://wiki.test:PLAIN/", "Host: wiki.test:PLAIN", f"{header}: {value}")))
    assert status(answer) == "200"
    assert header.lower() not in {name.lower() for name, _ in way.plain.requests[0].headers}


def test_an_invitation_to_another_protocol_stays_here(way: Street) -> None:
    answer = way.say(told(way, get("http://good.test:PLAIN/alt-svc", "Host: good.test:PLAIN")))
    assert status(answer) == "200"
    assert b"alt-svc" not in answer.lower().partition(b"\r\n\r\n")[0]


def test_an_alias_of_a_closed_site_is_closed(way: Street) -> None:
    answer = way.say(told(way, get("http://cloak.test:PLAIN/", "Host: cloak.test:PLAIN")))
    assert status(answer) == "403"
    assert not way.reached


DETOURS = {
    "dns-as-a-post": get(
        "http://unknown.test:BARE/any",
        "Host: unknown.test:BARE",
        "Content-Type: application/dns-message",
        method="POST",
    ),
    "dns-as-a-get": get(
        "http://unknown.test:BARE/a?dns=AA", "Host: unknown.test:BARE", "Accept: application/dns-message"
    ),
    "dns-as-json": get("http://good.test:BARE/resolve?name=x", "Host: good.test:BARE", "Accept: application/dns-json"),
    "dns-at-its-usual-path": get("http://good.test:BARE/dns-query", "Host: good.test:BARE"),
    "oblivious-dns": get(
        "http://unknown.test:BARE/x",
        "Host: unknown.test:BARE",
        "Content-Type: application/oblivious-dns-message",
        method="POST",
    ),
    "masque-over-http-1": get(
        "http://unknown.test:BARE/.well-known/masque/udp/192.0.2.6/443/",
        "Host: unknown.test:BARE",
        "Connection: Upgrade",
        "Upgrade: connect-udp",
    ),
    "an-unblockers-server": get(
        "http://unknown.test:BARE/v3/", "Host: unknown.test:BARE", "X-Bare-URL: https://gambling.test/"
    ),
    "tcp-in-a-websocket": get(
        "http://unknown.test:BARE/wisp/",
        "Host: unknown.test:BARE",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ),
}


@pytest.mark.parametrize("sent", DETOURS.values(), ids=DETOURS)
def test_a_request_that_leads_round_by_what_it_says_is_closed_on_every_site(way: Street, sent: str) -> None:
    assert status(way.say(told(way, sent))) == "403"
    assert not way.reached


def test_a_request_that_leads_round_is_on_record_as_what_it_is(way: Street) -> None:
    way.say(told(way, get("http://good.test:BARE/dns-query", "Host: good.test:BARE")))
    assert [b.category for b in way.school.breaches() if b.host == "good.test"][-1:] == ["bypass"]
