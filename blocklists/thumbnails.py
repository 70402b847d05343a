"""Where search engines keep the small pictures of what they found, as `data/thumbnails.csv` says it.

For the youngest these are hidden: a search for something harmless shows small pictures of anything, and they come from
the engine itself, so no list of sites closes them. This file hides nothing: that is for whoever sees URLs.
"""

import functools
from collections.abc import Iterable, Mapping

from blocklists import defaults
from blocklists.entry import Entry, parse
from blocklists.url import Url


class Thumbnails:
    """The places, ready to be asked."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._by_host: dict[str, list[Entry]] = {}
        for entry in entries:
            self._by_host.setdefault(entry.host, []).append(entry)
        self.hosts = frozenset(self._by_host)

    def has(self, url: Url) -> bool:
        """Whether *url* is such a picture's, under any address that some server takes for it."""
        return url.host in self._by_host and any(entry.may_cover(url.path) for entry in self._by_host[url.host])


def read(rows: Iterable[Mapping[str, str]]) -> Thumbnails:
    """The places that *rows* say; ValueError for one without engine, or of a place that stands twice."""
    entries: list[Entry] = []
    for row in rows:
        entry = parse(row["host"] + row["path"])
        if entry is None or not row["engine"] or entry in entries or str(entry) != row["host"] + row["path"]:
            raise ValueError(f"thumbnails.csv: {row}")
        entries.append(entry)
    return Thumbnails(entries)


@functools.cache
def shipped() -> Thumbnails:
    """The places that we ship."""
    return read(defaults.table("thumbnails"))
