"""Which sites our own scan found clean: kept from the workers' journals, and written for everybody who decides.

The only writer of the snapshot `known`. It is written a minute after something changed, at most: a new policy makes
each process decide anew, and a site that becomes known a minute later was scanned a few times more.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from blocklists import domain, known, snapshot
from reporting.breach import Clean
from reporting.logline import reason

log = logging.getLogger("schoolgate.known")

EACH = 60.0
"""Seconds between two looks whether there is something to write."""
SITES = 100_000
"""Sites kept at most, about 20 MB; the one that was seen longest ago goes."""
_PAGES = 8
"""Clean pages remembered of a site."""
_LONGEST_PAGE = 16
_LATE_NS = 60_000_000_000


class KnownSites:
    """Takes in what workers found and writes the snapshot at *path*."""

    def __init__(self, path: Path, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        """Go on from what was written before; a file that cannot be read is begun anew."""
        self._path, self._now_ns = path, now_ns
        self._changed = False
        try:
            self._known = snapshot.read(path, known.Known).body
        except FileNotFoundError:
            self._known = known.Known()
        except (ValueError, OSError) as error:
            log.error("The sites that were found clean cannot be read and are looked for anew: %s", reason(error))  # noqa: TRY400
            self._known = known.Known()

    def take(self, found: Iterable[Clean]) -> None:
        """Take in *found*; what names no site or comes from the future is left out."""
        now = self._now_ns()
        pages = self._known.pages
        for clean in found:
            if domain.canonical(clean.site) != clean.site or clean.at_ns > now + _LATE_NS:
                continue
            seen = pages.pop(clean.site, {})
            seen.pop(clean.page[:_LONGEST_PAGE], None)
            seen[clean.page[:_LONGEST_PAGE]] = clean.at_ns
            if len(seen) > _PAGES:
                seen.pop(next(iter(seen)))
            pages[clean.site] = seen
            if len(pages) > SITES:
                pages.pop(next(iter(pages)))
            self._changed = True

    def write(self) -> bool:
        """Write the snapshot if anything changed; whether it was written. OSError if it cannot be."""
        fresh = known.without_old(self._known, self._now_ns())
        if not self._changed and len(fresh.pages) == len(self._known.pages):
            return False
        self._known = fresh
        snapshot.write(self._path, fresh, version=1, written_ns=self._now_ns())
        self._changed = False
        return True

    async def run(self) -> None:
        """Write what changed each minute, for ever, and once more at the end."""
        try:
            while True:
                await asyncio.sleep(EACH)
                await asyncio.to_thread(self._write)
        finally:
            self._write()

    def _write(self) -> None:
        try:
            self.write()
        except OSError as error:
            log.error("The sites that were found clean cannot be written: %s", reason(error))  # noqa: TRY400
