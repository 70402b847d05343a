"""When a worker's life is over."""

import pytest

from proxy_addons import life
from proxy_addons.settings import ProxySettings

MB = 1024 * 1024


@pytest.mark.parametrize(
    ("settings", "memory", "age", "why"),
    [
        (ProxySettings(), 100 * MB, 3600, ""),
        (ProxySettings(), 601 * MB, 3600, "it has 601 MB of memory, and 600 is the limit"),
        (ProxySettings(), 601 * MB, life.SETTLED - 1, ""),
        (ProxySettings(worker_memory_mb=0), 10**12, 3600, ""),
        (ProxySettings(), 0, 24 * 3600, "it is 24 hours old"),
        (ProxySettings(worker_hours=0.5), 0, 1800, "it is 0.5 hours old"),
        (ProxySettings(worker_hours=0), 0, 10**9, ""),
    ],
)
def test_a_life_is_over_by_memory_or_age(settings: ProxySettings, memory: int, age: float, why: str) -> None:
    assert life.over(settings, memory, age) == why


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"worker_memory_mb": 199}, "proxy.worker_memory_mb: 199 must be 0 or at least 200"),
        ({"worker_hours": -1}, "proxy.worker_hours: -1 must be between"),
        ({"handover_seconds": 3601}, "proxy.handover_seconds: 3601 must be between"),
        ({"worker_memory_mb": 0, "worker_hours": 0, "handover_seconds": 0}, ""),
    ],
)
def test_a_life_that_makes_no_sense_is_refused(more: dict[str, float], says: str) -> None:
    assert "".join(ProxySettings(**more).problems()).startswith(says)
    assert bool(says) is bool(list(ProxySettings(**more).problems()))
