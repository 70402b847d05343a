"""What the health page is told of the machine: which processes there should be, and which files it should look at."""

from collections.abc import Mapping
from pathlib import Path

import msgspec


class Machine(msgspec.Struct, frozen=True):
    """*processes*: where each answers scrapes, by name. *certificates*: PEM files by what they are for.

    *disks*: folders by what is kept there. *signer*: whether there should be one, which the workers tell of, as nobody
    else may come near it (G19). *backups*: where those of the database lie; None where a server makes its own.
    """

    processes: Mapping[str, tuple[str, int]] = {}
    certificates: Mapping[str, Path] = {}
    disks: Mapping[str, Path] = {}
    signer: bool = False
    backups: Path | None = None
