"""The front door, by real sockets: what is relayed, what is opened, what is refused."""

import contextlib
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import msgspec
import pytest
from cryptography import x509

from proxy_addons import handover
from proxy_addons.doorway import FIRST_HELLO
from proxy_addons.settings import PeekSettings
from tests.proxy_addons.conftest import Street, street
from tests.support.commands import until
from tests.support.front_door import KEY, Door, front_door
from tests.support.origin import Origin, tls_context
from tests.support.proxy_school import ADDRESSES, HOSTS, Nameserver, School, head_of, rulebook, tunnel


@dataclass
class Fronted(Street):
    """A school with all that is round it, and a front door with a worker."""

    door: Door

    def issuer(self, host: str, profile: str = "ks2", sni: str | None = None) -> str:
        """Who issued the certificate that a client of *profile* is shown in a tunnel to *host*."""
        raw, head = self.door.connect(host, self.secure.port, profile)
        assert b" 200 " in head
        with raw, tunnel(self.school, raw, sni or host) as secure:
            secure.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert secure.recv(65536).startswith(b"HTTP/1.1 ")
            return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True)).issuer.rfc4514_string()

    def counted(self, name: str) -> float:
        """A metric of the front door."""
        return self.door.metric(f"schoolgate_peek_{name}_total")


@pytest.fixture(scope="session")
def whole_front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronted]:
    school = School(tmp_path_factory.mktemp("fronted"))
    zone = {
        "cloak.good.test": ["=tracker.harm.test"],
        "veil.good.test": ["!"],
        "private.test": ["10.1.2.3"],
        "safe.duckduckgo.com": ["127.0.0.1"],
        "strict.bing.com": ["=tracker.harm.test"],
    }
    with street(school, zone) as outside:
        settings = school.settings(outside.dns, outside.secure.port, outside.plain.port)
        with front_door(school, settings) as door:
            yield Fronted(school, outside.dns, outside.secure, outside.plain, door)


@pytest.fixture
def front(whole_front: Fronted) -> Fronted:
    whole_front.forget()
    return whole_front


def test_a_known_site_shows_its_own_certificate_and_an_unknown_one_the_schools(front: Fronted) -> None:
    spliced, handed = front.counted("spliced"), front.counted("handed_over")
    assert "Oak Lane" not in front.issuer("good.test")
    assert (front.counted("spliced"), front.counted("handed_over")) == (spliced + 1, handed)
    assert "Oak Lane" in front.issuer("unknown.test")
    assert (front.counted("spliced"), front.counted("handed_over")) == (spliced + 1, handed + 1)


def test_a_closed_site_is_a_page_where_the_device_has_the_certificate(front: Fronted) -> None:
    answer = front.door.curl(front.url("gambling.test"), ca=front.school.ca)
    assert "HTTP/1.1 403" in answer or "HTTP/2 403" in answer
    assert front.secure.connections == 0


def test_plain_http_goes_through_a_worker_which_knows_whose_it_is(front: Fronted) -> None:
    assert "hello from good.test" in front.door.curl(front.plain_url("good.test"))
    assert "403 Forbidden" in front.door.curl(front.plain_url("gambling.test"))
    assert "hello" in front.door.curl(front.plain_url("games.test"), profile="staff")
    assert "403 Forbidden" in front.door.curl(front.plain_url("games.test"), profile="ks2")


def test_a_closed_connection_ends_with_an_alert_where_no_page_can_be_shown(front: Fronted) -> None:
    refused = front.counted("refused")
    raw, head = front.door.connect("good.test", front.secure.port, "visitor")
    assert b" 200 " in head
    with raw, pytest.raises(ssl.SSLError, match="ACCESS_DENIED"):
        tunnel(front.school, raw, "harm.test")
    assert front.counted("refused") == refused + 1
    assert front.secure.connections == 0
    assert ("visitor", "harm.test") in recorded(front)


def recorded(front: Fronted) -> list[tuple[str, str]]:
    return [(b.profile, b.host) for b in front.school.breaches()]


