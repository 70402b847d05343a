"""When the filter itself is broken: what pupils meet is a page or a closed connection, never an open filter."""

import socket
import subprocess
import threading
import zlib

import mitmproxy.proxy.layers  # noqa: F401 - registers the hooks that HOOKS is found by
import msgspec

from blocklists import index, snapshot
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


def test_a_snapshot_that_breaks_the_reader_leaves_the_worker_up(school: School) -> None:
    with Nameserver() as dns, Origin() as origin, running(school, school.settings(dns, origin.port)) as worker:
        snapshot.write(school.files.permits, {"permits": [{"number": 1}]}, version=2, written_ns=2)
        while not worker.metric("schoolgate_snapshots_refused_total"):
            pass
        assert "403" in worker.curl(f"http://gambling.test:{origin.port}/")
