"""dnsmasq's configuration: `address=`, `local=` and `server=` with names between slashes, and a value after the last.

A name is listed if it gets no answer or one that leads nowhere, and is off the list if it is sent to the usual servers
("#"). An address of its own, or a server of its own, is a setting for another network than ours.
"""

import re
from collections.abc import Iterator
from ipaddress import ip_address

from blocklists import domain
from blocklists.formats import comments, glance, plain
from blocklists.formats.kind import Ahead, Reader, Unread
from blocklists.rule import Effect, NameRule

_OPTION = re.compile(r"(address|local|server)\s*=\s*/(.*)/([^/]*)")

SHAPES = (
    *(glance.shape("address=/", f"/{value}") for value in ("#", "", "0.0.0.0")),  # noqa: S104 - a value in lists
    *(glance.shape(f"{option}=/", "/") for option in ("local", "server")),
)


def reader(_: Ahead) -> Reader:
    """A reader of options."""
    return Reader(said=comments.before_blank_and_hash, rules=rules, shapes=SHAPES)


def rules(text: str) -> Iterator[NameRule | Unread]:
    """The rules of the line *text*."""
    match = _OPTION.fullmatch(text)
    if match is None:
        yield Unread("another setting of dnsmasq")
        return
    option, names, value = match.groups()
    effect = _address(value) if option == "address" else _server(value)
    if isinstance(effect, Unread):
        yield effect
        return
    for one in names.split("/"):
        yield _rule(one, effect)


def _rule(text: str, effect: Effect) -> NameRule | Unread:
    if text == "#":
        return Unread("names every site")
    found = plain.dotted(text.lstrip("."))  # dnsmasq skips such dots: they say what holds anyway
    return found if isinstance(found, Unread) else NameRule(found.name, effect)


def _address(value: str) -> Effect | Unread:
    found = domain.as_address(value)
    leads_nowhere = found is not None and (ip_address(found).is_unspecified or ip_address(found).is_loopback)
    return Effect.LISTED if value in {"", "#"} or leads_nowhere else Unread("an address of its own")


def _server(value: str) -> Effect | Unread:
    match value:
        case "":
            return Effect.LISTED
        case "#":
            return Effect.EXCEPTED
    return Unread("a server of its own")
