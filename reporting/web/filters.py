"""What somebody asked of the breach log: the fields of its form, read leniently and given back as they were.

A value that means nothing is said to mean nothing and narrows nothing; it never raises. This file opens no database.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec

from blocklists import domain
from blocklists.rulebook import Severity
from reporting import pseudonym
from reporting.breach import BreachKind
from reporting.web import times
from reporting.web.plain import plain

FIELDS = (
    "host",
    "since",
    "until",
    "kind",
    "profile",
    "category",
    "severity",
    "source",
    "address",
    "device",
    "person",
    "marked",
)
"""The form's fields, in the order in which they stand on the page."""

LONGEST = 253
"""Characters of a field: a host name's longest."""


class Place(msgspec.Struct, frozen=True):
    """Where a page of the log ends: the time and the number of its last row; the next page starts below."""

    at_ns: int
    number: int

    def __str__(self) -> str:
        return f"{self.at_ns}-{self.number}"


class Filter(msgspec.Struct, frozen=True):
    """What narrows the log. Times are UTC nanoseconds, *until* is the first moment that is left out.

    *above*: only entries that came in after the one of this number, in whatever order their times are.
    """

    since: int | None = None
    until: int | None = None
    kind: BreachKind | None = None
    profile: str = ""
    category: str = ""
    severity: Severity | None = None
    source: str = ""
    host: str = ""
    address: str = ""
    device: int | None = None
    person: str = ""
    marked: bool = False
    below: Place | None = None
    above: int = 0


class Asked(msgspec.Struct, frozen=True):
    """The form as it was filled in, what it means, and a sentence for each field that means nothing."""

    form: dict[str, str]
    filter: Filter
    problems: tuple[str, ...] = ()

    @property
    def narrowed(self) -> bool:
        """Whether any field was filled in."""
        return any(self.form.values())

    @property
    def query(self) -> str:
        """The fields that were filled in, as a query."""
        return urlencode({name: value for name, value in self.form.items() if value})

    def link(self, below: Place | None = None, page: str = "/breaches", **more: str) -> str:
        """The address of *page* with the same fields, from *below* on."""
        fields = {name: value for name, value in self.form.items() if value}
        place = {"below": str(below)} if below else {}
        query = urlencode({**fields, **place, **more})
        return f"{page}?{query}" if query else page


def read(query: Mapping[str, str], zone: ZoneInfo) -> Asked:
    """What *query* asks, its times being in *zone*; unknown fields are passed over."""
    form = {name: plain(query.get(name, "").strip(), LONGEST) for name in FIELDS}
    problems: list[str] = []
    since, until = _span(form, zone, problems)
    given = Filter(
        since=since,
        until=until,
        kind=_kind(form, problems),
        profile=form["profile"],
        category=form["category"],
        severity=_severity(form, problems),
        source=form["source"],
        host=_site(form["host"]),
        address=_address(form, problems),
        device=_device(form, problems),
        person=_person(form, problems),
        marked=form["marked"] == "yes",
        below=_place(query.get("below", "")),
    )
    return Asked(form=form, filter=given, problems=tuple(problems))


def _site(text: str) -> str:
    """The part of a name that *text* asks for; of a web address its host, as people paste what they were sent."""
    lowered = text.lower()
    address = lowered.partition("://")[2] or lowered
    host = re.split("[/?#]", address, maxsplit=1)[0]
    return (host.partition(":")[0] if host.count(":") == 1 else host) or lowered


def _span(form: dict[str, str], zone: ZoneInfo, problems: list[str]) -> tuple[int | None, int | None]:
    """The two times, the earlier one first."""
    since = _time(form, "since", "From", zone, problems)
    until = _time(form, "until", "Until", zone, problems)
    if since is None or until is None or since < until:
        return since, until
    if since == until:
        problems.append(
            "“From” and “Until” are the same time, so there is nothing between them. Choose a later “Until”."
        )
        return since, until
    problems.append("“From” is later than “Until”, so they were taken the other way round.")
    return until, since


def _time(form: dict[str, str], name: str, words: str, zone: ZoneInfo, problems: list[str]) -> int | None:
    found = times.parse(form[name], zone) if form[name] else None
    if form[name] and found is None:
        problems.append(
            f"The time in “{words}” was not understood, so it narrows nothing. Write it like 2025-11-21T10:30."
        )
    return found


def _kind(form: dict[str, str], problems: list[str]) -> BreachKind | None:
    try:
        return BreachKind(form["kind"]) if form["kind"] else None
    except ValueError:
        problems.append("There is no such kind, so entries of every kind are listed.")
        return None


def _severity(form: dict[str, str], problems: list[str]) -> Severity | None:
    if not form["severity"]:
        return None
    if form["severity"].upper() not in Severity.__members__:
        problems.append("There is no such severity, so entries of every severity are listed.")
        return None
    return Severity[form["severity"].upper()]


def _address(form: dict[str, str], problems: list[str]) -> str:
    found = domain.as_address(form["address"]) if form["address"] else ""
    if found is None:
        problems.append("A device's address looks like 10.20.0.7; what was written is none, so it narrows nothing.")
    return found or ""


def _device(form: dict[str, str], problems: list[str]) -> int | None:
    text = form["device"].lower().removeprefix("device").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    problems.append("A device has a number, such as 12; what was written is none, so it narrows nothing.")
    return None


def _person(form: dict[str, str], problems: list[str]) -> str:
    if form["person"] and not pseudonym.is_one(form["person"]):
        problems.append("A person is called something like K7QM-4DTX; what was written is not, so it narrows nothing.")
        return ""
    return form["person"]


def _place(text: str) -> Place | None:
    at_ns, _, number = text.partition("-")
    if not (at_ns.isascii() and at_ns.isdigit() and number.isascii() and number.isdigit()):
        return None
    place = Place(int(at_ns[:19]), int(number[:19]))
    return place if max(place.at_ns, place.number) < 2**63 else None
