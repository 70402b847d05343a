"""Relayed, opened or closed: what becomes of a connection, and what it may lead to."""

import ssl
import subprocess
import time
import warnings

import pytest
import trustme
from cryptography import x509

from reporting.breach import Breach
from tests.proxy_addons.conftest import House
from tests.support.origin import Origin, tls_context
from tests.support.proxy_school import Nameserver, School, running, tunnel


def issuer(connection: ssl.SSLSocket) -> str:
    certificate = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True))
    return certificate.issuer.rfc4514_string()


def issuer_for(house: House, host: str, profile: str = "ks2") -> str:
    raw, _ = house.worker.connect(host, house.secure.port, profile)
    with raw, tunnel(house.school, raw, host) as secure:
        secure.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert secure.recv(65536).startswith(b"HTTP/1.1 ")
        return issuer(secure)


def test_a_known_site_shows_its_own_certificate_and_an_unknown_one_the_schools(house: House) -> None:
    assert "Oak Lane" not in issuer_for(house, "good.test")
    assert "Oak Lane" in issuer_for(house, "unknown.test")
    assert "Oak Lane" in issuer_for(house, "gambling.test")


def test_a_relayed_connection_goes_where_our_own_resolver_says(house: House) -> None:
    assert "Oak Lane" not in issuer_for(house, "relayed.good.test")
    assert "relayed.good.test" in house.dns.asked


def test_a_visitors_connection_is_never_opened(house: House) -> None:
    assert "Oak Lane" not in issuer_for(house, "unknown.test", "visitor")


def test_a_visitors_closed_site_is_a_closed_tunnel(house: House) -> None:
    raw, head = house.worker.connect("gambling.test", house.secure.port, "visitor")
    with raw:
        assert b"403" in head.split(b"\r\n")[0]
        rest = b"".join(iter(lambda: raw.recv(65536), b""))
    assert rest.rstrip().endswith(b"</html>")
    assert house.secure.connections == 0


def test_a_visitors_closed_name_inside_a_permitted_tunnel_is_closed(house: House) -> None:
    raw, head = house.worker.connect("good.test", house.secure.port, "visitor")
    assert b" 200 " in head
    with raw, pytest.raises(OSError, match=r"EOF|reset|closed"):
        tunnel(house.school, raw, "gambling.test")
    assert house.secure.connections == 0


def test_a_name_that_is_refused_inside_a_permitted_tunnel_is_on_record(house: House) -> None:
    before = [b for b in house.school.breaches() if b.profile == "visitor" and b.host == "harm.test"]
    raw, head = house.worker.connect("good.test", house.secure.port, "visitor")
    assert b" 200 " in head
    with raw, pytest.raises(OSError, match=r"EOF|reset|closed"):
        tunnel(house.school, raw, "harm.test")
    found = breaches_of(house, "visitor", len(before) + 1)
    assert (found[-1].path, found[-1].reason) == ("", "category")
    assert house.secure.connections == 0


@pytest.mark.parametrize("host", ["private.test", "v6.test", "10.1.2.3", "169.254.169.254", "[::ffff:10.0.0.1]"])
def test_a_private_address_is_refused_with_a_page(house: House, host: str) -> None:
    answer = house.worker.curl(f"http://{host}/", profile="staff")
    assert "403 Forbidden" in answer
    assert "private network" in answer


def test_a_private_address_is_refused_inside_a_tunnel_too(house: House) -> None:
    done = house.worker.curled("https://10.1.2.3/", profile="staff", ca=house.school.ca)
    assert " 403" in done.stdout.partition("established")[2]
    assert "private network" in done.stdout
    assert house.worker.curled("https://10.1.2.3/", profile="visitor", ca=house.school.ca).returncode != 0


def test_the_proxy_is_not_reached_through_itself(house: House) -> None:
    for host in ("127.0.0.1", "good.test"):
        answer = house.worker.curl(f"http://{host}:{house.worker.port}/", profile="staff")
        assert "403 Forbidden" in answer


def test_only_the_webs_ports_are_reached(house: House) -> None:
    for port in (22, 53, house.worker.port):
        raw, head = house.worker.connect("good.test", port)
        raw.close()
        assert b" 403 " in head
    assert "Only ordinary web pages" in house.worker.curl("http://good.test:25/")


def test_a_name_that_is_not_there_is_a_plain_page(house: House) -> None:
    answer = house.worker.curl("http://nowhere.test/")
    assert "502" in answer
    assert "We could not find this site" in answer


def test_a_server_that_is_away_is_a_plain_page(house: House, tmp_path_factory: pytest.TempPathFactory) -> None:
    for url in ("http://unknown.test:443/", "https://unknown.test:80/"):
        answer = house.worker.curl(url, ca=house.school.ca)
        assert "502" in answer
        assert "This site is not answering" in answer
        assert "mitmproxy" not in answer
        assert "unknown.test" not in answer


