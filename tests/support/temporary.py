"""Where tests make their files: in memory where it has room, for a disk takes 10 ms and more for each of our syncs.

Every call to sync a file is made there too; what a disk does when the power fails, no test could show on either.
"""

import os
import re
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 2 << 30
"""Bytes that must be free there, and twice as many in the machine; runs of three folders at once had 0.35 GB in it."""


def folder() -> Path | None:
    """The folder in memory; None where there is none, or too little of it, or nothing in it may be executed."""
    try:
        found = os.statvfs(MEMORY)
        there = re.search(r"^MemAvailable: +(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    except OSError:
        return None
    if there is None or found.f_flag & os.ST_NOEXEC or not os.access(MEMORY, os.W_OK | os.X_OK):
        return None
    is_room = found.f_bavail * found.f_frsize >= ROOM and int(there[1]) * 1024 >= 2 * ROOM
    return MEMORY if is_room else None
