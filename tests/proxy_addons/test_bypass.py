"""Ways round the filter that name one host and mean another, or change what the connection speaks."""

import contextlib
import socket
import ssl

import h2.config
import h2.connection
import h2.events
import pytest
import wsproto
import wsproto.events

from tests.proxy_addons.conftest import House
from tests.support.proxy_school import head_of, tunnel


def opened(house: House, host: str = "unknown.test", sni: str | None = None, **more: object) -> ssl.SSLSocket:
    raw, head = house.worker.connect(host, house.secure.port)
    assert b" 200 " in head
    return tunnel(house.school, raw, sni or host, **more)


def asked(connection: socket.socket, *lines: str) -> str:
    connection.sendall("\r\n".join((*lines, "", "")).encode())
    return head_of(connection).decode()


@pytest.mark.parametrize(
    "lines",
    [
        ("Host: other.test",),
        ("Host: unknown.test", "Host: other.test"),
        ("Host: unknown.test", "Host: unknown.test"),
        ("Host: a,b",),
        ("Host: \ufdfa.test",),
    ],
)
def test_a_host_header_that_differs_from_the_tunnel_is_answered_by_no_server(
    house: House, lines: tuple[str, ...]
) -> None:
    with opened(house) as connection:
        answer = asked(connection, "GET / HTTP/1.1", *lines)
    assert answer.split()[1] in ("421", "400")
    assert not house.secure.requests


def test_a_closed_host_header_inside_a_permitted_tunnel_is_closed_and_on_record(house: House) -> None:
    with opened(house) as connection:
        answer = asked(connection, "GET /fronted HTTP/1.1", "Host: gambling.test")
    assert " 403 " in answer
    assert [b.host for b in house.school.breaches() if b.path == "/fronted"] == ["gambling.test"]
    assert not house.secure.requests


def test_an_absolute_request_to_another_host_inside_a_tunnel_is_judged_by_it(house: House) -> None:
    with opened(house) as connection:
        answer = asked(connection, "GET http://gambling.test/absolute HTTP/1.1", "Host: unknown.test")
    assert " 403 " in answer
    with opened(house) as connection:
        answer = asked(connection, "GET http://other.test/absolute HTTP/1.1", "Host: unknown.test")
    assert " 421 " in answer
    assert not house.secure.requests


def test_a_plain_request_whose_line_and_host_differ_reaches_nobody(house: House) -> None:
    with socket.create_connection(("127.0.0.1", house.worker.port)) as connection:
        url = house.plain_url("unknown.test")
        assert " 421 " in asked(connection, f"GET {url} HTTP/1.1", "Host: other.test")
    with socket.create_connection(("127.0.0.1", house.worker.port)) as connection:
        assert " 403 " in asked(connection, f"GET {url} HTTP/1.1", "Host: gambling.test")
    assert house.plain.connections == 0


def test_a_name_that_differs_from_the_tunnel_is_not_relayed(house: House) -> None:
    with opened(house, "good.test", sni="other.test") as connection:
        assert " 421 " in asked(connection, "GET / HTTP/1.1", "Host: other.test")
    with opened(house, "good.test", sni="gambling.test") as connection:
        assert " 403 " in asked(connection, "GET / HTTP/1.1", "Host: good.test")
    with opened(house, "gambling.test", sni="good.test") as connection:
        assert " 403 " in asked(connection, "GET / HTTP/1.1", "Host: good.test")
    assert house.secure.connections == 0


def test_no_name_in_the_handshake_leaves_the_tunnels(house: House) -> None:
    raw, _ = house.worker.connect("gambling.test", house.secure.port)
    with tunnel(house.school, raw, None) as connection:
        assert " 403 " in asked(connection, "GET / HTTP/1.1", "Host: gambling.test")
    assert house.secure.connections == 0


@pytest.mark.parametrize(
    "named", [{":authority": "gambling.test"}, {":authority": "unknown.test", "host": "gambling.test"}]
)
def test_an_h2_authority_or_host_that_differs_is_judged(house: House, named: dict[str, str]) -> None:
    with opened(house, alpn=("h2",)) as connection:
        assert connection.selected_alpn_protocol() == "h2"
        status = h2_status(connection, [(":method", "GET"), (":scheme", "https"), (":path", "/"), *named.items()])
    assert status in ("403", "")  # "": where both are given and differ, the connection ends
    assert not house.secure.requests


