"""A request to a search engine, rewritten so that its results are strict.

What forces which engine is data (`blocklists.search`). The client's own setting of the same name goes, however it is
written: twice, escaped, in capitals, with brackets. Nothing else of the request changes, the Referer least of all.
This file knows bytes and header lines and nothing of mitmproxy.
"""

from collections.abc import Iterable, Sequence

from blocklists.search import By, Engine, Setting
from proxy_addons.search_terms import unescaped


def forced_path(engine: Engine, raw: bytes, *, searching: bool) -> bytes:
    """*raw* (path and query as they were sent) with the settings of *engine*.

    Where nothing is searched (*searching* is False) they only take the place of others: a page that keeps a choice.
    """
    settings = _of(engine, By.QUERY)
    path, mark, query = raw.partition(b"?")
    forced = forced_pairs(settings, query, adding=searching)
    return path + b"?" + forced if forced or mark else path


def forced_pairs(settings: Sequence[Setting], encoded: bytes, *, adding: bool) -> bytes:
    """The pairs of a query or a form *encoded*, with *settings* in place of any of their names; all if *adding*."""
    names = {setting.name: setting for setting in settings}
    kept, found = [], set()
    for pair in encoded.split(b"&") if encoded else ():
        name = named(pair.partition(b"=")[0])
        if name in names:
            found.add(name)
        else:
            kept.append(pair)
    kept += (f"{s.name}={s.value}".encode() for s in settings if adding or s.name in found)
    return b"&".join(kept)


def named(key: bytes) -> str:
    """The name that *key* of a query is to the laxest server: unescaped twice, without blanks, brackets, or a NUL."""
    text = unescaped(unescaped(key).encode("utf-8", "replace"))
    return text.partition("\0")[0].partition("[")[0].strip().lower()


def forced_cookies(engine: Engine, lines: Iterable[str]) -> list[str] | None:
    """The Cookie *lines* with the settings of *engine*; None where it has none in cookies.

    HTTP/2 may send a line for each cookie, so all become one.
    """
    settings = _of(engine, By.COOKIE)
    if not settings:
        return None
    names = {setting.name.lower() for setting in settings}
    given = [cookie.strip() for line in lines for cookie in line.split(";")]
    kept = [cookie for cookie in given if cookie and cookie.partition("=")[0].strip().lower() not in names]
    return ["; ".join((*kept, *(f"{s.name}={s.value}" for s in settings)))]


def forced_headers(engine: Engine) -> list[tuple[str, str]]:
    """The headers of *engine*'s settings, each to stand in place of all of its name."""
    return [(setting.name, setting.value) for setting in _of(engine, By.HEADER)]


def forced_form(engine: Engine, body: bytes) -> bytes:
    """The *body* of a form with the settings of *engine* in place of others of their names."""
    return forced_pairs(_of(engine, By.QUERY), body, adding=False)


def _of(engine: Engine, by: By) -> list[Setting]:
    return [setting for setting in engine.settings if setting.by is by]