def test_a_refused_tunnel_is_answered_by_a_worker_with_its_page(front: Fronted) -> None:
    raw, head = front.door.connect("gambling.test", front.secure.port, "visitor")
    with raw:
        assert b" 403 " in head
        assert b"".join(iter(lambda: raw.recv(65536), b"")).rstrip().endswith(b"</html>")


def test_a_refused_tunnel_in_which_nothing_is_said_is_on_record_once(front: Fronted) -> None:
    before = recorded(front).count(("ks1", "harm.test"))
    raw, head = front.door.connect("harm.test", front.secure.port, "ks1")
    assert b" 200 " in head
    raw.close()
    until(lambda: recorded(front).count(("ks1", "harm.test")) == before + 1)


def test_nobodys_connection_is_closed(front: Fronted) -> None:
    strangers = front.counted("strangers")
    assert front.door.curled(front.plain_url("good.test"), profile="nobody").returncode != 0
    assert front.counted("strangers") == strangers + 1


def test_a_false_name_leads_to_the_site_that_it_names(front: Fronted) -> None:
    """In a tunnel the two names must agree; whoever is not shown a page is closed out."""
    raw, _ = front.door.connect("good.test", front.secure.port, "ks2")
    with raw, tunnel(front.school, raw, "gambling.test") as secure:
        secure.sendall(b"GET / HTTP/1.1\r\nHost: gambling.test\r\n\r\n")
        assert secure.recv(65536).startswith(b"HTTP/1.1 403")
    assert front.secure.connections == 0


def test_what_leads_to_a_closed_name_is_closed(front: Fronted) -> None:
    for host in ("cloak.good.test", "veil.good.test"):
        answer = front.door.curl(front.url(host), ca=front.school.ca)
        assert "HTTP/1.1 403" in answer.partition("established")[2] or "HTTP/2 403" in answer, host
        raw, _ = front.door.connect(host, front.secure.port, "visitor")
        with raw, pytest.raises(OSError, match=r"ACCESS_DENIED|EOF|WRONG"):
            tunnel(front.school, raw, host)
    assert front.secure.connections == 0


def test_a_search_engine_is_reached_at_the_address_of_its_strict_form_by_whoever_has_no_certificate(
    front: Fronted,
) -> None:
    assert "Oak Lane" not in front.issuer("duckduckgo.com", "visitor")
    assert "safe.duckduckgo.com" in front.dns.asked
    assert "duckduckgo.com" not in front.dns.asked


def test_a_search_engine_whose_strict_form_leads_to_a_closed_name_is_closed(front: Fronted) -> None:
    raw, _ = front.door.connect("www.bing.com", front.secure.port, "visitor")
    with raw, pytest.raises(OSError, match=r"ACCESS_DENIED|EOF"):
        tunnel(front.school, raw, "www.bing.com")
    assert front.secure.connections == 0


def test_a_private_address_is_not_reached_through_a_name(front: Fronted) -> None:
    assert "private network" in front.door.curl(front.url("private.test"), profile="staff", ca=front.school.ca)
    raw, _ = front.door.connect("private.test", front.secure.port, "visitor")
    with raw, pytest.raises(ssl.SSLError, match="INTERNAL_ERROR"):
        tunnel(front.school, raw, "private.test")


@pytest.mark.parametrize("place", ["front", "worker"])
def test_neither_door_is_reached_through_itself(front: Fronted, place: str) -> None:
    port = front.door.port if place == "front" else front.door.worker.port
    answer = front.door.curl(f"http://127.0.0.1:{port}/", profile="staff")
    assert answer.startswith("HTTP/1.1 403")


def test_another_port_than_the_webs_is_refused_with_a_page(front: Fronted) -> None:
    raw, head = front.door.connect("good.test", 22)
    with raw:
        assert b" 403 " in head


FORGED = "Schoolgate-Client: 127.0.0.4 1 00 00"


def test_a_forged_line_makes_nobody_somebody_else(front: Fronted) -> None:
    """Staff may open games.test, KS2 may not."""
    asked = ("-H", FORGED, "--proxy-header", FORGED)
    assert "403 Forbidden" in front.door.curl(*asked, front.plain_url("games.test"))
    assert "hello" in front.door.curl(*asked, front.plain_url("good.test"))
    assert not [name for seen in front.plain.requests for name, _ in seen.headers if name.lower().startswith("school")]


