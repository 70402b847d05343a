"""Where AI chat sites carry what somebody typed, as `data/prompts.csv` says it, and reading it from a body.

A site changes its own pages without notice, so a place that holds nothing any more is no end: then every text of the
body is read. No body makes this raise. What the words mean is `blocklists.themes`'s, and who is watched the profile's.
"""

import enum
import functools
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from blocklists import defaults, domain

LONGEST = 32_000
"""Characters of a prompt that are read: some ten pages of an essay that somebody pasted."""
_MOST_VALUES = 2_000
"""Values of a body that are looked at."""
_MOST_HOSTS = 4_096
"""Hosts of which it is remembered whether they have prompts: it is asked of every request."""
_MOST_FIELDS = 200
"""Fields of a form that are looked at."""
_WORDS = re.compile(r"\S\s+\S")
"""What a text has and a token, a name or a date has not: a blank."""


class How(enum.StrEnum):
    """In what a prompt is sent: a JSON body, a form, or messages of a WebSocket."""

    JSON = "json"
    FORM = "form"
    WEBSOCKET = "websocket"


class Place(msgspec.Struct, frozen=True):
    """Where a site has a prompt, and the *steps* that lead to it.

    A step is a key, a place in a list ("-1" is the last), "[]" for each of a list, "json" for a text that is JSON
    itself, "*" for every text.
    """

    site: str
    host: str
    path: re.Pattern[str]
    how: How
    steps: tuple[str, ...]


class Prompts:
    """The places, by host."""

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Read the *rows* of the table; ValueError for one that cannot be read."""
        self._places: dict[str, list[Place]] = {}
        for row in rows:
            place = _place(row)
            self._places.setdefault(place.host, []).append(place)
        self.has = functools.lru_cache(_MOST_HOSTS)(self._has)

    def _has(self, host: str) -> bool:
        """Whether something that is typed on the canonical *host*, or on one that it stands under, is a prompt."""
        return any(name in self._places for name in domain.suffixes(host))

    def at(self, host: str, path: str) -> Place | None:
        """The place of a prompt in what is sent to the canonical *path* on *host*, if there is one."""
        for name in domain.suffixes(host):
            for place in self._places.get(name, ()):
                if place.path.match(path):
                    return place
        return None


def _place(row: Mapping[str, str]) -> Place:
    if domain.canonical(row["host"]) != row["host"] or not row["path"].startswith("/") or not row["where"]:
        raise ValueError(f"prompts.csv: {row}")
    pattern = "[^/]+".join(map(re.escape, row["path"].rstrip("/").split("*")))
    return Place(
        row["site"], row["host"], re.compile(pattern + "(?:/|$)"), How(row["how"]), tuple(row["where"].split("/"))
    )


@functools.cache
def shipped() -> Prompts:
    """The places that we ship."""
    return Prompts(defaults.table("prompts"))


def text_of(place: Place, body: bytes) -> str:
    """What somebody typed, in the unpacked *body* of a request or a message to *place*; "" if nothing can be read."""
    told = _form(body) if place.how is How.FORM else _json(body)
    found = _joined(_at(told, place.steps))
    return found or _joined(text for text in _at(told, ("*",)) if _WORDS.search(text))


def _joined(texts: Iterable[str]) -> str:
    return "\n".join(dict.fromkeys(text for text in texts if text.strip()))[:LONGEST]


def _json(body: bytes | str) -> Any:
    """*body* decoded, or None; the frames of SignalR, JSON with a sign behind it, are one."""
    raw = body.encode("utf-8", "replace") if isinstance(body, str) else body
    try:
        return msgspec.json.decode(raw.partition(b"\x1e")[0])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _form(body: bytes) -> dict[str, str]:
    pairs = (pair.partition(b"=") for pair in body.split(b"&", _MOST_FIELDS)[:_MOST_FIELDS])
    return {_unescaped(key): _unescaped(value) for key, _, value in pairs}


def _unescaped(text: bytes) -> str:
    return urllib.parse.unquote_to_bytes(text.replace(b"+", b" ")).decode("utf-8", "replace")


def _at(told: Any, steps: tuple[str, ...]) -> Iterator[str]:
    """The texts to which *steps* lead from *told*."""
    here: list[Any] = [told]
    for step in steps:
        here = [found for one in here for found in _step(one, step)][:_MOST_VALUES]
    yield from (one for one in here if isinstance(one, str))


def _step(one: Any, step: str) -> Iterator[Any]:
    if step == "*":
        yield from _every(one)
    elif step == "json" and isinstance(one, str):
        yield _json(one)
    elif isinstance(one, dict):
        yield one.get(step)
    elif isinstance(one, list):
        yield from one if step == "[]" else _nth(one, step)


def _nth(one: list[Any], step: str) -> list[Any]:
    place = int(step) if step.removeprefix("-").isdecimal() else len(one)
    return [one[place]] if -len(one) <= place < len(one) else []


def _every(told: Any) -> Iterator[str]:
    """Every text in *told*, the first _MOST_VALUES of its values; what is not a list or a table is one value."""
    waiting, seen = [told], 0
    while waiting and seen < _MOST_VALUES:
        one = waiting.pop()
        seen += 1
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting.extend(reversed(one.values()))
        elif isinstance(one, list):
            waiting.extend(reversed(one))
