"""What reading answers gave, by their bytes: a class opens one page thirty times.

What an answer's words come to depends on its bytes, on the headers that say how to read them, on the phrases in force
and on whether themes are looked for; nothing else is kept, and nothing of the words but the phrases of ours that stood
there. Whether that closes the page is judged each time, for whoever asked.
"""

import hashlib
from collections import OrderedDict

from blocklists.phrase_scan import Scanner
from blocklists.themes import Themes
from proxy_addons.page_text import Kind
from proxy_addons.reading import Reading, Sent

MOST = 1_024
"""Readings that are kept: about 0.5 KB each."""
EVIDENCE = 40
"""A reading with more phrases than that is not kept."""

type Key = tuple[bytes, bool, Kind, str, str]


class ReadBefore:
    """The readings asked for last."""

    def __init__(self) -> None:
        self._by: Scanner | None = None
        self._kept: OrderedDict[Key, Reading] = OrderedDict()

    @staticmethod
    def key(sent: Sent, kind: Kind, wanted: Themes | None) -> Key:
        """What an answer is known by; *wanted* is there or not, as a worker has one set of themes."""
        digest = hashlib.blake2b(sent.body, digest_size=16).digest()
        return digest, wanted is not None, kind, sent.coding, sent.content_type

    def find(self, scanner: Scanner, key: Key) -> Reading | None:
        """The reading by *scanner* of the answer with *key*, if it is kept; another's readings are all forgotten."""
        if self._by is not scanner:
            self._by = scanner
            self._kept.clear()
        if found := self._kept.get(key):
            self._kept.move_to_end(key)
        return found

    def keep(self, scanner: Scanner, key: Key, reading: Reading) -> None:
        """Keep what *scanner* read, if no other has come since."""
        if self._by is not scanner or len(reading.score.evidence) > EVIDENCE:
            return
        self._kept[key] = reading
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
