"""A worker whose life is over has another take its place, and goes on until it is told to end."""

import asyncio
import contextlib

import pytest

from proxy_addons import life
from proxy_addons.replacing import Replacing
from proxy_addons.settings import ProxySettings

OLD_AT_ONCE = ProxySettings(worker_hours=1e-9)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "EVERY", 0.001)


@contextlib.asynccontextmanager
async def waiting(replacing: Replacing, given_up: list[str]):
    task = asyncio.create_task(replacing.wait(lambda: given_up.append("metrics")))
    async with asyncio.timeout(30):
        yield
    task.cancel()
    await asyncio.wait([task])


async def test_another_is_asked_for_once_the_port_of_metrics_is_free() -> None:
    order, asked = [], asyncio.Event()

    async def replace() -> None:
        order.append("another")
        asked.set()

    replacing = Replacing(OLD_AT_ONCE, replace)
    assert not replacing.is_replaced()
    async with waiting(replacing, order):
        await asked.wait()
    assert order == ["metrics", "another"]
    assert replacing.is_replaced()


async def test_a_worker_that_could_not_be_replaced_says_so_and_asks_again_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(life, "AGAIN", 0.01)
    again, times = asyncio.Event(), []

    async def replace() -> None:
        times.append(1)
        if len(times) > 1:
            again.set()
        raise OSError("no room")

    async with waiting(Replacing(OLD_AT_ONCE, replace), []):
        await again.wait()
    assert "No other worker could be started: no room." in caplog.text
