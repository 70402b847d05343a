"""Downloads that go through ClamAV: clean ones arrive, others do not, and nobody's silence opens anything."""

import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy_addons.downloads import HOLD
from tests.proxy_addons.conftest import House, furnished
from tests.support.clamd import CLAMD, HARMFUL, Speaking, clamd, speaking
from tests.support.origin import Origin
from tests.support.proxy_school import Nameserver, School, running

MB = 1_000_000


@pytest.fixture(scope="module")
def scanning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Speaking]]:
    folder = tmp_path_factory.mktemp("scanning")
    school = School(folder)
    with (
        speaking(folder) as daemon,
        furnished(school, antivirus=daemon.path, antivirus_seconds=1.0, antivirus_mb=20) as house,
    ):
        yield house, daemon


@pytest.fixture
def both(scanning: tuple[House, Speaking]) -> tuple[House, Speaking]:
    house, daemon = scanning
    house.forget()
    daemon.answer, daemon.silent, daemon.closing = b"", False, False
    daemon.taken = daemon.files = 0
    return scanning


def serve(body: bytes, path: str = "/serve", **described: str) -> str:
    return f"{path}?{urllib.parse.urlencode({'disposition': 'attachment', **described, 'hex': body.hex()})}"


def fetched(house: House, path: str, *more: str) -> subprocess.CompletedProcess[bytes]:
    common = ("curl", "-sS", "-i", "--suppress-connect-headers", "--noproxy", "", "-x", house.worker.url)
    trust = ("--cacert", str(house.school.ca))
    return subprocess.run(
        [*common, *trust, *more, house.url("unknown.test", path)], capture_output=True, timeout=30, check=False
    )


def status(done: subprocess.CompletedProcess[bytes]) -> bytes:
    return done.stdout.splitlines()[0].split()[1]


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_clean_file_arrives_whole(both: tuple[House, Speaking], version: str) -> None:
    house, daemon = both
    done = fetched(house, serve(b"clean", zeros=str(3 * MB)), version)
    assert status(done) == b"200"
    assert done.stdout.count(b"\0") == 3 * MB
    assert daemon.taken == 3 * MB + 5


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_harmful_one_is_a_page_and_on_record(both: tuple[House, Speaking], version: str) -> None:
    house, _ = both
    done = fetched(house, serve(b"before" + HARMFUL + b"after", f"/serve/{version}"), version)
    assert status(done) == b"403"
    assert b"something in this file could harm your device" in done.stdout
    assert HARMFUL not in done.stdout
    found = [b for b in house.school.breaches() if b.path == f"/serve/{version}"]
    assert [(b.reason, b.rule) for b in found] == [("infected", "Schoolgate.Test")]


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_long_harmful_one_never_arrives_whole(both: tuple[House, Speaking], version: str) -> None:
    """Its beginning is on its way already; its harm is at the end, which waits."""
    house, daemon = both
    daemon.answer = b"stream: Schoolgate.Test FOUND\0"
    done = fetched(house, serve(b"x", zeros=str(3 * HOLD)), version)
    assert done.returncode != 0
    assert len(done.stdout) < 3 * HOLD


def test_memory_stays_level_while_a_long_file_is_scanned(both: tuple[House, Speaking]) -> None:
    house, _ = both
    fetched(house, serve(b"x", zeros=str(6 * MB)))
    before = house.worker.reset_peak()
    for _ in range(3):
        done = fetched(house, serve(b"x", zeros=str(18 * MB)))
        assert done.returncode == 0
    assert house.worker.memory("VmHWM") - before < 30 * MB


@pytest.mark.parametrize(
    "answer",
    [b"INSTREAM size limit exceeded. ERROR\0", b"stream: Broken ERROR\0", b"stream: OK", b"\0", b"x" * 5000, b"OK\0"],
)
def test_any_other_answer_leaves_the_file_closed(both: tuple[House, Speaking], answer: bytes) -> None:
    house, daemon = both
    daemon.answer = answer
    done = fetched(house, serve(b"clean"))
    assert status(done) == b"503"
    assert b"We could not check this page" in done.stdout


def test_a_daemon_that_says_nothing_leaves_it_closed_in_time(both: tuple[House, Speaking]) -> None:
    house, daemon = both
    daemon.silent = True
    start = time.monotonic()
    assert status(fetched(house, serve(b"clean"))) == b"503"
    assert 0.9 < time.monotonic() - start < 8
    daemon.release.set()


def test_a_daemon_that_closes_leaves_it_closed(both: tuple[House, Speaking]) -> None:
    house, daemon = both
    daemon.closing = True
    assert status(fetched(house, serve(b"clean"))) == b"503"


def test_a_file_that_is_longer_than_the_daemon_takes_is_closed(both: tuple[House, Speaking]) -> None:
    house, _ = both
    done = fetched(house, serve(b"x", zeros=str(21 * MB)))
    assert status(done) == b"503" or done.returncode != 0
    assert len(done.stdout) < 21 * MB


def test_pages_and_pictures_do_not_go_through_it(both: tuple[House, Speaking]) -> None:
    house, daemon = both
    assert b"hello" in fetched(house, "/page").stdout
    assert status(fetched(house, "/serve?type=image/png&hex=89504e47")) == b"200"
    assert not daemon.files


def test_no_piece_of_a_file_is_asked_for(both: tuple[House, Speaking]) -> None:
    house, _ = both
    fetched(house, "/serve/setup.zip?hex=00", "-r", "1-")
    assert "range" not in {name.lower() for name, _ in house.secure.requests[-1].headers}


def test_what_could_not_be_scanned_is_counted(both: tuple[House, Speaking]) -> None:
    house, daemon = both
    line = 'schoolgate_proxy_carried_total{what="unscanned"}'
    before = house.worker.metric(line)
    daemon.closing = True
    fetched(house, serve(b"clean"))
    assert house.worker.metric(line) == before + 1


def test_a_worker_whose_daemon_is_not_there_opens_no_file(school: School, tmp_path: Path) -> None:
    with (
        Nameserver() as dns,
        Origin() as plain,
        running(school, school.settings(dns, plain.port, antivirus=str(tmp_path / "none.sock"))) as worker,
    ):
        url = f"http://unknown.test:{plain.port}"
        assert "503" in worker.curl(url + serve(b"clean")).splitlines()[0]
        assert "hello" in worker.curl(url + "/page")


@pytest.mark.skipif(not Path(CLAMD).exists(), reason="clamd is not installed (Debian: clamav-daemon)")
def test_debians_own_daemon_is_understood(school: School, tmp_path: Path) -> None:
    with (
        clamd(tmp_path) as path,
        Nameserver() as dns,
        Origin() as plain,
        running(school, school.settings(dns, plain.port, antivirus=path)) as worker,
    ):
        url = f"http://unknown.test:{plain.port}"
        assert "something in this file" in worker.curl(url + serve(b"x" + HARMFUL))
        assert "200" in worker.curl(url + serve(b"clean", zeros="200000")).splitlines()[0]
