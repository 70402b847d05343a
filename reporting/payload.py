"""What the payload of a frame says: a record, as far as this version knows it; no bytes make it raise.

A newer version's record is read by what is known of it, and its other keys are handed out beside it.
"""

from typing import Any, NamedTuple

import msgspec

from reporting.breach import Breach, Clean, Heartbeat, Record, Repeat, Visit

_KINDS: dict[str, type[Record]] = {
    "breach": Breach,
    "repeat": Repeat,
    "visit": Visit,
    "heartbeat": Heartbeat,
    "clean": Clean,
}
_TYPE = b"\xa4type"
"""The name of the key that says which record it is, as msgpack has it."""
_NEAR = 256
_LONGEST_NAME = 31


class Damaged(NamedTuple):
    """Bytes that are no record. *reason* says why; *torn*: the last write of a process that was interrupted in it."""

    reason: str
    raw: bytes
    torn: bool = False


def understood(payload: bytes) -> tuple[Record | dict[str, Any] | Damaged, dict[str, Any]]:
    """The record in *payload* and the keys that this version does not know; of a newer record, what is known."""
    if (whole := _whole_record(payload)) is not None:
        return whole, {}
    try:
        raw = msgspec.msgpack.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Damaged(f"no msgpack: {error}", payload), {}
    if not isinstance(raw, dict) or not all(isinstance(key, str) for key in raw):
        return Damaged("no map with names", payload), {}
    kind = _KINDS.get(raw["type"]) if isinstance(raw.get("type"), str) else None
    if kind is None:
        return raw, {}
    return _converted(kind, raw, payload)


def _converted(kind: type[Record], raw: dict[str, Any], payload: bytes) -> tuple[Record | Damaged, dict[str, Any]]:
    fields = _FIELDS[kind]
    extra = {key: raw[key] for key in raw.keys() - fields.keys()}
    values: dict[str, Any] = {}
    for key, wanted in fields.items():
        if key not in raw:
            continue
        try:
            values[key] = _fitting(raw[key], wanted)
        except msgspec.ValidationError:
            extra[key] = raw[key]
    try:
        return kind(**values), extra
    except TypeError:
        return Damaged(f"a {kind.__name__} without what it needs", payload), {}


def _whole_record(payload: bytes) -> Record | None:
    """The record in *payload* if each of its values is known and fits, which is the usual case and ten times as fast.

    Where its type is read is a guess, since it stands near the beginning; the decoder tells whether it was right.
    """
    mark = payload.find(_TYPE, 0, _NEAR)
    start = mark + len(_TYPE) + 1
    if mark < 0 or start > len(payload):
        return None
    decoder = _DECODERS.get(payload[start : start + (payload[start - 1] & _LONGEST_NAME)])
    if decoder is None:
        return None
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _fitting(value: Any, wanted: Any) -> Any:
    return msgspec.convert(value, wanted)


_FIELDS: dict[type[Record], dict[str, Any]] = {
    kind: {field.name: field.type for field in msgspec.structs.fields(kind)} for kind in _KINDS.values()
}
_DECODERS: dict[bytes, msgspec.msgpack.Decoder[Record]] = {
    name.encode(): msgspec.msgpack.Decoder(kind) for name, kind in _KINDS.items()
}