@pytest.mark.parametrize("kind", ["stranger", "wrong name"])
def test_a_certificate_that_proves_nothing_is_a_plain_page_without_a_way_past(house: House, kind: str) -> None:
    authority = trustme.CA() if kind == "stranger" else house.school.servers
    name = "unknown.test" if kind == "stranger" else "somebody-else.test"
    with Origin(tls_context(authority, name)) as origin:
        settings = house.school.settings(house.dns, origin.port)
        with running(house.school, settings, instance=7) as worker:
            answer = worker.curl(f"https://unknown.test:{origin.port}/", profile="ks3", ca=house.school.ca)
            why = "untrusted" if kind == "stranger" else "another_name"
            assert f'schoolgate_proxy_troubles_total{{trouble="{why}"}} 1.0' in worker.metrics()
        assert "502" in answer
        assert "to keep you safe we did not open it" in answer.replace("To keep", "to keep")
        assert not origin.requests
        assert "mitmproxy" not in answer
        assert "href" not in answer.partition("<main>")[2]
        assert 'class="secondary"' in answer


OLD = ("--tlsv1.1", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0")


def test_old_tls_is_spoken_on_neither_side(house: House) -> None:
    served = tls_context(house.school.servers, "unknown.test", h2=False)
    served.set_ciphers("DEFAULT@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is deprecated is the point
        served.minimum_version = served.maximum_version = ssl.TLSVersion.TLSv1_1
    with Origin(served) as origin:
        url = f"https://unknown.test:{origin.port}/"
        direct = ["curl", "-sSk", *OLD, "--noproxy", "*", "--resolve", f"unknown.test:{origin.port}:127.0.0.1", url]
        assert b"hello" in subprocess.run(direct, capture_output=True, check=False).stdout
        origin.forget()
        with running(house.school, house.school.settings(house.dns, origin.port), instance=8) as worker:
            assert "502" in worker.curl(url, ca=house.school.ca)
            assert worker.curled(*OLD, url, ca=house.school.ca).returncode == 35
        assert not origin.requests


def test_dns_that_does_not_answer_is_a_page_and_never_the_systems_resolver(school: School) -> None:
    with Nameserver() as dns, Origin() as origin:
        dns.silent = True
        with running(school, school.settings(dns, origin.port)) as worker:
            answer = worker.curl(f"http://unknown.test:{origin.port}/")
            assert "503" in answer
            assert "We could not look this site up" in answer
        assert origin.connections == 0


def test_without_a_named_network_loopback_is_refused(school: School) -> None:
    with (
        Nameserver() as dns,
        Origin() as origin,
        running(school, school.settings(dns, origin.port, reachable_private=())) as worker,
    ):
        for host in ("unknown.test", "127.0.0.1", "127.1", "0x7f000001", "localhost"):
            answer = worker.curl(f"http://{host}:{origin.port}/", profile="staff")
            assert any(status in answer for status in ("403 Forbidden", "502 Bad Gateway")), host
            assert worker.curled(f"https://{host}:{origin.port}/", profile="staff").returncode != 0
        assert origin.connections == 0


def test_connections_are_counted(house: House) -> None:
    spliced = house.worker.metric("schoolgate_proxy_spliced_total")
    opened = house.worker.metric("schoolgate_proxy_opened_total")
    issuer_for(house, "good.test")
    issuer_for(house, "unknown.test")
    assert house.worker.metric("schoolgate_proxy_spliced_total") == spliced + 1
    assert house.worker.metric("schoolgate_proxy_opened_total") == opened + 1
    assert house.worker.metric("schoolgate_proxy_memory_bytes") > 20_000_000


def breaches_of(house: House, profile: str, expected: int) -> list[Breach]:
    """The breaches of *profile* for self-harm, as soon as there are as many as *expected*."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = [b for b in house.school.breaches() if b.profile == profile and b.host == "harm.test"]
        if len(found) >= expected:
            return found
        time.sleep(0.02)
    raise AssertionError(found)


@pytest.mark.parametrize(("profile", "shakes_hands"), [("ks1", True), ("staff", False)])
def test_a_refused_tunnel_that_asks_for_nothing_is_on_record(house: House, profile: str, shakes_hands: bool) -> None:
    before = [b for b in house.school.breaches() if b.profile == profile and b.host == "harm.test"]
    raw, head = house.worker.connect("harm.test", house.secure.port, profile)
    assert b" 200 " in head
    if shakes_hands:
        with tunnel(house.school, raw, "harm.test"):
            pass
    raw.close()
    found = breaches_of(house, profile, len(before) + 1)
    assert not found[-1].path


def test_a_refused_tunnel_with_a_page_is_one_breach_the_pages(school: School) -> None:
    with Nameserver() as dns, Origin() as origin, running(school, school.settings(dns, origin.port)) as worker:
        raw, _ = worker.connect("harm.test", origin.port)
        with raw, tunnel(school, raw, "harm.test") as secure:
            secure.sendall(b"GET /told HTTP/1.1\r\nHost: harm.test\r\n\r\n")
            assert secure.recv(65536).startswith(b"HTTP/1.1 403 ")
        worker.stop()
    assert [(b.host, b.path) for b in school.breaches()] == [("harm.test", "/told")]
