"""Finding phrases in a text: a hyperscan database of all of them, looked through once.

The saved form is tied to the processor, so the phrases are saved beside it, and a database that does not load here is
compiled anew from them (about a second for 20,000).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import hyperscan
import msgspec

from blocklists import fold, snapshot
from blocklists.phrases import Phrase, literal
from blocklists.score import SPOKEN, Score, weigh

type Languages = Mapping[str, Iterable[str]]
"""The little words of each language (the, and, of), by its code."""


class Saved(msgspec.Struct, frozen=True):
    """The body of the snapshot `phrases`."""

    phrases: tuple[Phrase, ...]
    languages: dict[str, tuple[str, ...]]
    database: bytes


class Scanner:
    """Phrases ready to be looked for. One text at a time: threads need a `twin` each."""

    def __init__(self, phrases: Iterable[Phrase], languages: Languages, database: Any = None) -> None:
        """Take *phrases* and the little words of *languages*; *database* is what they were compiled to, if known."""
        self.phrases = tuple(dict.fromkeys(phrases))
        self.languages = {code: tuple(words) for code, words in languages.items()}
        self._places: dict[bytes, int] = {}
        self._alone: dict[int, list[Phrase]] = {}
        self._together: dict[int, list[tuple[frozenset[int], Phrase]]] = {}
        for phrase in self.phrases:
            first, *more = needed = frozenset(map(self._place, phrase.parts))
            if more:
                self._together.setdefault(min(needed), []).append((needed, phrase))
            else:
                self._alone.setdefault(first, []).append(phrase)
        self._language_of: dict[int, list[str]] = {}
        for code, words in self.languages.items():
            for place in {self._place(word) for word in words}:
                self._language_of.setdefault(place, []).append(code)
        self.database = database or _compiled(list(self._places))
        self._scratch = hyperscan.Scratch(self.database) if self.database else None

    def _place(self, part: str) -> int:
        return self._places.setdefault(literal(part), len(self._places))

    def twin(self) -> "Scanner":
        """The same phrases for another thread."""
        made = object.__new__(Scanner)
        made.__dict__.update(self.__dict__)
        made._scratch = hyperscan.Scratch(self.database) if self.database else None
        return made

    def score(self, text: str) -> Score:
        """The score of *text*, with its evidence."""
        return self.score_folded(*fold.both(text))

    def score_folded(self, folded: bytes, disguised: bytes) -> Score:
        """The score of what `fold.both` gave."""
        places = self._found(folded, disguised)
        found = [phrase for place in sorted(self._alone.keys() & places) for phrase in self._alone[place]]
        for place in sorted(self._together.keys() & places):
            found += [phrase for needed, phrase in self._together[place] if needed <= places]
        return weigh(found, self._spoken(places))

    def _spoken(self, places: set[int]) -> set[str]:
        counted: dict[str, int] = {}
        for place in places & self._language_of.keys():
            for code in self._language_of[place]:
                counted[code] = counted.get(code, 0) + 1
        return {code for code, count in counted.items() if count >= SPOKEN}

    def _found(self, *texts: bytes) -> set[int]:
        """The places of the parts that stand in one of the folded *texts*."""
        found: list[int] = []
        for text in texts:
            if self.database and text:
                self.database.scan(
                    text,
                    match_event_handler=lambda place, start, end, flags, context: found.append(place),  # noqa: ARG005
                    scratch=self._scratch,
                )
        return set(found)

    def save(self, path: Path, *, written_ns: int) -> None:
        """Replace the file at *path*, for processes that are not to compile."""
        content = hyperscan.dumpb(self.database) if self.database else b""
        body = Saved(self.phrases, self.languages, content)
        snapshot.write(path, body, version=1, written_ns=written_ns)


def load(path: Path) -> Scanner:
    """The scanner saved at *path*; ValueError if the file is damaged, OSError if it cannot be read."""
    saved = snapshot.read(path, Saved).body
    return Scanner(saved.phrases, saved.languages, _loaded(saved.database))


def _loaded(content: bytes) -> Any:
    """The database in *content*, or None where this processor cannot use it."""
    if not content:
        return None
    try:
        database = hyperscan.loadb(content, mode=hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)
    except hyperscan.error:
        return None
    return database


def _compiled(literals: list[bytes]) -> Any:
    """The database of *literals*, numbered by place; None without any."""
    if not literals:
        return None
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=literals,
        ids=list(range(len(literals))),
        flags=[hyperscan.HS_FLAG_SINGLEMATCH] * len(literals),
        literal=True,
    )
    return database
