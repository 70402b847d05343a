"""One entry of a rule: a host and everything under it, or a path on that host and everything under that.

Entries are what people write into profiles, passes and emergency blocks ("bbc.co.uk", "bbc.co.uk/bitesize"). This
file does not know what an entry is for.
"""

import msgspec

from blocklists import url


class Entry(msgspec.Struct, frozen=True, order=True):
    """*host* is canonical; *path* is "" for the whole host, else it opens with "/" and has no trailing slash."""

    host: str
    path: str = ""

    def __str__(self) -> str:
        return (f"[{self.host}]" if ":" in self.host else self.host) + self.path

    @property
    def rank(self) -> tuple[int, int]:
        """How exact the entry is: first by the host's labels, then by the path's folders."""
        return self.host.count("."), self.path.count("/")

    def covers_path(self, path: str) -> bool:
        """Whether *path* is this entry's path or stands under it."""
        return not self.path or path == self.path or path.startswith(self.path + "/")

    def may_cover(self, path: str) -> bool:
        """Whether some server takes *path* for this entry's page or one under it: for closing, never for opening."""
        return self.covers_path(path) or Entry(self.host, _lax(self.path).rstrip("/") or "/").covers_path(_lax(path))


def _lax(path: str) -> str:
    return url.lower(url.bare(path))


def parse(text: str) -> Entry | None:
    """Read an entry as a person writes it: with or without scheme, "www." kept, or None if it names no host.

    A URL with a query is refused: without it the entry would name more than the person meant.
    """
    stripped = text.strip()
    if not stripped or stripped[0] == "/" or any(c.isspace() or c == "*" for c in stripped):
        return None
    parsed = url.canonical(stripped)
    if parsed is None or parsed.query is not None or not parsed.host.strip("._-"):
        return None
    return Entry(parsed.host, parsed.path.rstrip("/"))


def parse_all(texts: tuple[str, ...]) -> tuple[Entry, ...]:
    """Every readable entry of *texts*; unreadable ones are left out (the configuration check names them)."""
    return tuple(e for e in map(parse, texts) if e is not None)
