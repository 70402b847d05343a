"""Each process by itself, in any order, straight after init."""

import itertools

import pytest

from dns_filter.ask import ask
from dns_filter.practice import WILDCARD, NameServer
from tests.support.commands import started, until
from tests.support.gateway import WEB_SITES, Gateway

KS2, STAFF, VISITOR = "127.0.0.1", "127.0.9.1", "127.0.10.1"


async def dns_answers(gateway):
    """What three clients are told of two names."""
    async with NameServer({WILDCARD: [WEB_SITES]}, ("127.0.0.1", gateway.upstream)):
        return [
            await ask(("127.0.0.1", gateway.dns), name, source=source)
            for name, source in itertools.product(("gambling.test", "positive.test"), (KS2, STAFF, VISITOR))
        ]


async def test_dns_filters_before_reporting_has_ever_run_and_after_it_has_stopped(tmp_path):
    gateway = Gateway(tmp_path)
    with started("dns", "--config", str(gateway.file), folder=tmp_path):
        before = await dns_answers(gateway)
        assert not (gateway.folder / "database" / "schoolgate.db").exists()
        with started("reporting", "--config", str(gateway.file), folder=tmp_path):
            during = await dns_answers(gateway)
        after = await dns_answers(gateway)
    assert [heard.addresses for heard in before] == [("127.0.0.81",), ("127.0.0.81",), (), *[(WEB_SITES,)] * 3]
    assert [heard.code for heard in before] == ["NOERROR", "NOERROR", "NXDOMAIN", *["NOERROR"] * 3]
    assert before == during == after


def test_the_worker_filters_with_the_signer_alone(tmp_path):
    gateway = Gateway(tmp_path)
    config = ("--config", str(gateway.file))
    with started("worker", *config, folder=tmp_path), started("signer", *config, folder=tmp_path):
        assert gateway.blocked_page("gambling.test") == 403
        assert gateway.blocked_page("gambling.test", source=STAFF) == 403


def test_reporting_starts_alone_and_takes_up_what_was_written_before(tmp_path):
    gateway = Gateway(tmp_path)
    config = ("--config", str(gateway.file))
    with started("worker", *config, folder=tmp_path), started("signer", *config, folder=tmp_path):
        assert gateway.blocked_page("gambling.test") == 403
    with started("reporting", "--config", str(gateway.file), folder=tmp_path):
        until(lambda: gateway.breaches() == [("proxy", "gambling.test", 1)])


@pytest.mark.parametrize("order", list(itertools.permutations(("dns", "worker", "reporting"))))
def test_they_start_in_any_order(tmp_path, order):
    gateway = Gateway(tmp_path)
    first, second, third = order
    config = ("--config", str(gateway.file))
    with (
        started(first, *config, folder=tmp_path),
        started(second, *config, folder=tmp_path),
        started(third, *config, folder=tmp_path),
        started("signer", *config, folder=tmp_path),
    ):
        assert gateway.blocked_page("gambling.test") == 403
        until(lambda: gateway.breaches() == [("proxy", "gambling.test", 1)])
