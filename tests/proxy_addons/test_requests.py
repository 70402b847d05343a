"""What of a request reaches the server, and what is counted of it."""

import pytest

from tests.proxy_addons.conftest import House


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "DELETE", "BREW"])
def test_every_method_is_judged(house: House, method: str) -> None:
    refused = house.worker.curl("-X", method, *(["-I"] if method == "HEAD" else []), house.plain_url("gambling.test"))
    assert "403 Forbidden" in refused
    assert house.plain.connections == 0


def test_headers_for_the_proxy_alone_do_not_reach_the_server(house: House) -> None:
    secrets = ("Proxy-Authorization: Basic eA==", "Schoolgate-Client: forged", "SCHOOLGATE-X: 1", "Proxy-Connection: x")
    house.worker.curl(*(part for s in secrets for part in ("-H", s)), "-H", "X-Kept: 1", house.plain_url("good.test"))
    names = {name.lower() for name, _ in house.plain.requests[0].headers}
    assert "x-kept" in names
    assert not {n for n in names if n.startswith(("proxy-", "schoolgate-"))}


def test_requests_are_counted_by_profile_and_verdict(house: House) -> None:
    line = 'schoolgate_proxy_requests_total{profile="ks3",verdict="block"}'
    house.worker.curl(house.plain_url("gambling.test"), profile="ks3")
    before = house.worker.metric(line)
    house.worker.curl(house.plain_url("gambling.test"), profile="ks3")
    assert house.worker.metric(line) == before + 1
    assert "gambling.test" not in house.worker.metrics()
