"""Search engines, and sites with a search of their own: where the words stand, and how results are held to strict ones.

Read from two tables that a deputy head can read: `data/search_engines.csv` (whose hosts, what forces strict results)
and `data/search_places.csv` (the pages that search, and where in a request the words are). What a profile makes of an
engine is `permits`; whether its site is open beyond that is `blocklists.policy`'s.
"""

import difflib
import enum
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from blocklists import defaults, domain, safe_search
from blocklists.profile import Profile, Search, Watch
from blocklists.url import bare

_ALWAYS = "always"


class Class(enum.StrEnum):
    """What one searches: the web, pictures, what is made for children; or the site's own things."""

    GENERAL = "general"
    IMAGE = "image"
    CHILD = "child"
    REFERENCE = "reference"
    VIDEO = "video"
    SOCIAL = "social"
    SHOP = "shop"


ENGINES = frozenset({Class.GENERAL, Class.IMAGE, Class.CHILD})
"""What a profile's rule for search engines is about; a shop or an encyclopedia is open as its category is."""


class Looking(enum.StrEnum):
    """What a request asks for; a suggestion is asked for with every letter typed."""

    SEARCH = "search"
    IMAGE = "image"
    VIDEO = "video"
    SHOP = "shop"
    MAP = "map"
    SUGGESTION = "suggestion"


class Where(enum.StrEnum):
    """Where the words stand: a key of the query, JSON in a key of the query, the path, or the body of a POST."""

    QUERY = "query"
    QUERY_JSON = "querydata"
    PATH = "path"
    FORM = "form"
    JSON = "json"


IN_BODY = frozenset({Where.FORM, Where.JSON})


class By(enum.StrEnum):
    """Where a setting of a request stands."""

    QUERY = "query"
    COOKIE = "cookie"
    HEADER = "header"


class Setting(msgspec.Struct, frozen=True):
    """What is written into a request so that its results are strict."""

    by: By
    name: str
    value: str


class Place(msgspec.Struct, frozen=True):
    """A page that searches. *path* is canonical and lower-case, without a slash at its end; *folder*: and all under it.

    *when*: only with one of these pairs in the query.
    """

    path: str
    folder: bool
    looking: Looking
    where: frozenset[Where]
    keys: tuple[str, ...]
    when: frozenset[tuple[str, str]] = frozenset()

    def covers(self, path: str) -> bool:
        """Whether the canonical lower-case *path* (without a slash at its end) is this page."""
        return path == self.path or (self.folder and path.startswith(f"{self.path}/"))


class Engine(msgspec.Struct, frozen=True, eq=False):
    """One engine. *link* has "{}" where its words go.

    *settings* hold it to strict results; *always* says that it needs none.
    """

    name: str
    title: str
    kind: Class
    hosts: tuple[str, ...]
    places: tuple[Place, ...]
    settings: tuple[Setting, ...] = ()
    always: bool = False
    link: str = ""

    @property
    def keys(self) -> frozenset[str]:
        """Every query key that holds words on some page."""
        return frozenset(k for p in self.places if Where.QUERY in p.where for k in p.keys)

    def searches(self, path: str) -> bool:
        """Whether the canonical *path* is the first page of this engine, or one that searches; a map is none."""
        asked = bare(path).lower().rstrip("/")
        return not asked or any(p.covers(asked) for p in self.places if p.looking is not Looking.MAP)

    def place(self, path: str, pairs: Mapping[str, str]) -> Place | None:
        """The page that searches at the canonical *path* with these *pairs* in its query, or None."""
        asked = bare(path).lower().rstrip("/")
        found = [p for p in self.places if p.covers(asked) and (not p.when or not p.when.isdisjoint(pairs.items()))]
        return max(found, key=_exactness, default=None)


def _exactness(place: Place) -> tuple[bool, int, bool]:
    """How much a place says: a page before a folder, a longer path, one that asks for a pair."""
    return not place.folder, len(place.path), bool(place.when)


class Engines:
    """All engines, by host."""

    def __init__(self, engines: Iterable[Engine]) -> None:
        """Index *engines*; ValueError if two have one host."""
        self.by_name = {engine.name: engine for engine in engines}
        self._hosts: dict[str, Engine] = {}
        for engine in self.by_name.values():
            for host in engine.hosts:
                if self._hosts.setdefault(host, engine) is not engine:
                    raise ValueError(f"search_engines.csv: {host} is of {engine.name} and {self._hosts[host].name}")
        self._ends = frozenset(_end(host) for host in self._hosts if host.startswith("*."))

    def of(self, host: str) -> Engine | None:
        """The engine at the canonical *host*, or None; in 0.3 us, as it is asked for every name."""
        if (found := self._hosts.get(host)) or _end(host) not in self._ends:
            return found
        rest = host
        while rest := rest.partition(".")[2]:
            if found := self._hosts.get(f"*.{rest}"):
                return found
        return None


def _end(host: str) -> str:
    return ".".join(host.rsplit(".", 2)[-2:])