def h2_status(connection: ssl.SSLSocket, headers: list[tuple[str, str]]) -> str:
    conn = h2.connection.H2Connection(
        h2.config.H2Configuration(validate_outbound_headers=False, header_encoding="utf-8")
    )
    conn.initiate_connection()
    conn.send_headers(1, headers, end_stream=True)
    connection.sendall(conn.data_to_send())
    while data := connection.recv(65536):
        for event in conn.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                return dict(event.headers)[":status"]
    return ""


@pytest.mark.parametrize("path", ["secret/page", "?/secret/page", "*/../secret/page", "https://wiki.test/secret/page"])
def test_an_h2_path_without_a_slash_is_sent_to_nobody(house: House, path: str) -> None:
    with opened(house, "wiki.test", alpn=("h2",)) as connection:
        asked_for = [(":method", "GET"), (":scheme", "https"), (":authority", "wiki.test"), (":path", path)]
        assert h2_status(connection, asked_for) == "400"
    assert not house.secure.requests


def test_a_fragment_in_the_request_line_is_sent_to_nobody(house: House) -> None:
    with socket.create_connection(("127.0.0.1", house.worker.port), 60) as connection:
        answer = asked(connection, f"GET {house.plain_url('good.test', '/a#b')} HTTP/1.1", "Host: good.test")
    assert " 400 " in answer
    assert not house.plain.requests


