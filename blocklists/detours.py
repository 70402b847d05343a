"""Requests that lead round a filter whatever site they go to, told by what they say: DNS over HTTPS and the like.

Names of such servers are a list's matter; this is for the ones that no list names. The rows are `data/detours.csv`. No
clock and no socket here: a request is its path, its headers by name in small letters, and whether it asks for a
WebSocket.
"""

from collections.abc import Iterable, Iterator, Mapping

from blocklists.question import Policy
from blocklists.verdict import Action, Reason, Request, Verdict

CATEGORY = "bypass"
_OURS_ALONE = frozenset(
    {Reason.UNKNOWN, Reason.OPEN, Reason.CATEGORY, Reason.EDUCATION, Reason.NOT_APPROVED, Reason.APPROVED}
)
"""What no person in the school decided about this very host: a rule, a pass and a helpline are obeyed."""
_CLOSED = frozenset("LXQ-")
"""Codes by which the category is closed without a time; P, B and T open for a lesson, which no server's path is."""
_MEDIA_TYPES = ("content-type", "accept")


class Detours:
    """The table, as it is asked."""

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Take *rows* with `way`, `where` and `value`; ValueError for a *where* that is none."""
        self._types: dict[tuple[str, str], str] = {}
        self._paths: dict[str, str] = {}
        self._headers: dict[str, str] = {}
        self._sockets: dict[str, str] = {}
        for row in rows:
            self._take(row["way"], row["where"], row["value"])

    def _take(self, way: str, where: str, value: str) -> None:
        if where in _MEDIA_TYPES:
            self._types[where, value] = way
        elif where in (by := {"path": self._paths, "header": self._headers, "websocket": self._sockets}):
            by[where][value] = way
        else:
            raise ValueError(f"detours: {where!r} is no place in a request")

    def way(self, path: str, headers: Mapping[str, str], *, websocket: bool) -> str:
        """What the request is, in a technician's words; "" for nearly all."""
        found = [self._headers[name] for name in headers if name in self._headers]
        found += [self._types[key] for key in _types(headers) if key in self._types]
        found += [way for start, way in self._paths.items() if _opens(path, start)]
        found += [way for start, way in self._sockets.items() if websocket and path.startswith(start)]
        return found[0] if found else ""


def _types(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(header, media type) of each type that is named, without its parameters."""
    for name in _MEDIA_TYPES:
        for part in headers.get(name, "").split(",")[:20]:
            yield name, part.partition(";")[0].strip().lower()


def _opens(path: str, start: str) -> bool:
    """Whether *path* is *start*, or under it."""
    return path.startswith(start) and (start.endswith("/") or path[len(start) :][:1] in ("", "/", "?"))


def judged(policy: Policy, request: Request, verdict: Verdict, way: str) -> Verdict:
    """*verdict*, or for a request that is a *way* round (`Detours.way`) the one that its category has."""
    category = policy.rulebook.categories.get(CATEGORY)
    if not way or verdict.blocked or verdict.reason not in _OURS_ALONE or category is None:
        return verdict
    profile = policy.rulebook.profiles[request.client.profile]
    if str(category.codes.get(profile.column, "L")) not in _CLOSED:
        return verdict
    fields: dict[str, object] = {"category": CATEGORY, "rule": way, "inspect": True, "grave": category.harm}
    fields["code"] = str(category.codes.get(profile.column, "L"))
    if profile.watches(category.theme):
        fields |= {"theme": category.theme, "severity": category.severity(profile.column)}
    return Verdict(Action.BLOCK, Reason.CATEGORY, **fields)  # type: ignore[arg-type]
