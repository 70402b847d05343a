"""What memory does: with opened connections held, under a mixed load, and with thousands of hosts that are opened."""

from typing import NamedTuple

from proxy_addons.leaves import CAP
from tests.bench.proxy.stage import CLOSED, MANY, OPENED, Stage
from tests.bench.proxy.subjects import FRONT, Running, peers, started
from tests.bench.report import Row, say

HELD = 500
"""Opened connections, a hundred of each client."""
LOOKS = 10
"""Looks at the memory over a load."""
PATIENCE = 3600
"""Seconds for one part of a load."""


class Share(NamedTuple):
    """A part of the mixed load: *of_hundred* requests in *mode* to *host* for *page*, answered with *status*."""

    of_hundred: int
    mode: str
    host: str = OPENED
    page: str = "4.html"
    status: int = 200


MIXED = (
    Share(40, "plain"),
    Share(35, "tls"),
    Share(9, "plain", page="100.html"),
    Share(9, "tls", page="100.html"),
    Share(4, "new"),
    Share(3, "plain", CLOSED, status=403),
)
"""As a class has it: most on connections that stay, some on new ones, some of what is asked for closed."""


def measure(stage: Stage) -> list[Row]:
    """Ours, three ways, and the peers that open connections with as many held."""
    with started(FRONT, stage) as running:
        rows = [_held(stage, running), *_mixed(stage, running), *_hosts(stage, running)]
    for one in peers(stage, "held"):
        try:
            with started(one, stage) as running:
                rows.append(_held(stage, running))
        except RuntimeError as error:
            say(f"  left out: {error}")
    return rows


def _held(stage: Stage, running: Running) -> Row:
    name, host = running.subject.name, running.subject.opened
    stage.ask("tls", running.port, host, "4.html", seconds=1)
    with stage.holding(running.port, host, 50):
        pass
    before = running.memory_kb()
    with stage.holding(running.port, host, HELD) as held:
        each = (running.memory_kb() - before) / max(held, 1)
    say(f"  {name:18} {held} of {HELD} opened connections held: {each:6.0f} KB each")
    return Row(f"memory of a held opened connection, {name}", each, "KB")


def _mixed(stage: Stage, running: Running) -> list[Row]:
    """Requests of every kind in turns; memory after each tenth."""
    count, failed, looks = 0, 0, list[float]()
    for look in range(LOOKS):
        for share in MIXED:
            wanted = max(1, stage.requests * share.of_hundred // 100 // LOOKS)
            given = {"count": wanted, "status": share.status, "seconds": PATIENCE}
            asked = stage.ask(share.mode, running.port, share.host, share.page, **given)
            count, failed = count + asked.count, failed + asked.failed
        looks.append(running.memory_kb() / 1024)
        say(f"  {count:9,} requests of a mixed load, {failed} failed: {looks[look]:6.1f} MB ({_by_process(running)})")
    grown = looks[-1] / looks[0]
    stage.kept["mixed"] = looks
    return [Row("memory after a mixed load", looks[-1], "MB", "after its first tenth", 1 / grown)]


def _by_process(running: Running) -> str:
    return ", ".join(f"{name} {running.memory_mb_of(name):.1f}" for name in running.processes)


def _hosts(stage: Stage, running: Running) -> list[Row]:
    """A new host for each connection: the worker keeps as many certificates as it may, and no more."""
    say(f"  hosts that are opened; certificates of {CAP:,} are kept, and the signer makes fifty a second")
    began, count, failed, looks = running.memory_mb_of("worker"), 0, 0, list[float]()
    step = stage.hosts // LOOKS
    for look in range(LOOKS):
        given = {"count": step, "first": look * step, "seconds": PATIENCE}
        asked = stage.ask("new", running.port, MANY, "4.html", **given)
        count, failed = count + asked.count, failed + asked.failed
        looks.append(running.memory_mb_of("worker") - began)
        say(f"  {count:9,} hosts, {failed} failed, {asked.count / asked.seconds:.0f} a second: {looks[look]:+6.1f} MB")
    stage.kept["hosts"] = looks
    return [Row(f"memory of the worker grown over {count:,} opened hosts", looks[-1], "MB")]
