"""TOML files that people write: read into frozen values, or refused with sentences that a technician understands.

The decoding is msgspec's. This file turns what it says into the file's name, the key's path and what to write instead.
"""

import copy
import difflib
import enum
import json
import re
import tomllib
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec


class RefusedError(Exception):
    """A file that cannot be used; `problems` says why, one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        """Keep the sentences."""
        super().__init__("\n".join(problems))
        self.problems = problems


LARGEST = 1_000_000
"""Bytes. A school's policy.toml is about 20 KB; one of 1 MB takes a second to read, and what is more is no settings."""


def read[Value](path: Path, kind: type[Value]) -> Value:
    """The *kind* that the file at *path* holds; RefusedError if it holds none."""
    try:
        return parse(_content(path).decode("utf-8"), kind, str(path))
    except UnicodeDecodeError:
        raise RefusedError([f"{path}: this is not UTF-8 text"]) from None
    except OSError as error:
        raise RefusedError([f"{path}: {error.strerror}"]) from None


def _content(path: Path) -> bytes:
    """The bytes of an ordinary file; a device or a pipe could go on for ever."""
    if path.is_dir():
        raise RefusedError([f"{path}: this is a folder, not a file"])
    if path.exists() and not path.is_file():
        raise RefusedError([f"{path}: this is not an ordinary file"])
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise RefusedError([f"{path}: this is larger than {LARGEST // 1_000_000} MB, which no settings are"])
    return content


def parse[Value](text: str, kind: type[Value], name: str) -> Value:
    """The *kind* that the TOML *text* says; RefusedError with *name* in front if it says none."""
    try:
        return _converted(tomllib.loads(text), kind, name)
    except ValueError as error:  # TOMLDecodeError, and what int() says of a number with thousands of digits
        raise RefusedError([f"{name}: not valid TOML: {error}{_hint(text, str(error))}"]) from None
    except RecursionError:
        raise RefusedError([f"{name}: lists or tables are nested too deep in one another"]) from None


def _converted[Value](data: dict[str, Any], kind: type[Value], name: str) -> Value:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        match = re.fullmatch(r"(.*) - at `(\$[^`]*)`", str(error), re.DOTALL)
        what, where = match.groups() if match else (str(error), "")
        path = _whole_path(where, what, data, kind)
        raise RefusedError([f"{name}: {_sentence(what, path, kind)}"]) from None


def _hint(text: str, error: str) -> str:
    """What was probably meant by TOML that is none."""
    if "twice" in error:
        return "; this table is already in the file: change the lines there"
    if re.search(r"=\s*\d\d:\d\d\s*[,}\]\n]", text):
        return "; write times with seconds: 08:30:00"
    return ""


type _Path = tuple[str | int, ...]
"""Keys and places in lists, from the top of the file down to a value."""

_STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<place>\d+)\]|\[\.\.\.\]")
"""A step of msgspec's own paths: `.key`, `[0]`, and `[...]` in place of a table's key that the school chose."""


def _whole_path(where: str, what: str, data: dict[str, Any], kind: type[Any]) -> _Path:
    """The path *where* with each chosen key named: the one whose value alone brings about the same refusal."""
    path: _Path = ()
    for step in _STEP.finditer(where):
        if step["key"]:
            path = (*path, step["key"])
        elif step["place"]:
            path = (*path, int(step["place"]))
        else:
            table = _value_at(data, path)
            reduced = ((key, _reduced(data, path, key)) for key in table)
            chosen = next(((key, less) for key, less in reduced if _refusal(less, kind).startswith(what)), None)
            if chosen is None:
                return (*path, "?")
            path, data = (*path, chosen[0]), chosen[1]
    return path


def _value_at(data: Any, path: _Path) -> Any:
    for step in path:
        data = data[step]
    return data


def _reduced(data: Any, path: _Path, key: str) -> Any:
    """*data* with nothing but *key* in the table at *path*; what lies beside the path is shared, not copied."""
    if not path:
        return {key: data[key]}
    step, copied = path[0], copy.copy(data)
    copied[step] = _reduced(data[step], path[1:], key)
    return copied


def _refusal(data: dict[str, Any], kind: type[Any]) -> str:
    try:
        msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _written(path: _Path) -> str:
    """*path* as TOML writes it: `networks[0].cidr`, a key in quotes where it needs them."""
    words = "".join(f"[{step}]" if isinstance(step, int) else f".{_key(step)}" for step in path)
    return words.removeprefix(".")


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_?-]+", key) else json.dumps(key)


def _sentence(what: str, path: _Path, kind: type[Any]) -> str:
    where = _written(path)
    if match := re.fullmatch(r"Object contains unknown field `(.*)`", what, re.DOTALL):
        return f"{_written((*path, match[1]))}: there is no such setting{_suggestion(match[1], kind, path)}"
    if match := re.fullmatch(r"Object missing required field `(.*)`", what):
        return f"{_written((*path, match[1]))}: this setting is missing"
    if match := re.fullmatch(r"Expected `(.*)`, got `(.*)`", what):
        return f"{where or 'the file'}: must be {_plain(match[1])}, not {_plain(match[2])}"
    if match := re.fullmatch(r"Invalid RFC3339 encoded (time|date)", what):
        return f"{where}: must be {_plain(match[1])}"
    if match := re.fullmatch(r"Invalid enum value (.*)", what):
        return f"{where}: {match[1]} must be one of {', '.join(_values_at(kind, path))}"
    return f"{where or 'the file'}: {what[:1].lower()}{what[1:]}"


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


def _suggestion(key: str, kind: type[Any], path: _Path) -> str:
    """A word about the setting that was probably meant."""
    if path and key in _settings_at(kind, ()):
        return f"; {key} belongs at the top of the file, before the first [table]"
    known = _settings_at(kind, path)
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; the settings here are {', '.join(sorted(known))}" if known else ""


def _settings_at(kind: Any, path: _Path) -> list[str]:
    """The settings of the table at *path* of *kind*; none where its keys are the school's own."""
    found = _kind_at(kind, path)
    if isinstance(found, type) and issubclass(found, msgspec.Struct):
        return [field.encode_name for field in msgspec.structs.fields(found)]
    return []


def _values_at(kind: Any, path: _Path) -> list[str]:
    """The values that the setting at *path* of *kind* can have."""
    found = _kind_at(kind, path)
    return [str(one.value) for one in found] if isinstance(found, type) and issubclass(found, enum.Enum) else []


def _kind_at(kind: Any, path: _Path) -> Any:
    for step in path:
        if get_origin(kind) in {dict, tuple, list}:
            kind = [one for one in get_args(kind) if one is not Ellipsis][-1]
        elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            kind = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}.get(str(step))
    return kind