def unverified(raw: socket.socket, sni: str | None) -> ssl.SSLSocket:
    """TLS in the tunnel *raw* for a client that takes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(raw, server_hostname=sni)


@pytest.mark.parametrize("sni", [None, "gambling.test:443", "xn--strae-oqa.gambling.test"])
@pytest.mark.parametrize("host", ["good.test", "127.0.0.1"])
def test_a_handshake_without_a_readable_name_is_opened_and_not_relayed(house: House, host: str, sni: str) -> None:
    before = house.worker.metric("schoolgate_proxy_spliced_total")
    raw, _ = house.worker.connect(host, house.secure.port, "staff")
    with unverified(raw, sni) as connection:
        assert " 403 " in asked(connection, "GET /unread HTTP/1.1", "Host: gambling.test")
    assert house.worker.metric("schoolgate_proxy_spliced_total") == before
    assert not house.secure.requests


@pytest.mark.parametrize("sni", [None, "gambling.test:443"])
def test_a_visitors_handshake_without_a_readable_name_is_closed(house: House, sni: str) -> None:
    raw, _ = house.worker.connect("good.test", house.secure.port, "visitor")
    with raw, pytest.raises(OSError, match=r"EOF|reset|closed"):
        unverified(raw, sni)
    assert house.secure.connections == 0


@pytest.mark.parametrize("profile", ["visitor", "ks2"])
def test_an_address_without_a_name_is_closed_where_the_profile_lets_nothing_pass_unseen(
    house: House, profile: str
) -> None:
    assert " 403 " in house.worker.curl(f"http://127.0.0.1:{house.plain.port}/", profile=profile)
    assert "hello" in house.worker.curl(f"http://127.0.0.1:{house.plain.port}/", profile="staff")


def test_a_second_connect_on_the_same_connection_is_no_tunnel(house: House) -> None:
    with opened(house) as connection:
        answer = asked(connection, f"CONNECT other.test:{house.secure.port} HTTP/1.1", "Host: other.test")
        assert answer.split()[1] in ("400", "403", "421")
        assert "mitmproxy" not in answer
    with socket.create_connection(("127.0.0.1", house.worker.port)) as connection:
        url = house.plain_url("unknown.test")
        assert " 200 " in asked(connection, f"GET {url} HTTP/1.1", "Host: unknown.test")
        connection.recv(65536)
        assert " 200 " in asked(connection, "CONNECT gambling.test:443 HTTP/1.1", "Host: gambling.test:443")
        connection.sendall(b"SSH-2.0-x\r\n\r\n")
        assert b" 400 " in connection.recv(65536)
    assert house.secure.received == 0


def test_what_is_neither_tls_nor_http_gets_no_tunnel(house: House) -> None:
    for first in (b"SSH-2.0-OpenSSH_9\r\n\r\n", b"\x00\x0e\x38\xa1\x96\xb9", b"\x13BitTorrent protocol\r\n\r\n"):
        raw, _ = house.worker.connect("good.test", house.plain.port)
        with raw:
            raw.sendall(first)
            raw.shutdown(socket.SHUT_WR)
            assert b"hello" not in raw.recv(65536)
    assert house.plain.received == 0


def test_plain_http_inside_a_tunnel_is_judged(house: House) -> None:
    raw, _ = house.worker.connect("gambling.test", house.plain.port)
    with raw:
        assert " 403 " in asked(raw, "GET / HTTP/1.1", "Host: gambling.test")
    assert house.plain.connections == 0


def test_an_upgrade_to_anything_but_websocket_is_no_raw_tunnel(house: House) -> None:
    with socket.create_connection(("127.0.0.1", house.worker.port), 60) as connection:
        url = house.plain_url("unknown.test", "/upgrade")
        asked(connection, f"GET {url} HTTP/1.1", "Host: unknown.test", "Connection: Upgrade", "Upgrade: echo")
        received = house.plain.received
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"GET http://gambling.test/ HTTP/1.1\r\n\r\n")
            assert b"gambling" not in connection.recv(65536)
    assert house.plain.received == received
    assert "upgrade" not in {name.lower() for name, _ in house.plain.requests[0].headers}


def test_a_websocket_is_judged_by_its_url_and_then_relayed(house: House) -> None:
    refused = websocket(house, "gambling.test", "")
    assert refused == " 403 "
    assert websocket(house, "unknown.test", "hello") == "hello"
    assert "sec-websocket-extensions" not in {name.lower() for name, _ in house.plain.requests[0].headers}


def websocket(house: House, host: str, text: str) -> str:
    with socket.create_connection(("127.0.0.1", house.worker.port), 60) as connection:
        answer = asked(
            connection,
            f"GET {house.plain_url(host, '/ws')} HTTP/1.1",
            f"Host: {host}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Extensions: permessage-deflate",
        )
        if " 101 " not in answer:
            return answer[8:13]
        conn = wsproto.Connection(wsproto.ConnectionType.CLIENT)
        connection.sendall(conn.send(wsproto.events.TextMessage(text)))
        while True:
            conn.receive_data(connection.recv(65536))
            for event in conn.events():
                if isinstance(event, wsproto.events.TextMessage):
                    return event.data


def test_an_address_is_not_the_site_that_it_serves(house: House) -> None:
    for host in ("127.0.0.1", "0x7f.0.0.1", "2130706433"):
        answer = house.worker.curl(f"http://{host}:{house.plain.port}/", profile="ks1")
        assert "403 Forbidden" in answer
    assert house.plain.connections == 0


@pytest.mark.parametrize("host", ["GAMBLING.test", "gambling.test.", "%67ambling.test", "www.gambling.test"])
def test_a_closed_host_is_closed_however_it_is_written(house: House, host: str) -> None:
    with socket.create_connection(("127.0.0.1", house.worker.port)) as connection:
        answer = asked(connection, f"GET http://{host}:{house.plain.port}/ HTTP/1.1", f"Host: {host}")
    assert answer.split()[1] in ("403", "400")
    assert house.plain.connections == 0


@pytest.mark.parametrize(
    "request_head",
    [
        "POST / HTTP/1.1\r\nHost: unknown.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
        "POST / HTTP/1.1\r\nHost: unknown.test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        "POST / HTTP/1.1\r\nHost: unknown.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : unknown.test\r\n\r\n",
    ],
)
def test_a_request_that_can_be_read_two_ways_reaches_nobody(house: House, request_head: str) -> None:
    with opened(house) as connection:
        connection.sendall(request_head.encode())
        answer = head_of(connection).decode() + connection.recv(65536).decode()
    assert " 400 " in answer
    assert "mitmproxy" not in answer
    assert "could not understand" in answer
    assert not house.secure.requests


@pytest.mark.parametrize("path", ["/secret/%252e%252e/", "/secret/../", "/secret/x\\..\\..\\y", "/secret/..%2f"])
def test_a_path_that_leads_up_is_sent_to_nobody(house: House, path: str) -> None:
    with opened(house, "wiki.test") as connection:
        assert " 400 " in asked(connection, f"GET {path} HTTP/1.1", f"Host: wiki.test:{house.secure.port}")
    assert not house.secure.requests


@pytest.mark.parametrize("line", ["X: y\r\n Host: gambling.test", "X: y\rHost: gambling.test", "X: y\0", "X: y\x0bz"])
def test_a_header_in_which_another_may_hide_is_sent_to_nobody(house: House, line: str) -> None:
    with opened(house) as connection:
        assert " 400 " in asked(connection, "GET / HTTP/1.1", f"Host: unknown.test:{house.secure.port}", line)
    assert not house.secure.requests