def test_a_second_request_cannot_bring_a_line_of_its_own(front: Fronted) -> None:
    with socket.create_connection(("127.0.0.1", front.door.port), 5, (ADDRESSES["ks2"], 0)) as raw:
        for host, status in (("good.test", b" 200 "), ("games.test", b" 403 ")):
            line = f"GET {front.plain_url(host)} HTTP/1.1\r\n{FORGED}\r\nHost: {host}:{front.plain.port}\r\n\r\n"
            raw.sendall(line.encode())
            assert status in head_of(raw)
            assert raw.recv(65536)


def test_a_worker_closes_what_the_front_door_has_not_signed(front: Fronted) -> None:
    forged = front.door.worker.metric("schoolgate_proxy_forged_total")
    assert front.door.worker.curled(front.plain_url("good.test")).returncode == 52
    assert front.door.worker.curled("-H", FORGED, front.plain_url("good.test")).returncode == 52
    assert front.door.worker.metric("schoolgate_proxy_forged_total") == forged + 2
    assert front.plain.connections == 0


def test_a_line_that_was_used_is_not_good_again(front: Fronted) -> None:
    place = next(iter(front.door.workers))
    line = handover.line(KEY, place, ADDRESSES["staff"], time.monotonic_ns(), b"n" * 16)
    request = b"GET %b HTTP/1.1\r\n%bHost: games.test:%d\r\n\r\n"
    whole = request % (front.plain_url("games.test").encode(), line, front.plain.port)
    for good in (True, False):
        with socket.create_connection(("127.0.0.1", front.door.worker.port), 60) as raw:
            raw.sendall(whole)
            assert raw.recv(65536).startswith(b"HTTP/1.1 200") is good


def hello_for(name: str) -> bytes:
    """What a browser sends first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


class Raw:
    """A server that takes one connection and keeps it: what a relay does is seen at both ends."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.listener.settimeout(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.close()

    def taken(self) -> socket.socket:
        """The connection, once it has come."""
        found, _ = self.listener.accept()
        found.settimeout(60)
        return found


@contextlib.contextmanager
def relayed(school: School, server: Raw) -> Iterator[tuple[socket.socket, socket.socket, Door]]:
    """Both ends of a connection to good.test that is relayed."""
    with Nameserver() as dns, front_door(school, school.settings(dns, server.port)) as door:
        client, _ = door.connect("good.test", server.port)
        client.settimeout(60)
        hello = hello_for("good.test")
        client.sendall(hello[:100])
        client.sendall(hello[100:])
        with client, server.taken() as far:
            assert far.recv(65536) == hello
            yield client, far, door


def test_a_relay_passes_all_on_and_each_end_by_itself(school: School) -> None:
    with Raw() as server, relayed(school, server) as (client, far, door):
        client.sendall(b"up")
        assert far.recv(100) == b"up"
        client.shutdown(socket.SHUT_WR)
        assert far.recv(100) == b""
        far.sendall(b"down")
        assert client.recv(100) == b"down"
        far.close()
        assert client.recv(100) == b""
        until(lambda: door.metric("schoolgate_peek_open_connections") == 0)


def test_a_relay_passes_a_reset_on(school: School) -> None:
    with Raw() as server, relayed(school, server) as (client, far, _):
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        far.close()
        with pytest.raises(ConnectionResetError):
            client.recv(100)


def test_a_relay_carries_more_than_a_side_takes_at_once(school: School) -> None:
    size = 30_000_000
    with Raw() as server, relayed(school, server) as (client, far, door):
        sending = threading.Thread(target=far.sendall, args=(b"x" * size,))
        sending.start()
        until(lambda: door.memory() > 0)
        received = 0
        while received < size:
            received += len(client.recv(1_000_000))
        sending.join()
        assert door.memory("VmHWM") < 120_000_000


