"""TOML files that people write: read into frozen values, or refused with sentences that a technician understands.

The decoding is msgspec's. This file turns what it says into the file's name, the key's path and what to write instead.
"""

import copy
import difflib
import enum
import re
import tomllib
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec


class RefusedError(Exception):
    """A file that cannot be used; `problems` says why, one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        """Keep the sentences."""
        super().__init__("\n".join(problems))
        self.problems = problems


def read[Value](path: Path, kind: type[Value]) -> Value:
    """The *kind* that the file at *path* holds; RefusedError if it holds none."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise RefusedError([f"{path}: this is not UTF-8 text"]) from None
    except OSError as error:
        raise RefusedError([f"{path}: {error.strerror}"]) from None
    return parse(text, kind, str(path))


def parse[Value](text: str, kind: type[Value], name: str) -> Value:
    """The *kind* that the TOML *text* says; RefusedError with *name* in front if it says none."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RefusedError([f"{name}: not valid TOML: {error}{_hint(text, str(error))}"]) from None
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        path = _whole_path(where.strip("`"), what, data, kind)
        raise RefusedError([f"{name}: {_sentence(what, path, kind)}"]) from None


def _hint(text: str, error: str) -> str:
    """What was probably meant by TOML that is none."""
    if "twice" in error:
        return "; this table is already in the file: change the lines there"
    if re.search(r"=\s*\d\d:\d\d\s*[,}\]\n]", text):
        return "; write times with seconds: 08:30:00"
    return ""


_ANY_KEY = "[...]"
"""What msgspec writes in place of a table's key that the school chose."""


def _whole_path(where: str, what: str, data: dict[str, Any], kind: type[Any]) -> str:
    """The path *where* with each chosen key named: the one whose value alone brings about the same refusal."""
    where = where.removeprefix("$").removeprefix(".")
    while _ANY_KEY in where:
        before = where.partition(_ANY_KEY)[0]
        table = _value_at(data, before)
        chosen = next((k for k in table if _refusal(_reduced(data, before, k), kind).startswith(what)), "?")
        data = _reduced(data, before, chosen)
        where = where.replace(_ANY_KEY, f".{chosen}", 1).removeprefix(".")
    return where


def _parts(path: str) -> list[str]:
    return [part for part in re.split(r"[.\[\]]+", path) if part]


def _value_at(data: Any, path: str) -> Any:
    for part in _parts(path):
        data = data[int(part)] if isinstance(data, list) else data[part]
    return data


def _reduced(data: dict[str, Any], path: str, key: str) -> dict[str, Any]:
    """A copy of *data* in which the table at *path* holds nothing but *key*."""
    copied = copy.deepcopy(data)
    table = _value_at(copied, path)
    for other in [k for k in table if k != key]:
        del table[other]
    return copied


def _refusal(data: dict[str, Any], kind: type[Any]) -> str:
    try:
        msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _sentence(what: str, path: str, kind: type[Any]) -> str:
    if match := re.fullmatch(r"Object contains unknown field `(.*)`", what):
        return f"{_joined(path, match[1])}: there is no such setting{_suggestion(match[1], kind, path)}"
    if match := re.fullmatch(r"Object missing required field `(.*)`", what):
        return f"{_joined(path, match[1])}: this setting is missing"
    if match := re.fullmatch(r"Expected `(.*)`, got `(.*)`", what):
        return f"{path}: must be {_plain(match[1])}, not {_plain(match[2])}"
    if match := re.fullmatch(r"Invalid enum value '?(.*?)'?", what):
        return f"{path}: {match[1]!r} must be one of {', '.join(_values_at(kind, path))}"
    return f"{path or 'the file'}: {what[:1].lower()}{what[1:]}"


_PLAIN = {
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list in [ ]",
    "object": "a table",
    "null": "nothing",
    "time": "a time such as 08:30:00",
    "date": "a date such as 2027-01-31",
}


def _plain(kinds: str) -> str:
    return " or ".join(_PLAIN.get(kind.strip(), kind.strip()) for kind in kinds.split("|"))


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _suggestion(key: str, kind: type[Any], path: str) -> str:
    """A word about the setting that was probably meant."""
    if path and key in _settings_at(kind, ""):
        return f"; {key} belongs at the top of the file, before the first [table]"
    known = _settings_at(kind, path)
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; the settings here are {', '.join(sorted(known))}" if known else ""


def _settings_at(kind: Any, path: str) -> list[str]:
    """The settings of the table at *path* of *kind*; none where its keys are the school's own."""
    found = _kind_at(kind, path)
    if isinstance(found, type) and issubclass(found, msgspec.Struct):
        return [field.encode_name for field in msgspec.structs.fields(found)]
    return []


def _values_at(kind: Any, path: str) -> list[str]:
    """The values that the setting at *path* of *kind* can have."""
    found = _kind_at(kind, path)
    return [str(one.value) for one in found] if isinstance(found, type) and issubclass(found, enum.Enum) else []


def _kind_at(kind: Any, path: str) -> Any:
    for part in _parts(path):
        if get_origin(kind) in {dict, tuple, list}:
            kind = [one for one in get_args(kind) if one is not Ellipsis][-1]
        elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            kind = get_type_hints(kind).get(part)
    return kind
