"""A text as its words, the way theme phrases are compared with it.

This file knows no phrase. Phrases and texts go through the same steps, so whatever these lose, both lose.
"""

import functools
import re
import unicodedata

_LOST = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u2018\u2019\u02bc\u00ad\u0640\u200b-\u200f\u2060\ufeff]+"
)
"""What stands in a word and divides none: accents and vowel signs, which many leave out as they type, apostrophes, the
Arabic stretch, and what nobody sees."""

_ALIKE = (
    ("\u0142", "l"),  # Polish l with a stroke, which does not come apart
    ("\u064a", "\u06cc"),  # yeh, as Arabic and as Urdu keyboards type it
    ("\u0649", "\u06cc"),  # alef maksura
    ("\u0643", "\u06a9"),  # kaf
    ("\u0629", "\u0647"),  # teh marbuta
    ("\u06c1", "\u0647"),  # heh goal
    ("\u06be", "\u0647"),  # heh doachashmee
    ("\u06d2", "\u06cc"),  # yeh barree
)

_STRANGE = re.compile(r"[^\w\x00-\x7f]+")
"""Signs beyond ASCII that divide words."""

_APOSTROPHES = b"'`"
_DIVIDING = bytes(byte if byte >= 0x80 or chr(byte).isalnum() else 0x20 for byte in range(256))


_BEYOND = re.compile(r"[^\x00-\x7f]+")
_MOSTLY_ASCII = 0.9
_REMEMBERED = 3
"""Letters of a run that is kept, folded: too few to be anything that somebody wrote."""


def words_of(text: str) -> list[str]:
    """The words of *text*: case, accents, apostrophes and what is not seen are lost, all else divides.

    ASCII signs are mapped as bytes: ten times as fast as a pattern, and a long page is mostly that. What stands beyond
    ASCII is folded by itself where there is little of it: no step looks past it.
    """
    folded = text.casefold()
    if not folded.isascii():
        little = len(folded) > _MOSTLY_ASCII * len(folded.encode(errors="replace"))
        folded = _BEYOND.sub(_folded_run, folded) if little else _folded(folded)
    return folded.encode(errors="replace").translate(_DIVIDING, _APOSTROPHES).decode().split()


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text.replace("\u00b4", "")).casefold()
    folded = _STRANGE.sub(" ", _LOST.sub("", folded))
    for letter, written in _ALIKE:
        folded = folded.replace(letter, written)
    return folded


_folded_once = functools.lru_cache(1_024)(_folded)


def _folded_run(run: re.Match[str]) -> str:
    """*run* folded; dashes, quotation marks and accented letters, of which a page has many and few kinds, once."""
    return _folded_once(run[0]) if len(run[0]) <= _REMEMBERED else _folded(run[0])
