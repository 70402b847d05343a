"""One entry of the breach log in the words of the page, with what is held for somebody else left out.

Whom it is held for is `reporting.web.viewer`'s to say. A sealed hit shows list, keyed hash, time and client, and
nothing more to anybody (G6). This file opens no database.
"""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import msgspec

from blocklists.policy import Reason
from blocklists.rulebook import Rulebook, Severity
from reporting.breach import BreachKind
from reporting.models import BreachRow
from reporting.web import times
from reporting.web.viewer import TECHNICIANS_THEMES

KINDS = {"stopped": "Stopped", "got_through": "Got through", "concern": "Concern"}
"""What the kinds are called; they are never added together (G1)."""

SOURCES = {"dns": "Name lookup (DNS)", "proxy": "Web page (proxy)"}

REASONS: Mapping[str, str] = {
    Reason.SEALED: "On a sealed list",
    Reason.ALWAYS_OPEN: "Always open",
    Reason.EMERGENCY: "Closed for everybody",
    Reason.PASS: "A pass was in force",
    Reason.PROFILE_RULE: "A rule of the profile",
    Reason.SEARCH: "The profile's rule for search engines",
    Reason.NOT_APPROVED: "Not on the approved list",
    Reason.APPROVED: "On the approved list",
    Reason.EDUCATION: "On the education list",
    Reason.CATEGORY: "Its category is closed",
    Reason.UNKNOWN: "Nothing is known about the site",
    Reason.OPEN: "Open",
    Reason.PART: "A part of a page that may load it",
    Reason.THUMBNAIL: "Small pictures are hidden",
    Reason.DOWNLOAD: "Files of this kind may not be fetched",
    Reason.UPLOAD: "This may not be sent",
    Reason.INFECTED: "The virus scanner found something",
    Reason.MESSAGE: "What was said in a chat was too much",
    Reason.FAILURE: "The decision failed, so it stayed closed",
}

THEMED = "Words of a theme were found"
"""Why an entry is a concern; its reason says why it was open."""

HELD = {
    "dsl": "held for the DSL",
    "headteacher": "held for the headteacher",
    "chair": "held for the chair of governors",
}


class Shown(msgspec.Struct, frozen=True):
    """An entry as it is shown; *held* stands in for host, path, rule and evidence where those are withheld."""

    number: int
    at: str
    when: str
    kind: str
    kind_words: str
    severity: str
    category: str
    category_words: str
    address: str
    profile: str
    profile_words: str
    source: str
    host: str | None
    path: str | None
    why: str
    list: str
    rule: str | None
    held: str
    repeats: int
    flood: bool
    samples: tuple[str, ...] | None
    policy: int
    terms: str | None
    evidence: str | None = None
    device: int = 0
    person: str = ""
    marked: bool = False


def show(
    row: BreachRow, *, holder: str, rulebook: Rulebook | None, zone: ZoneInfo, person: str = "", marked: bool = False
) -> Shown:
    """*row* in words, with what *holder* (a role, or nothing) keeps back left out.

    *person* is what the person is called, *marked* whether somebody said that it is a false positive.
    """
    sealed = row.reason == Reason.SEALED
    hidden = bool(holder) or sealed
    category, profile = _titles(row, rulebook)
    return Shown(
        number=row.id,
        at=times.machine(row.at_ns),
        when=times.shown(row.at_ns, zone),
        kind=row.kind,
        kind_words=KINDS.get(row.kind, row.kind),
        severity=severity_name(row.severity),
        category=row.category,
        category_words=category,
        address=row.address,
        profile=row.profile,
        profile_words=profile,
        source=row.source,
        host=None if hidden else row.host,
        path=None if hidden else row.path,
        why=THEMED if row.kind == BreachKind.CONCERN and row.theme else REASONS.get(row.reason, row.reason),
        list=row.list,
        rule=None if holder else row.rule,
        held=HELD[holder] if holder else ("sealed: no address is kept" if sealed else ""),
        repeats=max(0, row.count - 1),
        flood=row.flood,
        samples=None if hidden else tuple(row.samples.split()),
        policy=row.policy,
        terms=None if hidden or row.theme in TECHNICIANS_THEMES else row.terms,
        evidence=None if hidden else str(row.extra.get("evidence", "")),
        device=row.device,
        person=person,
        marked=marked,
    )


def severity_name(number: int) -> str:
    """The severity's name; "none" for a line in the log, and the number itself for one of a newer version."""
    known = {int(severity): severity.name for severity in Severity if severity}
    return known.get(number, "none" if not number else str(number))


def _titles(row: BreachRow, rulebook: Rulebook | None) -> tuple[str, str]:
    category = rulebook.categories.get(row.category) if rulebook else None
    profile = rulebook.profiles.get(row.profile) if rulebook else None
    return category.title if category else row.category, profile.title if profile else row.profile