def read(
    engines: Iterable[Mapping[str, str]], places: Iterable[Mapping[str, str]], known: safe_search.Hosts
) -> Engines:
    """The engines that the rows of both tables say; ValueError with the row that cannot be read.

    *known*: the hosts that `safe_search.csv` has for each engine, for which "=ENGINE" stands.
    """
    by_engine: dict[str, list[Place]] = {}
    for row in places:
        by_engine.setdefault(row["engine"], []).append(_told(_place, "search_places.csv", row))

    def engine_of(row: Mapping[str, str]) -> Engine:
        return _engine(row, tuple(by_engine.pop(row["engine"], ())), known)

    found = Engines([_told(engine_of, "search_engines.csv", row) for row in engines])
    if by_engine:
        raise ValueError(f"search_places.csv: no engine {next(iter(by_engine))}")
    return found


@functools.cache
def shipped() -> Engines:
    """The engines that we ship."""
    return read(defaults.table("search_engines"), defaults.table("search_places"), safe_search.hosts())


def _told[T](make: Callable[[Mapping[str, str]], T], table: str, row: Mapping[str, str]) -> T:
    try:
        return make(row)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{table}: {dict(row)}: {error}") from error


def _engine(row: Mapping[str, str], places: tuple[Place, ...], known: safe_search.Hosts) -> Engine:
    always = row["force"] == _ALWAYS
    if row["link"] and not (row["link"].startswith("https://") and row["link"].count("{}") == 1):
        raise ValueError("the link is no https address with one {}")
    return Engine(
        name=row["engine"],
        title=row["title"],
        kind=Class(row["class"]),
        hosts=tuple(_hosts(row["hosts"], known)),
        places=places,
        settings=() if always or not row["force"] else tuple(_setting(part) for part in row["force"].split(";")),
        always=always,
        link=row["link"],
    )


def _hosts(cell: str, known: safe_search.Hosts) -> Iterator[str]:
    for pattern in cell.split():
        if pattern.startswith("="):
            yield from known[pattern[1:]]
            continue
        name = pattern.removeprefix("*.")
        if "." not in name or domain.canonical(name) != name:
            raise ValueError(f"{pattern} is no host")
        yield pattern


def _setting(text: str) -> Setting:
    """A setting as the table writes it: "query safe=active", "cookie ff=on", "cookie SRCHHPGUSR ADLT=STRICT"."""
    by, _, rest = text.strip().partition(" ")
    name, _, value = rest.partition(" " if " " in rest else "=")
    if not name or not value:
        raise ValueError(f"{text!r} sets nothing")
    return Setting(By(by), name, value)


def _place(row: Mapping[str, str]) -> Place:
    path, where = row["path"], frozenset(map(Where, row["place"].split()))
    keys = tuple(row["keys"].split())
    if path != path.lower() or not path.startswith("/") or not where or bool(keys) is (where == {Where.PATH}):
        raise ValueError("the path is in capitals, or no place has the words")
    pairs = [tuple(pair.split("=", 1)) for pair in row["when"].split()]
    return Place(
        path=path.removesuffix("*").rstrip("/"),
        folder=path.endswith("*"),
        looking=Looking(row["kind"]),
        where=where,
        keys=keys,
        when=frozenset((key, value) for key, value in pairs),
    )


def permits(engine: Engine, host: str, profile: Profile) -> bool:
    """Whether *profile* may search with *engine* at *host* (POLICY.md, "search", "an engine that cannot be forced").

    Where connections are not opened, only an address of the engine's own strict form forces it.
    """
    if engine.kind not in ENGINES:
        return True
    if profile.search is Search.APPROVED:
        return engine.name in profile.engines
    return profile.search is Search.ANY or (profile.search is Search.STRICT and is_held(engine, host, profile))


def is_held(engine: Engine, host: str, profile: Profile) -> bool:
    """Whether *engine* at *host* gives *profile* strict results and no others."""
    by_request = profile.certificate and bool(engine.settings)
    return engine.always or by_request or host in safe_search.shipped()


def must_open(engine: Engine, profile: Profile) -> bool:
    """Whether *engine*'s connections are opened for *profile*: to force strict results, or to read what is typed.

    What a shop or an encyclopedia is asked is read only where themes are watched, so not staff's (G8).
    """
    if engine.kind in ENGINES:
        return profile.safe_search or profile.search is not Search.ANY or profile.watch is not Watch.NONE
    return profile.watch in (Watch.ALL, Watch.DEVICE)


def own(engines: Engines, profile: Profile) -> Engine | None:
    """The engine that *profile* is sent to from others, or None where they are closed."""
    return engines.by_name.get(profile.search_engine)


def problems(name: str, profile: Profile) -> Iterator[str]:
    """What a technician should mend in what *profile* says of search engines, one sentence each."""
    known = shipped().by_name
    for place, text in enumerate(profile.engines):
        if text not in known:
            yield f"profiles.{name}.engines[{place}]: there is no search engine {text!r}; {_close(text, known)}"
    if not profile.search_engine:
        return
    found = known.get(profile.search_engine)
    if found is None or not found.link:
        yield (
            f"profiles.{name}.search_engine: nobody can be sent to {profile.search_engine!r};"
            f" {_close(profile.search_engine, (one for one, e in known.items() if e.link))}"
        )
    elif profile.search is Search.APPROVED and found.name not in profile.engines:
        yield f"profiles.{name}.search_engine: {found.name!r} is none of the engines; write it there too"


def _close(text: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(text, list(names), n=1)
    return f"did you mean {close[0]}?" if close else "write for example kiddle"
