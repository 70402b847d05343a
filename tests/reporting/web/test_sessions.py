"""Sessions on the server."""

import stat

import pytest

from reporting.web.sessions import IDLE, LONGEST, TOUCH, Sessions
from tests.support.clock import Clock


@pytest.fixture
def clock():
    return Clock(1_800_000_000.0)


@pytest.fixture
def sessions(tmp_path, clock):
    return Sessions(tmp_path / "sessions", clock)


async def test_a_session_is_found_by_its_key_and_by_no_other(sessions):
    key = await sessions.open(7, "ann")
    assert (await sessions.find(key)).account == 7
    assert await sessions.find(key + "x") is None
    assert await sessions.find("") is None
    assert await sessions.find("../../etc/passwd") is None


async def test_a_session_goes_idle(sessions, clock):
    key = await sessions.open(7, "ann")
    clock.now += IDLE
    assert await sessions.find(key) is None
    clock.now -= IDLE
    assert await sessions.find(key) is None, "an ended session must not come back when the clock does"


async def test_use_keeps_a_session_from_going_idle_until_its_longest_life(sessions, clock):
    key = await sessions.open(7, "ann")
    end = clock.now + LONGEST
    while clock.now + IDLE - 1 < end:
        clock.now += IDLE - 1
        assert await sessions.find(key)
    clock.now = end
    assert await sessions.find(key) is None


async def test_a_clock_that_went_back_ends_a_session(sessions, clock):
    key = await sessions.open(7, "ann")
    clock.now -= 2 * TOUCH
    assert await sessions.find(key) is None


async def test_a_session_outlives_a_restart(sessions, clock, tmp_path):
    key = await sessions.open(7, "ann")
    assert await Sessions(tmp_path / "sessions", clock).find(key)


async def test_a_closed_session_is_gone(sessions):
    key = await sessions.open(7, "ann")
    await sessions.close(key)
    assert await sessions.find(key) is None


async def test_half_a_file_is_no_session_and_is_swept(sessions, tmp_path):
    key = await sessions.open(7, "ann")
    [file] = (tmp_path / "sessions").iterdir()
    file.write_bytes(file.read_bytes()[:9])
    assert await sessions.find(key) is None
    file.write_bytes(b"")
    await sessions.open(8, "bob")
    assert not file.exists()


async def test_the_folder_is_nobody_elses_and_holds_no_key(sessions, tmp_path):
    key = await sessions.open(7, "ann")
    folder = tmp_path / "sessions"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    [file] = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert key not in file.name
    assert key.encode() not in file.read_bytes()
