"""Hosts files: an address, then names. The address says nothing: 0.0.0.0, 127.0.0.1, ::1 and any other list them."""

from collections.abc import Iterator

from blocklists import domain
from blocklists.formats import comments, glance, plain
from blocklists.formats.kind import Ahead, Reader, Unread
from blocklists.rule import NameRule

LOCAL_NAMES = frozenset(
    {
        "0.0.0.0",  # noqa: S104 - a name in hosts files, bound by nobody
        "broadcasthost",
        "ip6-allhosts",
        "ip6-allnodes",
        "ip6-allrouters",
        "ip6-localhost",
        "ip6-localnet",
        "ip6-loopback",
        "ip6-mcastprefix",
        "local",
        "localhost",
        "localhost.localdomain",
    }
)
"""Names that hosts files carry for the machine itself."""

SHAPES = tuple(glance.shape(f"{address} ", hosts=True) for address in ("0.0.0.0", "127.0.0.1"))  # noqa: S104 - the same


def reader(_: Ahead) -> Reader:
    """A reader of hosts lines."""
    return Reader(said=comments.before_hash, rules=rules, shapes=SHAPES)


def is_line(text: str) -> bool:
    """Whether the line *text* opens with an address that names follow."""
    words = text.split(maxsplit=1)
    return len(words) > 1 and _is_address(words[0])


def _is_address(text: str) -> bool:
    """Whether *text* is an address in any notation: `0` and `127.1` open the lines of hosts files too."""
    if domain.as_address(text):
        return True
    found = plain.name(text)
    return isinstance(found, NameRule) and domain.as_address(found.name) is not None


def rules(text: str) -> Iterator[NameRule | Unread]:
    """The rules of the line *text*."""
    address, *names = text.split()
    if not _is_address(address):
        yield Unread("a hosts line opens with an address")
        return
    if not names:
        yield Unread("an address without a name")
    for one in names:
        if one.lower() not in LOCAL_NAMES:
            yield plain.dotted(one)
