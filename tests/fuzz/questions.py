"""Questions as devices, programs and attackers send them, and ways to spoil one. All chance is an argument."""

import struct
from collections.abc import Callable
from random import Random

NAMES = (
    b"www.learning.test learning.test both.test news.test gambling.test www.gambling.test harm.test adverts.test"
    b" games.test social.test storybook.test helpline.test home.test cloaked.test nowhere.test long.test test"
    b" use-application-dns.net mask.icloud.com _dns.resolver.arpa www.google.com www.youtube.com duckduckgo.com"
    b" 1.2.0.192.in-addr.arpa 8.b.d.0.1.0.0.2.ip6.arpa _443._https.learning.test _sip._tcp.school.internal"
    b" schoolgate.internal xn--bcher-kva.test xn--.test 192.0.2.7 0x7f.1 localhost"
).split(b" ")
KINDS = (1, 28, 65, 64, 16, 15, 2, 5, 6, 12, 33, 39, 43, 46, 48, 255, 251, 252, 41, 0, 13, 250, 257, 65280, 65535)
CLASSES = (1,) * 40 + (3, 4, 254, 255, 0, 65535)
SIZES = (0, 511, 512, 1232, 1232, 1232, 1232, 4096, 65535)
OPTIONS = (
    b"",
    b"",
    b"\0\x0a\0\x08cookie01",
    b"\0\x0a\0\x18cookie01and-its-servers-",
    b"\0\x08\0\x07\0\1\x18\0\xc0\0\2",
    b"\0\x0b\0\0",
    b"\0\x0c\0\x20" + bytes(32),
    b"\0\x0f\0\2\0\x12",
    b"\xff\xee\0\3abc",
    b"\0\3\0\0\0\x0b\0\0",
    b"\0\x0a\xff\xff",
)
LONGEST = 65535
"""Bytes of the longest message that TCP carries."""


def wire_name(text: bytes) -> bytes:
    """The name *text* on the wire, labels as they are."""
    return b"".join(bytes([len(label)]) + label for label in text.split(b".") if label) + b"\0"


def _name(chance: Random) -> bytes:
    pick = chance.random()
    if pick < 0.65:
        name = wire_name(chance.choice(NAMES))
    elif pick < 0.85:
        name = wire_name(b"n%d.%s" % (chance.randrange(30_000), chance.choice(NAMES[:8])))
    else:
        name = chance.choice(_odd_names)
    return name if chance.random() < 0.7 else bytes(map(chance.choice, zip(name, _other_case(name), strict=True)))


def _other_case(name: bytes) -> bytes:
    return name.swapcase() if all(length < 0x40 for length in name) else name.upper().lower()


_odd_names = (
    b"\0",
    b"\x3f" + b"a" * 63 + b"\4test\0",
    (b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"b" * 61 + b"\0",
    b"\1a" * 127 + b"\0",
    b"\x0aa printer.\5local\0",
    b"\x0chelpline.tes\1t\0",
    b"\4\0\0\0\0\4test\0",
    b"\2\xc3\xa9\4test\0",
    b"\xc0\x0c",
    b"\4test\xc0\x0c",
)


def question(chance: Random) -> bytes:
    """One message, most often one that a device might send."""
    flags = chance.choice((0x0100, 0x0100, 0x0100, 0x0120, 0x0110, 0x0130, 0, chance.randrange(0x10000)))
    count = chance.choice((1,) * 20 + (2, 3))
    asked = b"".join(_name(chance) + _kind(chance) for _ in range(count))
    opt = _opt(chance) if chance.random() < 0.7 else b""
    return struct.pack(">HHHHHH", chance.randrange(0x10000), flags, count, 0, 0, bool(opt)) + asked + opt


def _kind(chance: Random) -> bytes:
    kind = chance.choice(KINDS[:3]) if chance.random() < 0.6 else chance.choice(KINDS)
    return struct.pack(">HH", kind, chance.choice(CLASSES))


def _opt(chance: Random) -> bytes:
    options = chance.choice(OPTIONS)
    version = chance.choice((0,) * 20 + (1, 255))
    flags = chance.choice((0, 0, 0x8000, chance.randrange(0x10000)))
    return struct.pack(">BHHBBHH", 0, 41, chance.choice(SIZES), 0, version, flags, len(options)) + options


def _flip(packet: bytearray, chance: Random) -> None:
    packet[chance.randrange(len(packet))] ^= 1 << chance.randrange(8)


def _set(packet: bytearray, chance: Random) -> None:
    packet[chance.randrange(len(packet))] = chance.choice((0, 1, 12, 0x3F, 0x40, 0x80, 0xC0, 0xFF))


def _count(packet: bytearray, chance: Random) -> None:
    if len(packet) >= 12:
        packet[chance.choice((5, 7, 9, 11))] = chance.randrange(4)


def _cut(packet: bytearray, chance: Random) -> None:
    del packet[chance.randrange(len(packet)) :]


def _remove(packet: bytearray, chance: Random) -> None:
    start = chance.randrange(len(packet))
    del packet[start : start + chance.randrange(1, 9)]


def _insert(packet: bytearray, chance: Random) -> None:
    start = chance.randrange(len(packet))
    packet[start:start] = chance.randbytes(chance.randrange(1, 9))


def _repeat(packet: bytearray, chance: Random) -> None:
    start = chance.randrange(len(packet))
    packet[start:start] = packet[start : start + chance.randrange(1, 40)]


def _append(packet: bytearray, chance: Random) -> None:
    packet += chance.randbytes(chance.randrange(1, 40))


SPOILERS: tuple[Callable[[bytearray, Random], None], ...] = (
    _flip,
    _flip,
    _set,
    _count,
    _cut,
    _remove,
    _insert,
    _repeat,
    _append,
)


def spoiled(packet: bytes, chance: Random) -> bytes:
    """*packet*, wrong in one to three ways."""
    changed = bytearray(packet)
    for _ in range(chance.randrange(1, 4)):
        if changed:
            chance.choice(SPOILERS)(changed, chance)
    return bytes(changed[:LONGEST])


def packet(chance: Random) -> bytes:
    """What comes in next: a quarter as it should be, the rest spoiled; now and then nothing, noise, or 64 KB."""
    pick = chance.random()
    if pick < 0.0005:
        return question(chance) + bytes(LONGEST - 400)
    if pick < 0.01:
        return chance.randbytes(chance.randrange(80))
    asked = question(chance)
    return asked if pick < 0.25 else spoiled(asked, chance)
