"""One DNS worker as a process of its own, to be pinned, measured or killed.

    python -m tests.support.dns_worker FOLDER UPSTREAM [each]

FOLDER is a school (`tests.support.school`), UPSTREAM an address with a port. It prints its own port once it is ready.
With "each" it makes a system call for each packet, as on a machine that has no other.
"""

import asyncio
import sys
from pathlib import Path

from blocklists.live import Files
from dns_filter import batch, server
from dns_filter.settings import DnsSettings
from reporting.journal import Journal
from reporting.recorder import Recorder

SEED = bytes(32)
"""The first key of its journal's chain."""


def announce(endpoints: dict[str, tuple[str, int]]) -> None:
    """Print the port of the school's listener."""
    print(endpoints["dns"][1], flush=True)  # noqa: T201 - who started us reads it


async def main(folder: Path, upstream: str) -> None:
    """Serve until killed."""
    files = Files(folder / "state", folder / "keys", folder / "spool")
    recorder = Recorder(Journal.open(files.spool, site="test", kind="dns", instance=0, seed=SEED))
    settings = DnsSettings(
        listen=("127.0.0.1:0",), inner="", upstream=(upstream,), closed_address_v4="192.0.2.99", cache_entries=40000
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(recorder.run())
        tasks.create_task(server.serve(settings, files, recorder, instance=0, metrics=None, ready=announce))


if __name__ == "__main__":
    batch.usable = batch.usable and "each" not in sys.argv
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
