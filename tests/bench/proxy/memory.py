"""What a worker's memory does: with opened connections held, under a mixed load, and with thousands of hosts."""

from tests.bench.proxy.stage import MANY, OPENED, Stage
from tests.bench.proxy.subjects import FRONT, Running, started
from tests.bench.report import Row, say

HELD = 250
"""Opened connections of one client: it may have 256."""
LOOKS = 10
HOSTS = 10_000


def measure(stage: Stage) -> list[Row]:
    """Ours, three ways."""
    with started(FRONT, stage) as running:
        stage.ask("tls", running.port, OPENED, "4.html", seconds=1)
        before = running.memory_kb()
        with stage.holding(running.port, OPENED, HELD) as held:
            each = (running.memory_kb() - before) / max(held, 1)
        say(f"\n  {held} opened connections held: {each:.0f} KB each")
        rows = [Row("memory of a held opened connection", each, "KB")]
        return [*rows, *_mixed(stage, running), *_hosts(stage, running)]


def _mixed(stage: Stage, running: Running) -> list[Row]:
    """Requests of every kind in turns; memory after each tenth."""
    count, looks = 0, []
    for look in range(LOOKS):
        for mode, page in (("plain", "4"), ("tls", "4"), ("new", "4"), ("plain", "100"), ("tls", "100")):
            count += stage.ask(mode, running.port, OPENED, f"{page}.html", seconds=stage.seconds / 2).count
        looks.append(running.memory_kb() / 1024)
        say(f"  {count:9,} requests of a mixed load: {looks[look]:6.1f} MB")
    grown = looks[-1] / looks[0]
    return [Row("memory after a mixed load", looks[-1], "MB", "after its first tenth", 1 / grown)]


def _hosts(stage: Stage, running: Running) -> list[Row]:
    """A new host for each connection: certificates are made and kept within a bound."""
    before, count, failed = running.memory_kb(), 0, 0
    while count < HOSTS:
        asked = stage.ask("new", running.port, MANY, "4.html", processes=1, seconds=(HOSTS - count) / 40)
        count, failed = count + asked.count, failed + asked.failed
        if asked.seconds > stage.seconds * 100 or asked.count < HOSTS:
            break
    grown = (running.memory_kb() - before) / 1024
    say(f"  {count:,} hosts that are opened ({failed} failed): {grown:+.1f} MB, {grown / count * 1024:.1f} KB each")
    return [Row(f"memory grown over {count:,} opened hosts", grown, "MB")]
