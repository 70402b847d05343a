"""Reading an answer: from its bytes to the score of its words and the themes in them.

This file reads no clock and opens nothing.
"""

import msgspec

from blocklists import fold
from blocklists.phrase_scan import Scanner
from blocklists.score import Score
from blocklists.themes import Themes
from blocklists.verdict import Hit
from proxy_addons import unpack
from proxy_addons.held import MOST
from proxy_addons.page_rest import Windows
from proxy_addons.page_text import Kind, decoded, words_of


class Sent(msgspec.Struct, frozen=True):
    """An answer as its server sent it, with the headers that say how to read it."""

    body: bytes
    coding: str = ""
    content_type: str = ""


class Reading(msgspec.Struct, frozen=True):
    """What reading an answer gave: its score, the themes of its words, and how many characters those were."""

    score: Score = Score()
    hits: tuple[Hit, ...] = ()
    length: int = 0
    """characters of words"""
    known: int = 0
    """bytes that were read, unpacked"""


def read(scanner: Scanner, wanted: Themes | None, kind: Kind, sent: Sent) -> Reading:
    """The score of an answer and the themes *wanted* in it; its first megabytes count.

    UnknownCodingError if it cannot be read.
    """
    unpacked = unpack.unpack(sent.body, sent.coding, MOST)
    words = words_of(kind, decoded(unpacked, sent.content_type))
    folded, disguised = fold.both(words)
    hits = wanted.hits_on_page(words, folded if words.isascii() else None) if wanted else ()
    return Reading(scanner.score_folded(folded, disguised), hits, len(words), len(unpacked))


def read_on(scanner: Scanner, windows: Windows, piece: bytes) -> list[Reading]:
    """The readings in which anything was found, of what *piece* brings; BrokenError if it cannot be unpacked."""
    readings = (Reading(scanner.score(words)) for words in windows.take(piece))
    return [reading for reading in readings if reading.score.score > 0]
