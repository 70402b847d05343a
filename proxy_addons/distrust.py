"""Apps that do not take the school's certificate, by app, host and profile: what a technician makes exceptions from.

Nothing here opens anything: it counts, and what may follow from it is for a person. It knows no clock and no socket,
and of who it was it keeps a number of devices and no address.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence

import msgspec

MOST = 500
"""Groups that are kept; the one that was seen longest ago gives way."""
MOST_DEVICES = 50
"""Devices that are told apart in a group: more says no more."""
KEPT_DAYS = 14
_DAY_NS = 86_400 * 10**9
_LONGEST_APP = 40

REFUSED = ("unknown ca", "bad certificate", "certificate unknown", "unknown certificate", "unsupported certificate")
"""What a client says that does not take a certificate (RFC 8446, 6.2), as OpenSSL words it."""


class Group(msgspec.Struct):
    """How often *app* of a device with *profile* refused our certificate for *host*; times are UTC nanoseconds."""

    app: str
    host: str
    profile: str
    count: int = 0
    devices: int = 0
    first_ns: int = 0
    last_ns: int = 0


class Seen(msgspec.Struct, frozen=True):
    """A worker's file."""

    groups: tuple[Group, ...] = ()


type _Key = tuple[str, str, str]


class Distrust:
    """The groups of one worker. *changed* is set by each refusal, and reset by whoever writes them down."""

    def __init__(self) -> None:
        """Nothing was seen."""
        self._groups: dict[_Key, Group] = {}
        self._devices: dict[_Key, set[str]] = {}
        self.changed = False

    def note(self, app: str, host: str, profile: str, device: str, now_ns: int) -> None:
        """Count a refusal by *device*, which is remembered while this object lives, to tell devices apart."""
        key = app, host, profile
        group = self._groups.pop(key, None) or Group(app, host, profile, first_ns=now_ns)
        devices = self._devices.setdefault(key, set())
        if device not in devices and len(devices) < MOST_DEVICES:
            devices.add(device)
            group.devices = max(group.devices, len(devices))
        group.count, group.last_ns = group.count + 1, now_ns
        self._groups[key] = group
        while len(self._groups) > MOST:
            self._drop(next(iter(self._groups)))
        self.changed = True

    def _drop(self, key: _Key) -> None:
        del self._groups[key]
        self._devices.pop(key, None)

    def seen(self, now_ns: int) -> Seen:
        """What is known and not too old."""
        for key in [key for key, group in self._groups.items() if now_ns - group.last_ns > KEPT_DAYS * _DAY_NS]:
            self._drop(key)
        return Seen(tuple(self._groups.values()))

    def take_up(self, seen: Seen) -> None:
        """Go on from what a worker before this one saw."""
        for group in seen.groups[-MOST:]:
            self._groups.setdefault((group.app, group.host, group.profile), group)


def merged(files: Iterable[Seen]) -> list[Group]:
    """The groups of several workers as one list, the most frequent first."""
    found: dict[_Key, Group] = {}
    for group in (group for seen in files for group in seen.groups):
        key = group.app, group.host, group.profile
        other = found.get(key)
        found[key] = group if other is None else _together(group, other)
    return sorted(found.values(), key=lambda g: (-g.count, g.host, g.app, g.profile))


def _together(one: Group, other: Group) -> Group:
    return msgspec.structs.replace(
        one,
        count=one.count + other.count,
        devices=max(one.devices, other.devices),
        first_ns=min(one.first_ns, other.first_ns),
        last_ns=max(one.last_ns, other.last_ns),
    )


def is_refusal(error: str) -> bool:
    """Whether a client's handshake ended with *error* because of our certificate."""
    return any(words in error for words in REFUSED)


_APP = re.compile(r"[A-Za-z][A-Za-z0-9 ._-]*")


def app_of(user_agent: str, shape: str) -> str:
    """The app as its User-Agent calls it, without its version; else by the *shape* of its handshake."""
    found = _APP.match(user_agent)
    name = found[0].strip(" ._-")[:_LONGEST_APP] if found else ""
    return name or f"unnamed ({shape})"


def shape_of(ciphers: Sequence[int], extensions: Sequence[int]) -> str:
    """A short name for how a client opens a handshake: alike for one app or library, whatever it asks for.

    Extensions are taken without their order, which browsers change each time, and without what stands for nothing
    (GREASE, RFC 8701).
    """
    real = [[n for n in numbers if n & 0x0F0F != _GREASE] for numbers in (ciphers, sorted(extensions))]
    return hashlib.blake2b(repr(real).encode(), digest_size=4).hexdigest()


_GREASE = 0x0A0A
