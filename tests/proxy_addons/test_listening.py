"""The connections that come to a worker."""

import contextlib
import socket

from proxy_addons.listening import waiting
from tests.support.origin import Origin
from tests.support.proxy_school import Nameserver, School, running


def test_several_workers_share_one_address(school: School) -> None:
    with Nameserver() as dns, Origin() as origin, running(school, school.settings(dns, origin.port)) as first:
        settings = school.settings(dns, origin.port, listen=(f"127.0.0.1:{first.port}",))
        with running(school, settings, instance=1) as second:
            assert second.port == first.port
            for number in range(30):
                assert "hello" in first.curl(f"http://good.test:{origin.port}/{number}")
            both = [w.metric("schoolgate_proxy_connections_total") for w in (first, second)]
        assert sum(both) == 30
        assert all(both)


def test_a_worker_listens_on_several_addresses(school: School) -> None:
    with Nameserver() as dns, Origin() as origin:
        settings = school.settings(dns, origin.port, listen=("127.0.0.1:0", "127.0.0.9:0"))
        with running(school, settings) as worker:
            log = (school.folder / "worker-0.log").read_text()
            assert "127.0.0.1:0, 127.0.0.9:0" in log
            assert "hello" in worker.curl(f"http://good.test:{origin.port}/")


def test_connections_that_wait_to_be_accepted_are_taken_before_their_listener_closes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as open_ones:
        listener.setblocking(False)
        for _ in range(3):
            open_ones.enter_context(socket.create_connection(listener.getsockname()))
        taken = [open_ones.enter_context(one) for one in waiting(listener)]
    assert len(taken) == 3
