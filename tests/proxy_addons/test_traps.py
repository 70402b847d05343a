"""What of mitmproxy's own must be off or away: each was found to let something through (DESIGN.md, traps)."""

from collections.abc import Iterator

import pytest

from blocklists.live import Live
from proxy_addons.worker import Worker
from reporting.journal import Journal
from reporting.recorder import Recorder
from tests.support.proxy_school import SEED, Nameserver, School, running


@pytest.fixture
async def worker(school: School) -> Iterator[Worker]:
    journal = Journal.open(school.files.spool, site="oak", kind="proxy", instance=0, seed=SEED)
    live = Live(school.files)
    live.refresh()
    yield Worker(school.settings(Nameserver()), live, Recorder(journal), str(school.folder / "servers.pem"))
    journal.close()


async def test_no_addon_of_the_librarys_is_there_but_the_server_itself(worker: Worker) -> None:
    """Its Block addon closes to clients with public addresses, its CA page answers on a host of its own, and so on."""
    theirs = [type(one).__name__ for one in worker._master.addons.chain if type(one).__module__.startswith("mitmproxy")]
    assert theirs == ["Proxyserver"]


async def test_the_filter_is_asked_after_those_who_only_look_and_before_those_who_send_on(worker: Worker) -> None:
    names = [type(one).__name__ for one in worker._master.addons.chain]
    assert names.index("Distrusting") < names.index("Filter") < names.index("UpstreamProxy")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("server", False),
        ("rawtcp", False),
        ("http3", False),
        ("connection_strategy", "lazy"),
        ("upstream_cert", False),
        ("ssl_insecure", False),
        ("tls_version_client_min", "TLS1_2"),
        ("tls_version_server_min", "TLS1_2"),
        ("store_streamed_bodies", False),
        ("keep_host_header", False),
        ("request_client_cert", False),
        ("add_upstream_certs_to_client_chain", False),
    ],
)
async def test_an_option_that_opens_something_has_the_closed_value(worker: Worker, option: str, value: object) -> None:
    assert getattr(worker._master.options, option) == value


def test_a_worker_needs_no_key_of_the_authority_and_no_certificate_of_it(school: School) -> None:
    (school.folder / "keys" / "ca.key").unlink()
    nowhere = str(school.folder / "nowhere.pem")
    with Nameserver() as dns:
        settings = school.settings(dns, ca_certificate=nowhere, ca_key=nowhere)
        with running(school, settings, instance=1) as worker:
            assert "403 Forbidden" in worker.curl("http://gambling.test/")
