"""Pages by way of another proxy."""

from collections.abc import Iterator

import pytest

from proxy_addons.settings import ProxySettings
from tests.proxy_addons.conftest import House, furnished
from tests.support.another_proxy import AnotherProxy
from tests.support.proxy_school import School

AUTHORISED = "Proxy-Authorization: Basic bmFtZTpwYXNz"


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, AnotherProxy]]:
    school = School(tmp_path_factory.mktemp("chain"))
    (school.folder / "credentials").write_text("name:pass\n")
    credentials = str(school.folder / "credentials")
    with AnotherProxy() as other:
        upstream = f"http://127.0.0.1:{other.port}"
        with furnished(school, upstream=upstream, upstream_credentials=credentials) as house:
            yield house, other


@pytest.fixture(autouse=True)
def forgotten(chain: tuple[House, AnotherProxy]) -> None:
    chain[0].forget()
    chain[1].heads.clear()
    chain[1].closed.clear()


def test_an_opened_page_goes_through_a_tunnel_of_the_other_proxy(chain: tuple[House, AnotherProxy]) -> None:
    house, other = chain
    assert "hello from unknown.test" in house.worker.curl(house.url("unknown.test"), ca=house.school.ca)
    (head,) = other.heads
    assert head.startswith(f"CONNECT unknown.test:{house.secure.port} HTTP/1.1\r\n")
    assert AUTHORISED in head
    assert "authorization" not in str(house.secure.requests[0].headers).lower()


def test_a_relayed_page_goes_through_a_tunnel_too(chain: tuple[House, AnotherProxy]) -> None:
    house, other = chain
    answer = house.worker.curl(house.url("good.test"), ca=house.school.folder / "servers.pem")
    assert "hello from good.test" in answer
    assert other.heads[0].startswith(f"CONNECT good.test:{house.secure.port} ")


def test_a_plain_page_is_asked_for_in_absolute_form(chain: tuple[House, AnotherProxy]) -> None:
    house, other = chain
    url = house.plain_url("good.test", "/page?x=1")
    assert "hello from good.test" in house.worker.curl(url)
    assert other.heads[0].startswith(f"GET {url} HTTP/1.1\r\n")
    assert AUTHORISED in other.heads[0]


def test_a_plain_page_in_a_tunnel_tells_its_server_no_password(chain: tuple[House, AnotherProxy]) -> None:
    house, other = chain
    assert "hello from good.test" in house.worker.curl("--proxytunnel", house.plain_url("good.test"))
    assert other.heads[0].startswith("CONNECT ")
    assert "authorization" not in str(house.plain.requests[0].headers).lower()
    assert house.plain.requests[0].path == "/"


@pytest.mark.parametrize("more", [(), ("--data", "x" * 5000)], ids=["get", "post"])
def test_what_is_refused_never_reaches_the_other_proxy(
    chain: tuple[House, AnotherProxy], more: tuple[str, ...]
) -> None:
    house, other = chain
    assert "403 Forbidden" in house.worker.curl(*more, house.plain_url("gambling.test"))
    assert "HTTP/2 403" in house.worker.curl(*more, house.url("gambling.test"), ca=house.school.ca)
    assert other.heads == []


def test_the_other_proxy_is_no_site_that_a_client_reaches(chain: tuple[House, AnotherProxy]) -> None:
    house, other = chain
    for url in (f"http://127.0.0.1:{other.port}/", f"https://127.0.0.1:{other.port}/"):
        assert "HTTP/1.1 200 OK" not in house.worker.curl(url, profile="staff")
    assert other.heads == []


def test_a_site_that_the_other_proxy_closes_is_a_page_in_plain_words(chain: tuple[House, AnotherProxy]) -> None:
    house, other = chain
    other.closed.add("unknown.test")
    answer = house.worker.curl(house.url("unknown.test"), ca=house.school.ca)
    assert "The filter behind ours did not let this through" in answer
    assert "mitmproxy" not in answer


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"upstream": "http://10.0.0.1:3128"}, ""),
        ({"upstream": "10.0.0.1:3128"}, "proxy.upstream: '10.0.0.1:3128' is no proxy's address"),
        ({"upstream": "http://proxy.lan:3128"}, "proxy.upstream: 'http://proxy.lan:3128' is no proxy's address"),
        ({"upstream": "https://10.0.0.1:3128"}, "proxy.upstream: 'https://10.0.0.1:3128' is no proxy's address"),
        ({"upstream_credentials": "a"}, "proxy.upstream_credentials: there is no proxy.upstream"),
    ],
)
def test_an_address_that_is_none_is_refused(more: dict[str, str], says: str) -> None:
    said = list(ProxySettings(**more).problems())
    assert bool(said) is bool(says)
    assert "".join(said).startswith(says)
