"""The sums that authors publish beside their lists, read as `md5sum` and `sha256sum` write them.

An md5 shows damage on the way and nothing else: whoever can change a list can make another one of the same md5.
"""

import re

import msgspec

ALGORITHMS = {32: "md5", 64: "sha256", 128: "sha512"}
"""By the hexadecimal digits of a sum."""
_LINE = re.compile(r"\\?(?P<sum>[0-9A-Fa-f]{32,128})(?:[ \t]+\*?(?P<name>.*))?")
_TAGGED = re.compile(r"\w+ \((?P<name>.*)\) = (?P<sum>[0-9A-Fa-f]{32,128})")


class ChecksumError(ValueError):
    """There is no sum to compare with; the message is a sentence without its full stop."""


class Sum(msgspec.Struct, frozen=True):
    """A published sum: the name that hashlib knows its algorithm by, and the digits in lower case."""

    algorithm: str
    digits: str


def published(text: str, name: str) -> Sum:
    """The sum that *text* publishes for the file *name*: the line that ends with it, or the only sum there is."""
    found = [(match["sum"].lower(), match["name"] or "") for line in text.splitlines() if (match := _match(line))]
    named = [digits for digits, given in found if given.rpartition("/")[2] == name] or [digits for digits, _ in found]
    if not found:
        raise ChecksumError("the file of checksums holds no md5 or sha256 sum")
    if len(set(named)) > 1:
        raise ChecksumError("the file of checksums names several sums and none for this file")
    return Sum(ALGORITHMS[len(named[0])], named[0])


def _match(line: str) -> re.Match[str] | None:
    match = _LINE.fullmatch(line.strip()) or _TAGGED.fullmatch(line.strip())
    return match if match and len(match["sum"]) in ALGORITHMS else None
