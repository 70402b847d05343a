"""Where the two ways of waiting meet: an answer that is held to be read, and that is looked at and cut as well."""

import gzip
import subprocess
import urllib.parse
from collections.abc import Iterator

import pytest

from proxy_addons.held import MOST
from tests.proxy_addons.conftest import House, furnished
from tests.proxy_addons.test_page_scan import BAD, GOOD, until
from tests.support.clamd import HARMFUL, speaking
from tests.support.proxy_school import ADDRESSES, School

PROGRAM = bytes.fromhex("4d5a90000300000004000000ffff0000b8")
START = b"<!doctype html><p>" + GOOD.encode()
LONG = MOST + 1_000_000
"""Bytes that are more than is held."""


@pytest.fixture(scope="module", params=["--http1.1", "--http2"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def scanning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with an antivirus."""
    folder = tmp_path_factory.mktemp("held")
    school = School(folder)
    with speaking(folder) as daemon, furnished(school, antivirus=daemon.path) as house:
        yield house


def answer(house: House, path: str, body: bytes, *more: str, profile: str = "ks3", **described: str) -> bytes:
    """All that a pupil whose profile closes programs gets of an answer, with what curl says of it."""
    described = {"type": "text/html", **described}
    url = house.url("unknown.test", f"/serve{path}?{urllib.parse.urlencode({**described, 'hex': body.hex()})}")
    device = ("--interface", ADDRESSES[profile], "-x", house.worker.url, "--cacert", str(house.school.ca))
    common = ("curl", "-sS", "-i", "--suppress-connect-headers", "--noproxy", "", *device)
    done = subprocess.run([*common, *more, url], capture_output=True, timeout=60, check=False)
    return done.stdout + done.stderr


def on_record(house: House, path: str) -> list[tuple[str, str]]:
    return [(b.reason, b.rule) for b in house.school.breaches() if b.path == f"/serve{path}"]


def test_a_long_page_that_is_a_program_is_refused_before_any_of_it_is_out(house: House, version: str) -> None:
    path = f"/program{version}"
    got = answer(house, path, PROGRAM, version, filling=str(LONG))
    assert b" 403" in got.splitlines()[0]
    assert b"files of this kind" in got
    assert b"filling" not in got
    assert on_record(house, path) == [("download", "program")]


def test_a_page_that_is_closed_for_both_is_refused_and_recorded_once(house: House, version: str) -> None:
    path = f"/both{version}"
    got = answer(house, path, b"MZ<!doctype html>" + BAD.encode(), version, filling=str(LONG))
    assert b" 403" in got.splitlines()[0]
    assert got.count(b"<!doctype html>") == 1
    assert len(on_record(house, path)) == 1


def test_a_page_that_is_short_and_closed_for_both_is_too(house: House, version: str) -> None:
    path = f"/short{version}"
    got = answer(house, path, b"MZ<!doctype html>" + BAD.encode(), version)
    assert b" 403" in got.splitlines()[0]
    assert len(on_record(house, path)) == 1


def test_a_page_whose_words_come_late_is_cut_though_nothing_else_is_wrong_with_it(house: House, version: str) -> None:
    path = f"/late{version}"
    got = answer(house, path, START, version, filling=str(LONG), behind=BAD.encode().hex())
    assert b" 200" in got.splitlines()[0]
    assert b"free spins" not in got
    assert b"curl: (" in got.splitlines()[-1], "the answer did not end well"
    assert [rule[:5] for _, rule in on_record(house, path)] == ["score"]


def test_the_connection_of_an_answer_that_was_cut_harms_no_other(house: House, version: str) -> None:
    answer(house, "/cut", START, version, filling=str(LONG), behind=BAD.encode().hex())
    assert b" 200" in answer(house, "/next", START, version).splitlines()[0]


@pytest.mark.parametrize("described", [{}, {"type": "application/octet-stream"}], ids=["a page", "of no type"])
def test_a_long_page_that_is_closed_for_nothing_arrives_as_it_is(house: House, version: str, described: dict) -> None:
    got = answer(house, "/whole", START, version, filling=str(LONG), behind=b"the end".hex(), **described)
    body = got.partition(b"\r\n\r\n")[2]
    assert body.startswith(START)
    assert body.endswith(b"<p>fillingthe end")
    assert len(body) > LONG - 50_000


def test_a_packed_program_that_says_it_is_a_page_is_refused(house: House, version: str) -> None:
    body = gzip.compress(PROGRAM + b"<p>page" * 300)
    got = answer(house, "/packed", body, version, encoding="gzip", zeros=str(LONG))
    assert b" 403" in got.splitlines()[0]


def test_nothing_stays_held_of_a_program_whose_pupil_leaves(house: House, version: str) -> None:
    answer(house, "/leaves", PROGRAM, version, "--max-time", "0.2", filling=str(LONG))
    until(lambda: house.worker.metric("schoolgate_proxy_held_bytes") == 0)


@pytest.mark.parametrize("filling", [0, LONG, 4 * LONG], ids=["held whole", "longer", "on its way"])
def test_what_the_antivirus_finds_in_a_page_to_be_saved_is_never_whole(
    scanning: House, version: str, filling: int
) -> None:
    described = {"disposition": "attachment; filename=page.html", "filling": str(filling)}
    got = answer(scanning, "/harm", START, version, profile="ks2", behind=HARMFUL.hex(), **described)
    assert HARMFUL not in got
    assert (b" 403" in got.splitlines()[0]) is (filling < 4_000_000)


def test_words_that_come_late_close_a_page_that_the_antivirus_lets_pass(scanning: House, version: str) -> None:
    described = {"disposition": "attachment; filename=page.html", "filling": str(LONG)}
    got = answer(scanning, "/words", START, version, profile="ks2", behind=BAD.encode().hex(), **described)
    assert b" 403" in got.splitlines()[0], "the antivirus waits for the end, so nothing was out"
    assert b"free spins" not in got
