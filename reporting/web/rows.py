"""One entry of the breach log as a particular person may see it: the one place that withholds (G4 to G7).

An entry of a category that is not known to have no theme (malware apart) belongs to one role: the DSL for pupils, the
headteacher for staff, the chair of governors for staff where one person is both. Everybody else sees that it happened
and whom it is held for, never site or rule. A sealed hit shows list, keyed hash, time and client, and nothing more to
anybody. This file opens no database.
"""

from collections.abc import Collection, Mapping
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import ColumnElement, and_, false, or_

from blocklists.policy import Reason
from blocklists.rulebook import Rulebook, Severity
from reporting.models import BreachRow
from reporting.web import times
from reporting.web.office import STAFF_COLUMN

TECHNICIANS_THEMES = frozenset({"", "malware"})
"""Themes that are held for nobody: none at all, and harmful software, whose alert is the technician's (POLICY.md)."""

NO_CATEGORY = ""
"""What an entry says that no category was the reason of: a rule of the profile, an unknown site."""

KINDS = {"stopped": "Stopped", "got_through": "Got through", "concern": "Concern"}
"""What the kinds are called; they are never added together (G1)."""

SOURCES = {"dns": "Name lookup (DNS)", "proxy": "Web page (proxy)"}

REASONS: Mapping[str, str] = {
    Reason.SEALED: "On a sealed list",
    Reason.ALWAYS_OPEN: "Always open",
    Reason.EMERGENCY: "Closed for everybody",
    Reason.PASS: "A pass was in force",
    Reason.PROFILE_RULE: "A rule of the profile",
    Reason.NOT_APPROVED: "Not on the approved list",
    Reason.APPROVED: "On the approved list",
    Reason.EDUCATION: "On the education list",
    Reason.CATEGORY: "Its category is closed",
    Reason.UNKNOWN: "Nothing is known about the site",
    Reason.OPEN: "Open",
    Reason.FAILURE: "The decision failed, so it stayed closed",
}

HELD = {
    "dsl": "held for the DSL",
    "headteacher": "held for the headteacher",
    "chair": "held for the chair of governors",
}


class Viewer(msgspec.Struct, frozen=True):
    """Who is looking: their roles, and which profiles are pupils'; every other is treated as staff's (G7).

    *themeless* are the categories that the policy in force knows and gives no theme. An entry of any other is held even
    where it has no theme itself: that a member of staff, who is not watched, looked at it is nobody else's to read
    either (G8), and of a category that was renamed, or of a policy that cannot be read, nobody can tell.
    """

    roles: frozenset[str]
    pupils: frozenset[str] = frozenset()
    themeless: frozenset[str] = frozenset({NO_CATEGORY})

    def holder(self, row: BreachRow) -> str:
        """The role that *row* is held for before this viewer, or nothing when they may read it."""
        plain_entry = row.theme in TECHNICIANS_THEMES and row.category in self.themeless
        if plain_entry and row.reason != Reason.SEALED:
            return ""
        if row.profile in self.pupils:
            return "" if "dsl" in self.roles else "dsl"
        return "" if self._reads_staff else self._staff_holder

    def readable(self) -> ColumnElement[bool]:
        """The entries that `holder` holds back for nobody, as a condition of a query."""
        no_theme = and_(BreachRow.theme.in_(TECHNICIANS_THEMES), BreachRow.category.in_(self.themeless))
        plain_entry = and_(no_theme, BreachRow.reason != Reason.SEALED)
        pupils = BreachRow.profile.in_(self.pupils)
        return or_(
            plain_entry,
            pupils if "dsl" in self.roles else false(),
            ~pupils if self._reads_staff else false(),
        )

    @property
    def _reads_staff(self) -> bool:
        return "headteacher" in self.roles and "dsl" not in self.roles

    @property
    def _staff_holder(self) -> str:
        return "chair" if {"headteacher", "dsl"} <= self.roles else "headteacher"


class Shown(msgspec.Struct, frozen=True):
    """An entry as it is shown; *held* stands in for host, path and rule where those are withheld."""

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
    policy: int


def viewer_of(roles: Collection[str], rulebook: Rulebook | None) -> Viewer:
    """The viewer with *roles*; without *rulebook*, no profile is known as pupils' and no category as themeless."""
    profiles = rulebook.profiles.items() if rulebook else ()
    categories = rulebook.categories.items() if rulebook else ()
    themeless = {name for name, category in categories if category.theme in TECHNICIANS_THEMES}
    return Viewer(
        frozenset(roles),
        pupils=frozenset(name for name, profile in profiles if profile.column != STAFF_COLUMN),
        themeless=frozenset({NO_CATEGORY} | themeless),
    )


def show(row: BreachRow, *, holder: str, rulebook: Rulebook | None, zone: ZoneInfo) -> Shown:
    """*row* in words, with what *holder* (a role, or nothing) keeps back left out."""
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
        why=REASONS.get(row.reason, row.reason),
        list=row.list,
        rule=None if holder else row.rule,
        held=HELD[holder] if holder else ("sealed: no address is kept" if sealed else ""),
        repeats=max(0, row.count - 1),
        policy=row.policy,
    )


def severity_name(number: int) -> str:
    """The severity's name; "none" for a line in the log, and the number itself for one of a newer version."""
    known = {int(severity): severity.name for severity in Severity if severity}
    return known.get(number, "none" if not number else str(number))


def _titles(row: BreachRow, rulebook: Rulebook | None) -> tuple[str, str]:
    category = rulebook.categories.get(row.category) if rulebook else None
    profile = rulebook.profiles.get(row.profile) if rulebook else None
    return category.title if category else row.category, profile.title if profile else row.profile
