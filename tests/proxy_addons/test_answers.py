"""What reaches the device of an answer, and by what connection it comes."""

import httpx
import pytest

from tests.proxy_addons.conftest import House


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_answer_invites_to_another_protocol(house: House, scheme: str) -> None:
    url = house.plain_url("unknown.test", "/alt-svc") if scheme == "http" else house.url("unknown.test", "/alt-svc")
    answer = house.worker.curl(url, ca=house.school.ca)
    assert "hello from" in answer
    assert "alt-svc" not in answer.lower().partition("hello")[0]


def test_a_connection_to_a_server_is_used_again(house: House) -> None:
    with httpx.Client(proxy=house.worker.url, verify=house.device()) as client:
        for number in range(5):
            assert client.get(house.url("unknown.test", f"/{number}")).status_code == 200
    assert {seen.connection for seen in house.secure.requests} == {1}
    with httpx.Client(proxy=house.worker.url) as client:
        for number in range(5):
            assert client.get(house.plain_url("unknown.test", f"/{number}")).status_code == 200
    assert {seen.connection for seen in house.plain.requests} == {1}


def test_http2_reaches_the_server_as_http2(house: House) -> None:
    with httpx.Client(proxy=house.worker.url, verify=house.device(), http2=True) as client:
        assert client.get(house.url("unknown.test")).http_version == "HTTP/2"
        assert client.get(house.url("gambling.test")).status_code == 403
    assert [seen.protocol for seen in house.secure.requests] == ["2"]
