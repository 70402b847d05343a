"""When the filter itself is broken: what pupils meet is a page or a closed connection, never an open filter."""

import inspect
import socket
import subprocess
import threading
import typing
import zlib

import mitmproxy.proxy.layers  # noqa: F401 - registers the hooks that HOOKS is found by
import msgspec
import pytest
from mitmproxy import hooks
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test import tflow
from mitmproxy.tls import ClientHelloData, TlsData

from blocklists import index, snapshot
from proxy_addons.addresses import Reach
from proxy_addons.counters import Counters
from proxy_addons.filter import Filter
from proxy_addons.judge import Judge, NotReadyError
from proxy_addons.resolve import Resolver
from proxy_addons.settings import ProxySettings
from tests.proxy_addons.conftest import House
from tests.support.origin import Origin
from tests.support.proxy_school import Nameserver, Running, School, rulebook, running


def break_index(school: School) -> None:
    """Make an index that opens and whose answers cannot be read: its sets name lists that the manifest has not."""
    build = (school.files.index / index.CURRENT).resolve()
    sets = build / index.FILES[1]
    sets.write_bytes(b"\xff" * sets.stat().st_size)
    manifest = msgspec.json.decode((build / index.MANIFEST).read_bytes(), type=index.Manifest)
    sums = manifest.checksums | {index.FILES[1]: zlib.crc32(sets.read_bytes())}
    manifest = index.checked(msgspec.structs.replace(manifest, checksums=sums))
    (build / index.MANIFEST).write_bytes(msgspec.json.encode(manifest))


def test_a_decision_that_fails_is_a_closed_page_on_record(school: School) -> None:
    break_index(school)
    with Nameserver() as dns, Origin() as origin, running(school, school.settings(dns, origin.port)) as worker:
        answer = worker.curl(f"http://good.test:{origin.port}/x", profile="staff")
        assert "403 Forbidden" in answer
        assert "we could not check it just now" in answer
        assert origin.connections == 0
    assert [(b.host, b.reason) for b in school.breaches()] == [("good.test", "failure")]


def test_a_profile_that_the_rulebook_does_not_have_sees_nothing(house: House) -> None:
    assert "403 Forbidden" in house.worker.curl(house.plain_url("good.test"), profile="ghost")
    assert "403" in house.worker.curled(house.url("good.test"), profile="ghost").stdout
    assert house.plain.connections + house.secure.connections == 0


def test_a_decision_that_fails_is_counted_and_said_once_without_a_host(school: School) -> None:
    with Nameserver() as dns, Origin() as origin, running(school, school.settings(dns, origin.port)) as worker:
        assert worker.metric("schoolgate_proxy_hook_failures_total") == 0
        for number in (1, 2, 3):
            worker.curl(f"http://good.test:{origin.port}/", profile="ghost")
            assert worker.metric("schoolgate_proxy_hook_failures_total") == number
    said = [line for line in (school.folder / "worker-0.log").read_text().splitlines() if "decision failed" in line]
    assert len(said) == 1
    assert "KeyError" in said[0]
    assert "good.test" not in said[0]


def test_without_a_policy_the_worker_waits_and_closes_every_connection(school: School) -> None:
    hidden = school.files.policy.rename(school.files.policy.with_name("hidden"))
    with Nameserver() as dns, Origin() as origin, socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        workers: list[Running] = []
        start = running(school, school.settings(dns, origin.port, listen=(f"127.0.0.1:{port}",)))
        starting = threading.Thread(target=lambda: workers.append(start.__enter__()))
        starting.start()
        asked = ["curl", "-sS", "--noproxy", "", "-x", f"http://127.0.0.1:{port}", f"http://good.test:{origin.port}/"]
        closed = b"refused"
        while b"refused" in closed or b"connect to" in closed:
            closed = subprocess.run(asked, capture_output=True, check=False).stderr
        assert b"Empty reply" in closed or b"reset" in closed
        assert not workers
        hidden.rename(school.files.policy)
        starting.join(60)
        assert b"hello from good.test" in subprocess.run(asked, capture_output=True, check=False).stdout
        start.__exit__(None, None, None)
        assert workers[0].port == port
    assert len(origin.requests) == 1


def test_a_new_policy_is_in_force_without_a_restart(school: School) -> None:
    with Nameserver() as dns, Origin() as origin, running(school, school.settings(dns, origin.port)) as worker:
        url = f"http://good.test:{origin.port}/"
        assert "hello from" in worker.curl(url)
        book = rulebook()
        closed = msgspec.structs.replace(book.profiles["ks2"], block=("good.test",))
        school.write_policy(msgspec.structs.replace(book, profiles=book.profiles | {"ks2": closed}), version=2)
        while worker.metric("schoolgate_policy_version") != 2:
            pass
        assert "your school has closed it" in worker.curl(url)