def test_a_relay_ends_when_the_policy_closes_it(school: School) -> None:
    with Raw() as server, relayed(school, server) as (client, _, door):
        book = rulebook()
        book.profiles["ks2"] = msgspec.structs.replace(book.profiles["ks2"], block=("good.test",))
        school.write_policy(book, version=2)
        with pytest.raises(ConnectionResetError):
            client.recv(100)
        assert door.process.poll() is None


def test_clients_that_say_nothing_hold_nobody_up_and_have_an_end(school: School) -> None:
    """256 silent connections are all that a client has; others go on, and the silent ones are a counter's worth."""
    with Nameserver() as dns, Origin() as plain, front_door(school, school.settings(dns, plain.port)) as door:
        silent = [socket.create_connection(("127.0.0.1", door.port), 5, (ADDRESSES["ks3"], 0)) for _ in range(300)]
        until(lambda: door.metric("schoolgate_peek_too_many_total") == 44)
        for one in silent[:256]:
            one.sendall(b"G")
        assert "hello" in door.curl(f"http://good.test:{plain.port}/", profile="ks2")
        assert door.metric("schoolgate_peek_open_connections") >= 256
        for one in silent:
            one.close()
        until(lambda: door.metric("schoolgate_peek_open_connections") == 0)


def test_a_tunnel_that_says_nothing_has_an_end(front: Fronted) -> None:
    late = front.counted("late")
    raw, _ = front.door.connect("good.test", front.secure.port)
    with raw:
        raw.settimeout(FIRST_HELLO + 5)
        raw.sendall(b"\x16\x03\x01")
        assert raw.recv(100) == b""
    assert front.counted("late") == late + 1


def test_another_port_is_reached_only_where_the_profile_lets_pass_what_nobody_sees(school: School) -> None:
    with Raw() as server, Nameserver() as dns, front_door(school, school.settings(dns)) as door:
        refused, head = door.connect("good.test", server.port, "ks2")
        with refused:
            assert b" 403 " in head
        client, head = door.connect("good.test", server.port, "staff")
        assert b" 200 " in head
        client.sendall(NOT_TLS[0])
        with client, server.taken() as far:
            assert far.recv(100) == NOT_TLS[0]


NOT_TLS = [b"SSH-2.0-OpenSSH_9\r\n", b"\x01\0\0\0wireguard", bytes(range(128, 200)), b"\x13BitTorrent protocol"]


@pytest.mark.parametrize("data", NOT_TLS)
@pytest.mark.parametrize("profile", ["ks2", "visitor"])
def test_what_is_no_tls_is_closed(front: Fronted, data: bytes, profile: str) -> None:
    unread = front.counted("unread")
    raw, _ = front.door.connect("good.test", front.secure.port, profile)
    with raw:
        raw.sendall(data)
        assert raw.recv(100) == b""
    assert front.counted("unread") == unread + 1
    assert front.secure.connections == 0


def test_a_profile_may_let_pass_what_nobody_can_look_into(school: School) -> None:
    with Raw() as server, Nameserver() as dns, front_door(school, school.settings(dns, server.port)) as door:
        client, _ = door.connect("good.test", server.port, "staff")
        client.sendall(NOT_TLS[0])
        with client, server.taken() as far:
            assert far.recv(100) == NOT_TLS[0]


def test_http_in_a_tunnel_is_judged_by_its_pages(front: Fronted) -> None:
    raw, _ = front.door.connect("good.test", front.plain.port)
    with raw:
        raw.sendall(b"GET /page HTTP/1.1\r\nHost: games.test\r\n\r\n")
        assert raw.recv(65536).startswith(b"HTTP/1.1 4")
    assert front.plain.connections == 0


def test_a_broken_hello_ends_with_an_alert(front: Fronted) -> None:
    raw, _ = front.door.connect("good.test", front.secure.port)
    with raw:
        raw.sendall(b"\x16\x03\x01\0\x04\x02\0\0\0")
        assert raw.recv(100) == b"\x15\x03\x03\0\x02\x02\x32"


def test_a_helpline_is_opened_for_nobody(front: Fronted) -> None:
    """Not where the handshake names nobody either, which would be opened on any other host."""
    assert "Oak Lane" not in front.issuer("help.test")
    raw, _ = front.door.connect("help.test", front.secure.port)
    with raw, pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        tunnel(front.school, raw, None)


