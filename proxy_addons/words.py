"""The sentences of every page, by language: one file a language in `templates/words`, found by its name.

A sentence that a language lacks is given in English, so that a page is never empty; the tests hold every file to have
every sentence.
"""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path

from markupsafe import Markup

from proxy_addons import languages

FOLDER = Path(__file__).parent / "templates" / "words"
ENGLISH = "en"


class Words:
    """The sentences of one language, each by the path of its key ("page.closed")."""

    def __init__(self, language: str, direction: str, sentences: Mapping[str, str], spare: "Words | None") -> None:
        """*spare* has the sentences that *sentences* lack."""
        self.language, self.direction, self.sentences = language, direction, sentences
        self._spare = spare

    def plain(self, key: str, **parts: str) -> str:
        """The sentence *key* with *parts* in its places, as text; KeyError for a key that no language has."""
        return self._text(key).format(**parts)

    def __call__(self, key: str, **parts: str) -> Markup:
        """The same for a page: *parts* that are no markup are escaped."""
        return Markup(self._text(key)).format(**parts)  # noqa: S704 - our own file

    def __contains__(self, key: str) -> bool:
        return key in self.sentences

    def _text(self, key: str) -> str:
        if key in self.sentences or self._spare is None:
            return self.sentences[key]
        return self._spare._text(key)  # noqa: SLF001 - another of the same


@cache
def available() -> frozenset[str]:
    """The languages that there are files for."""
    return frozenset(path.stem for path in FOLDER.glob("*.toml"))


@cache
def of(language: str) -> Words:
    """The words of *language*, one of `available`."""
    read = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    spare = None if language == ENGLISH else of(ENGLISH)
    return Words(read.pop("language"), read.pop("direction"), dict(_flat(read)), spare)


@lru_cache(maxsize=512)
def for_reader(accept: str, default: str = ENGLISH) -> Words:
    """The words for whoever sends the header Accept-Language *accept*, in a school that speaks *default*."""
    return of(languages.chosen(accept, available(), default if default in available() else ENGLISH))


def _flat(table: Mapping[str, object], path: str = "") -> Iterator[tuple[str, str]]:
    """(key's path, sentence); a pair is a title and what stands under it."""
    for key, value in table.items():
        where = f"{path}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{where}.")
        elif isinstance(value, list):
            yield from zip((f"{where}.title", f"{where}.words"), map(str, value), strict=True)
        else:
            yield where, str(value)