def test_a_damaged_snapshot_changes_nothing_and_is_counted(school: School) -> None:
    with Nameserver() as dns, Origin() as origin, running(school, school.settings(dns, origin.port)) as worker:
        school.files.policy.with_name("new").write_bytes(b"SGSNAP1\nnonsense")
        school.files.policy.with_name("new").replace(school.files.policy)
        while not worker.metric("schoolgate_snapshots_refused_total"):
            pass
        assert "403" in worker.curl(f"http://gambling.test:{origin.port}/")
        assert "hello from" in worker.curl(f"http://good.test:{origin.port}/")


class Broken:
    """Stands for a state that cannot be read at all."""

    ready = True
    policy = None
    clients = None
    version = 0


async def test_an_answer_whose_reading_fails_is_not_shown() -> None:
    made, counters = a_filter()
    flow = tflow.tflow(resp=True)
    flow.live = True
    flow.response.headers["content-type"] = "text/html"
    flow.metadata["schoolgate_scanned"] = "no request"
    assert made.pages.begin(flow)
    await made.response(flow)
    assert counters.failures == 1
    assert flow.error
    assert len(made.pages.holds) == 0


HOOKS = sorted(name for name in vars(Filter) if name in hooks.all_hooks)
"""Every hook that the filter has, found as mitmproxy finds it: by its name."""


def a_filter() -> tuple[Filter, Counters]:
    counters = Counters()
    judge = Judge(Broken(), None, counters)
    return Filter(judge, Resolver(("127.0.0.1", 1), Reach()), ProxySettings(), counters), counters


def wreck(filtering: Filter) -> None:
    """Take every part away but the two that say what is closed and what was counted."""
    for part in vars(filtering).keys() - {"_counters", "_closed"}:
        setattr(filtering, part, None)


def argument_of(hook: str) -> object:
    """What mitmproxy hands to *hook*, in a form that no hook can use."""
    kind = next(iter(typing.get_type_hints(getattr(Filter, hook)).values()))
    flow = tflow.tflow(resp=hook.startswith("response"))
    flow.metadata["schoolgate"] = "no refusal"
    flow.server_conn.address = ("10.0.0.1", "no port")
    if flow.response:
        flow.server_conn.address = (None, 80)
    hello = ClientHelloData(Context(flow.client_conn, None), None)
    hello.ignore_connection = hello.establish_server_tls_first = True
    server = ServerConnectionHookData(flow.server_conn, flow.client_conn)
    made = (flow, flow.client_conn, hello, TlsData(flow.client_conn, hello.context), server)
    return next(one for one in made if type(one) is kind)


def is_closed(filtering: Filter, data: object) -> bool:
    match data:
        case ClientHelloData():
            peer = data.context.client
            return filtering.refuses(peer) and not (data.ignore_connection or data.establish_server_tls_first)
        case ServerConnectionHookData():
            return bool(data.server.error)
        case TlsData():
            return True  # the handshake had failed already
        case _:
            return bool(data.error)


def test_whatever_the_filter_awaits_for_the_library_is_one_of_its_hooks() -> None:
    tasks = {name for name, member in vars(Filter).items() if inspect.iscoroutinefunction(member)}
    assert {name for name in tasks if not name.startswith("_")} == set(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
async def test_a_hook_that_fails_closes_what_it_was_about(hook: str) -> None:
    filtering, counters = a_filter()
    wreck(filtering)
    data = argument_of(hook)
    await getattr(filtering, hook)(data)
    assert is_closed(filtering, data)
    assert counters.failures == 1


@pytest.mark.parametrize("hook", ["http_connect", "requestheaders"])
async def test_a_hook_that_fails_before_anything_was_sent_answers_with_a_page(hook: str) -> None:
    filtering, _ = a_filter()
    flow = tflow.tflow()
    flow.request.method = "CONNECT" if hook == "http_connect" else "GET"
    flow.request.port = 443
    await getattr(filtering, hook)(flow)
    await filtering.request(flow)
    assert flow.response.status_code == 503
    assert not flow.error
    assert flow.request.method == "CONNECT" or flow.request.host.endswith(".invalid")


def test_there_is_no_verdict_without_a_policy() -> None:
    with pytest.raises(NotReadyError):
        _ = Judge(Broken(), None, Counters()).policy


def test_a_snapshot_that_breaks_the_reader_leaves_the_worker_up(school: School) -> None:
    with Nameserver() as dns, Origin() as origin, running(school, school.settings(dns, origin.port)) as worker:
        snapshot.write(school.files.permits, {"permits": [{"number": 1}]}, version=2, written_ns=2)
        while not worker.metric("schoolgate_snapshots_refused_total"):
            pass
        assert "403" in worker.curl(f"http://gambling.test:{origin.port}/")
