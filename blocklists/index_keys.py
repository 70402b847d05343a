"""How hosts and pages are written in an index, so that the prefixes of one key are all that covers it.

A host is written backwards, letter by letter, with a dot at the end: "moc.elpmaxe." is a prefix of "moc.elpmaxe.www.".
(Its labels from the last to the first would read better and cost half a microsecond more.) "!" behind it names the host
alone. A page is its host's key, its path, and a blank at the end; a folder ends in "/", without a blank. Keys sort
parents first: nothing in them stands before a blank.
"""

from blocklists import domain

EXACT = "!"
PAGE = " "


def reversed_key(host: str, *, exact: bool = False) -> str:
    """The key of *host* (canonical); an address is one label, so that 10.1.2.3 is not under 10.1.2."""
    is_name = (host[-1:] > "9" and ":" not in host) or not domain.as_address(host)
    key = host[::-1] + "." if is_name else f"[{host}]."
    return key + EXACT if exact else key


def page_key(host_key: str, path: str) -> str:
    """The key of the page *path* ("?query" with it, if one is named) on the host of *host_key*."""
    return host_key + path + PAGE


def readable(key: str) -> str:
    """The host, page or folder of *key* as a person writes it."""
    host, slash, path = key.removesuffix(PAGE).removesuffix(EXACT).partition("/")
    name = host[1:-2] if host.startswith("[") else host[-2::-1]
    return name + slash + path
