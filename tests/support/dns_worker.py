"""One DNS worker as a process of its own, to be pinned, measured or killed.

    python -m tests.support.dns_worker FOLDER UPSTREAM [--port N] [--instance N] [--without FEATURE]...

FOLDER is a school (`tests.support.school`), UPSTREAM an address with a port. It prints its own port once it is ready.
Everything is on that a school's worker has on, with the defaults of the settings; `FEATURES` says what can be left out.
"""

import argparse
import asyncio
from collections.abc import Hashable
from pathlib import Path

from blocklists.live import Files
from dns_filter import batch, server
from dns_filter.settings import DnsSettings
from reporting.breach import Breach
from reporting.journal import Journal
from reporting.recorder import Recorder

NO_FLOOD = 1 << 40
"""Questions: a bucket that nobody empties."""
SEED = bytes(32)
"""The first key of its journal's chain."""

FEATURES = {
    "batch": "many packets in one system call",
    "journal": "breaches on record, repeats counted",
    "inner": "the listener for our own proxies",
    "visits": "which sites a client was let through to",
    "floods": "the bucket of each client",
    "metrics": "the port of metrics, which nobody scrapes",
}
"""What `--without` takes. One more is a line here and one in `settings` or `main`; `make bench-dns` measures each."""


class Forgetful(Recorder):
    """Keeps no record: what a worker without a journal would cost."""

    def first(self, name: Hashable, breach: Breach, address: str = "", asked: bytes = b"") -> Hashable:  # noqa: ARG002
        """Nothing is written, and so nothing counted."""
        return ""


def announce(endpoints: dict[str, tuple[str, int]]) -> None:
    """Print the port of the school's listener."""
    print(endpoints["dns"][1], flush=True)  # noqa: T201 - who started us reads it


def options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder of a school")
    parser.add_argument("upstream", help="the resolver to ask, as 127.0.0.1:53")
    parser.add_argument("--port", type=int, default=0, help="where to listen; two workers may have the same")
    parser.add_argument("--instance", type=int, default=0, help="the worker's number, in its journal's name")
    parser.add_argument("--without", action="append", default=[], choices=FEATURES, help="leave this out")
    return parser.parse_args()


def settings(chosen: argparse.Namespace) -> DnsSettings:
    """A school's settings, with what was *chosen*."""
    return DnsSettings(
        listen=(f"127.0.0.1:{chosen.port}",),
        inner="" if "inner" in chosen.without else "127.0.0.1:0",
        upstream=(chosen.upstream,),
        closed_address_v4="192.0.2.99",
        client_burst=NO_FLOOD if "floods" in chosen.without else DnsSettings().client_burst,
    )


async def main(chosen: argparse.Namespace) -> None:
    """Serve until killed."""
    files = Files(chosen.folder / "state", chosen.folder / "keys", chosen.folder / "spool")
    journal = Journal.open(files.spool, site="test", kind="dns", instance=chosen.instance, seed=SEED)
    recorder = (Forgetful if "journal" in chosen.without else Recorder)(journal)
    metrics = None if "metrics" in chosen.without else ("127.0.0.1", 0)
    batch.usable = batch.usable and "batch" not in chosen.without
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(recorder.run())
        tasks.create_task(
            server.serve(
                settings(chosen),
                files,
                recorder,
                instance=chosen.instance,
                metrics=metrics,
                ready=announce,
                more=server.More(visits="visits" not in chosen.without),
            )
        )


if __name__ == "__main__":
    asyncio.run(main(options()))
