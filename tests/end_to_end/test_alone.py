"""Each process by itself, in any order, straight after init."""

import contextlib
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


@contextlib.contextmanager
def web(gateway, folder):
    """The web filter alone: a front door, a worker and a signer."""
    config = ("--config", str(gateway.file))
    with (
        started("peek", *config, folder=folder),
        started("worker", *config, folder=folder),
        started("signer", *config, folder=folder),
    ):
        yield


def test_the_web_filter_works_alone(tmp_path):
    gateway = Gateway(tmp_path)
    with web(gateway, tmp_path):
        assert gateway.blocked_page("gambling.test") == 403
        assert gateway.blocked_page("gambling.test", source=STAFF) == 403


def test_reporting_starts_alone_and_takes_up_what_was_written_before(tmp_path):
    gateway = Gateway(tmp_path)
    with web(gateway, tmp_path):
        assert gateway.blocked_page("gambling.test") == 403
    with started("reporting", "--config", str(gateway.file), folder=tmp_path):
        until(lambda: gateway.breaches() == [("proxy", "gambling.test", 1)])


ORDERS = [
    (*order[: place % 4], "peek", *order[place % 4 :])
    for place, order in enumerate(itertools.permutations(("dns", "worker", "reporting")))
]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_they_start_in_any_order(tmp_path, order):
    gateway = Gateway(tmp_path)
    config = ("--config", str(gateway.file))
    with contextlib.ExitStack() as running:
        for process in (*order, "signer"):
            running.enter_context(started(process, *config, folder=tmp_path))
        assert gateway.blocked_page("gambling.test") == 403
        until(lambda: gateway.breaches() == [("proxy", "gambling.test", 1)])