def test_a_relayed_site_that_is_away_is_a_page_and_a_helpline_a_closed_connection(school: School) -> None:
    with (
        Nameserver() as dns,
        socket.socket() as nobody,
    ):
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        port = nobody.getsockname()[1]
        with front_door(school, school.settings(dns, port)) as door:
            assert "This site is not answering" in door.curl(f"https://good.test:{port}/", ca=school.ca)
            assert door.curled(f"https://help.test:{port}/", ca=school.ca).returncode == CURL_NO_TLS


CURL_NO_TLS = 35
"""curl's exit status where there was no handshake."""


def test_a_killed_worker_is_a_closed_connection_and_never_an_open_one(school: School) -> None:
    with (
        Nameserver() as dns,
        Origin(tls_context(school.servers, *HOSTS)) as secure,
        Origin() as plain,
        front_door(school, school.settings(dns, secure.port, plain.port)) as door,
    ):
        assert "hello" in door.curl(f"https://unknown.test:{secure.port}/", ca=school.ca)
        secure.forget()
        door.worker.process.send_signal(signal.SIGKILL)
        door.worker.process.wait()
        assert door.curled(f"https://unknown.test:{secure.port}/", ca=school.ca).returncode != 0
        assert door.curled(f"http://good.test:{plain.port}/").returncode == 52
        assert door.curled(f"https://harm.test:{secure.port}/", ca=school.ca).returncode != 0
        assert (secure.connections, plain.connections) == (0, 0)
        assert ("ks2", "harm.test") in [(b.profile, b.host) for b in school.breaches()]
        assert door.metric("schoolgate_peek_no_worker_total") == 3
        assert (school.folder / "peek-0.log").read_text().count("No worker takes connections") == 1
        assert "hello" in door.curl(f"https://good.test:{secure.port}/", ca=school.folder / "servers.pem")


def test_a_client_has_one_worker_and_the_next_when_that_is_gone(school: School) -> None:
    with (
        Nameserver() as dns,
        Origin() as plain,
        front_door(school, school.settings(dns, plain.port), workers=2) as door,
    ):

        def counts() -> list[float]:
            return [w.metric("schoolgate_proxy_connections_total") for w in door.workers.values()]

        for _ in range(6):
            assert "hello" in door.curl(f"http://good.test:{plain.port}/")
        assert sorted(counts()) == [0, 6]
        first, other = sorted(door.workers.values(), key=lambda w: -w.metric("schoolgate_proxy_connections_total"))
        first.process.kill()
        first.process.wait()
        assert "hello" in door.curl(f"http://good.test:{plain.port}/")
        assert other.metric("schoolgate_proxy_connections_total") == 1


def test_several_front_doors_share_one_address(school: School) -> None:
    with Nameserver() as dns, Origin() as plain, front_door(school, school.settings(dns, plain.port)) as door:
        where = PeekSettings(listen=(f"127.0.0.1:{door.port}",))
        with front_door(school, school.settings(dns, plain.port), peek=where) as second:
            assert second.port == door.port
            for _ in range(30):
                assert "hello" in door.curl(f"http://good.test:{plain.port}/")
            both = [one.metric("schoolgate_peek_connections_total") for one in (door, second)]
            assert sum(both) == 30
            assert all(both)


def test_an_address_that_is_taken_is_an_error_that_names_it(school: School) -> None:
    with socket.socket() as taken, Nameserver() as dns:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        start = front_door(school, school.settings(dns), peek=PeekSettings(listen=(address,)))
        with pytest.raises(AssertionError, match=f"the proxy cannot listen on {address}"):
            start.__enter__()


def test_it_ends_when_it_is_told_and_leaves_nobody_hanging(school: School) -> None:
    with Raw() as server, relayed(school, server) as (client, far, door):
        began = time.monotonic()
        assert door.stop() == 0
        assert time.monotonic() - began < 3
        assert client.recv(1) == b""
        assert far.recv(1) == b""
        log = (school.folder / "peek-0.log").read_text()
        assert "Traceback" not in log
        assert "ERROR" not in log
