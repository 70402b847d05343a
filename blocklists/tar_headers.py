"""A tar whose headers are read within bounds: the library keeps all that they say, and applies it to every member.

`tarfile.TarInfo._proc_member` is where the library lets others choose how a header is read.
"""

import tarfile
from typing import Any

from blocklists.bounds import BadArchiveError

LARGEST_OF_ALL = 1000
"""Bytes of headers for every member that follows. git writes 52; 2.3 MB with very many took 33 s to read."""
LARGEST_OF_ONE = 1 << 14
"""Bytes of a header for one member: a name and a link of 4,096 bytes each (PATH_MAX), and times."""
LARGEST_TOGETHER = 16 << 20
"""Bytes of all headers: the times of 100,000 members, at about 150 bytes each."""


class _Header(tarfile.TarInfo):
    """A header that is counted before it is read."""

    def _proc_member(self, archive: Any) -> Any:
        if self.type == tarfile.GNUTYPE_SPARSE:
            self._refuse_sparse()
        if self.type in {tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE}:
            archive.count(self.size, of_all=self.type == tarfile.XGLTYPE)
        return super()._proc_member(archive)  # type: ignore[misc]

    def _refuse_sparse(self, *_: Any) -> None:
        raise BadArchiveError("has a device or something else that no list needs")

    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse_sparse
    """A file with holes has a table of them, which the library holds as numbers, whatever its size."""


class CarefulTar(tarfile.TarFile):
    """An archive that refuses headers beyond the bounds, before they are read."""

    tarinfo = _Header
    of_all = together = 0

    def count(self, size: int, *, of_all: bool) -> None:
        """Count a header of *size* bytes, which may be for all members; BadArchiveError beyond a bound."""
        self.together += size
        self.of_all += size if of_all else 0
        if self.of_all > LARGEST_OF_ALL or size > LARGEST_OF_ONE or self.together > LARGEST_TOGETHER:
            raise BadArchiveError("has larger headers than any list needs")
