"""What the health page is told of the machine: which processes there should be, and which files it should look at."""

from collections.abc import Mapping
from pathlib import Path

import msgspec


class Machine(msgspec.Struct, frozen=True):
    """*processes*: where each answers scrapes, by name. *certificates*: PEM files by what they are for.

    *disks*: folders by what is kept there.
    """

    processes: Mapping[str, tuple[str, int]] = {}
    certificates: Mapping[str, Path] = {}
    disks: Mapping[str, Path] = {}
