"""Hosts files: an address, then names."""

from collections.abc import Iterator

from blocklists import domain
from blocklists.formats import plain
from blocklists.formats.kind import Unread
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


def rules(text: str) -> Iterator[NameRule | Unread]:
    """The rules of the line *text*."""
    address, *names = text.split()
    if domain.as_address(address) is None:
        yield Unread("a hosts line opens with an address")
        return
    if not names:
        yield Unread("an address without a name")
    for one in names:
        if one.lower() not in LOCAL_NAMES:
            yield plain.name(one)
