"""Our own worker as one of the servers, with everything on, or without some of it; and the floor, a bare loop in C."""

import sys

from tests.bench.dns.server import Place, Server
from tests.bench.dns.stage import Stage


def worker(*without: str, instance: int = 0) -> Server:
    """A worker with all features and journals, *without* some of them (`tests.support.dns_worker`)."""

    def command(where: Place) -> list[str]:
        left_out = [word for feature in without for word in ("--without", feature)]
        school, upstream = str(where.lists.school.folder), f"127.0.0.1:{where.upstream}"
        options = ["--port", str(where.port), "--instance", str(instance), *left_out]
        return [sys.executable, "-m", "tests.support.dns_worker", school, upstream, *options]

    return Server(f"schoolgate without {', '.join(without)}" if without else "schoolgate", command)


def floor(stage: Stage) -> Server:
    """A loop in C that receives and answers, and does nothing else."""
    return Server(
        "bare C loop", lambda where: [stage.program("udp_loop"), str(where.port)], program="gcc", filters=False
    )
