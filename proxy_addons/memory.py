"""How much memory this process has."""

import os
from pathlib import Path

_STATM = Path("/proc/self/statm")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def memory() -> int:
    """The resident memory of this process in bytes."""
    return int(_STATM.read_text().split()[1]) * _PAGE
