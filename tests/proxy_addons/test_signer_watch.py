"""Whether the signer is there, as a worker sees it."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from proxy_addons import signer_watch, signing
from proxy_addons.counters import Counters
from tests.support.proxy_school import School
from tests.support.signing_school import signing_for


async def test_a_signer_that_is_up_answers_and_has_nothing_to_say_of_it(
    school: School, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "schoolgate.signer")
    async with signing_for(school) as path:
        assert await signer_watch.answers(path)
    assert caplog.messages == []


async def test_one_that_has_gone_or_never_came_does_not(school: School, tmp_path: Path) -> None:
    async with signing_for(school) as path:
        pass
    assert [await signer_watch.answers(one) for one in (path, tmp_path / "nowhere" / "signer")] == [False, False]


async def test_one_whose_loop_hangs_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signer_watch, "PATIENCE", 0.1)
    with signing.listening(tmp_path / "signer") as silent:
        silent.listen()
        assert not await signer_watch.answers(tmp_path / "signer")


async def test_the_counter_follows_a_signer_that_comes_and_goes(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signer_watch, "EVERY", 0.01)
    counters = Counters()

    async def comes_to(*, silent: bool) -> None:
        for _ in range(3_000):
            if counters.signer_silent is silent:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"the counter stays at {counters.signer_silent}")

    async with contextlib.AsyncExitStack() as stack:
        path = await stack.enter_async_context(signing_for(school))
        watching = asyncio.create_task(signer_watch.keep(path, counters))
        await comes_to(silent=False)
        await stack.aclose()
        await comes_to(silent=True)
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
