"""The phrases in force, as a worker has them: what was compiled for it, or else the shipped lists, compiled here."""

import asyncio
import logging
from pathlib import Path

from blocklists import phrase_lists, phrase_scan
from blocklists.phrase_scan import Scanner
from blocklists.score import Score
from proxy_addons.page_text import Kind, words_of

_BEFORE_JSON = "0123456789 \t\r\n"
"""Socket.IO has the kind of a message before it, as a number."""

log = logging.getLogger("schoolgate.proxy")


class PhraseBook:
    """The phrases of the snapshot at *path*, read anew when it is replaced; a damaged one changes nothing."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._stamp = self._look()
        self.scanner = self._load() or phrase_lists.shipped()

    def said(self, text: str) -> Score:
        """The score of what was said over a WebSocket; JSON, as many sites wrap words in it, by its strings."""
        kind = Kind.JSON if text.lstrip(_BEFORE_JSON)[:1] in ("{", "[") else Kind.PLAIN
        return self.scanner.score(words_of(kind, text))

    async def refresh(self) -> None:
        """Take up a snapshot that was replaced since the last call."""
        stamp = self._look()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        if read := await asyncio.to_thread(self._load):
            self.scanner = read
            log.info("New phrases are in force: %d.", len(read.phrases))

    def _look(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat() if self._path else None
        except OSError:
            return None
        if found is None:
            return None
        return found.st_ino, found.st_mtime_ns

    def _load(self) -> Scanner | None:
        if self._path is None or self._stamp is None:
            return None
        try:
            return phrase_scan.load(self._path)
        except (ValueError, OSError) as error:
            log.error("The phrases were refused, the last good ones stay in force: %s", error)  # noqa: TRY400 - one sentence
            return None
