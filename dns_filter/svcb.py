"""Service records (SVCB, HTTPS; RFC 9460) without what would lead around the filter.

A key for the hidden server name (ECH) goes, as then nobody could say which site a connection is for; HTTP/3 goes, as it
runs over UDP, where no connection can be opened; hints of addresses go, so that a client has no others than A and AAAA
give it, which are judged (who has no hints asks for those; RFC 9460, 7.3). What refers to any of these goes with it, so
that a record stays valid; one that is broken, or that names a server of QUIC and nothing else, is left out whole. This
file does no I/O.
"""

import struct

from dns_filter import wire

_MANDATORY, _ALPN, _NO_DEFAULT_ALPN = 0, 1, 2
_IPV4_HINT, _ECH, _IPV6_HINT = 4, 5, 6
"""Keys of parameters (RFC 9460, 14.3.2)."""
_NEVER = frozenset({_IPV4_HINT, _ECH, _IPV6_HINT})
"""Parameters that no client is given."""
_QUIC = (b"h3", b"hq", b"quic", b"doq")
"""How the names of protocols over QUIC begin: HTTP/3 and its drafts, its tests, the first trials, DNS."""

_PARAMETER = struct.Struct(">HH")
type Parameters = dict[int, bytes]


def without_detours(data: bytes) -> bytes | None:
    """The record's *data* without ECH, HTTP/3 and hints; None if the record must be left out."""
    end = wire.end_of_plain_name(data, 2)
    if end is None:
        return None
    if data[:2] == b"\0\0":  # an alias: it has no parameters, and whoever reads it passes over any (RFC 9460, 2.4.2)
        return data[:end]
    found = parameters(data, end)
    if found is None or not _is_sound(found):
        return None
    kept = _tcp_alone(found)
    if kept is None:
        return None
    return data[:end] + b"".join(_PARAMETER.pack(key, len(value)) + value for key, value in kept.items())


def parameters(data: bytes, place: int) -> Parameters | None:
    """The parameters that begin at *place*, in their order; None unless all are whole and in order of their keys."""
    found: Parameters = {}
    before = -1
    while place < len(data):
        if place + _PARAMETER.size > len(data):
            return None
        key, length = _PARAMETER.unpack_from(data, place)
        place += _PARAMETER.size
        if key <= before or place + length > len(data):
            return None
        found[key] = data[place : place + length]
        place, before = place + length, key
    return found


def _is_sound(found: Parameters) -> bool:
    """Whether mandatory names keys that are there, and no-default-alpn stands beside an alpn (RFC 9460, 7.1 and 8)."""
    named = _keys(found.get(_MANDATORY, b""))
    return (
        named is not None
        and all(key in found and key != _MANDATORY for key in named)
        and (_NO_DEFAULT_ALPN not in found or _ALPN in found)
    )


def _keys(value: bytes) -> list[int] | None:
    return None if len(value) % 2 else [int.from_bytes(value[i : i + 2]) for i in range(0, len(value), 2)]


def _tcp_alone(found: Parameters) -> Parameters | None:
    """*found* without ECH, hints and protocols over QUIC; None if nothing else is left to speak."""
    kept = {key: value for key, value in found.items() if key not in _NEVER}
    if _ALPN in kept:
        names = _protocols(kept[_ALPN])
        if names is None:
            return None
        plain = [name for name in names if not name.startswith(_QUIC)]
        kept[_ALPN] = b"".join(bytes([len(name)]) + name for name in plain)
        if not plain:
            if _NO_DEFAULT_ALPN in kept:
                return None
            del kept[_ALPN]  # the default is left: HTTP/1.1 over TLS
    return _with_mandatory(kept)


def _protocols(value: bytes) -> list[bytes] | None:
    """The names in an alpn *value*, at least one and none of them empty; None if it is broken."""
    names, place = [], 0
    while place < len(value):
        length = value[place]
        if not length or place + 1 + length > len(value):
            return None
        names.append(value[place + 1 : place + 1 + length])
        place += 1 + length
    return names or None


def _with_mandatory(kept: Parameters) -> Parameters:
    """*kept* whose list of mandatory keys names only those that are left, or is gone with the last."""
    named = _keys(kept.get(_MANDATORY, b"")) or []
    left = b"".join(key.to_bytes(2) for key in named if key in kept)
    if _MANDATORY in kept and not left:
        del kept[_MANDATORY]
    elif left:
        kept[_MANDATORY] = left
    return kept
