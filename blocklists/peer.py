"""Whom a connection is to: what a name leads to is only sure once it is open, as a nameserver may change its mind."""

import ipaddress
from typing import Any

from blocklists import address
from blocklists.fetch_error import FetchError

OPENED = "connection.connect_tcp.complete"
"""What the library calls the moment between a connection and what is said on it (httpx's extension `trace`)."""


def is_inside(stream: Any) -> bool:
    """Whether *stream*, an open connection of the library, is to this machine or a private network."""
    found = stream.get_extra_info("server_addr")
    return bool(found) and not address.is_public(address.innermost(ipaddress.ip_address(found[0])))


async def refuse_inside(event: str, info: dict[str, Any]) -> None:
    """Hear a request's *event*: a connection that is to the inside is closed before anything is said; FetchError."""
    if event == OPENED and is_inside(info["return_value"]):
        await info["return_value"].aclose()
        raise FetchError("the server redirects to a name that leads to this machine or into a private network")
