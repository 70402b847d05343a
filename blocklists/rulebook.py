"""The rulebook: one version of a school's policy, as policy.toml says it and as the policy snapshot carries it.

Everything is named, never numbered: a new index or a reordered file changes no meaning. This file reads no file and
no clock.
"""

import difflib
import enum
from collections.abc import Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from blocklists.calendar import Calendar
from blocklists.profile import Code, Profile


class Severity(enum.IntEnum):
    """How soon a person must act; NONE is a line in the log."""

    NONE = 0
    NOTE = 1
    CONCERN = 2
    URGENT = 3
    ILLEGAL = 4


class Role(enum.StrEnum):
    """What being on a list means."""

    CATEGORY = "category"
    APPROVED = "approved"
    EDUCATION = "education"
    POSITIVE = "positive"
    ALWAYS_OPEN = "always_open"


class SeverityName(enum.StrEnum):
    """A severity as policy.toml writes it; "never" is for what must not alert whoever asks."""

    NEVER = "never"
    NONE = "none"
    NOTE = "NOTE"
    CONCERN = "CONCERN"
    URGENT = "URGENT"
    ILLEGAL = "ILLEGAL"


class Category(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A category of sites. *words* ends the sentence "this page is closed because it is ..." for a child.

    *harm*: the education list does not outrank it. *codes* by profile column. *alert* is the severity for pupils,
    *alerts* the exceptions by profile column; "never" raises nothing and takes no exceptions. *heading* is the one of
    the UK Safer Internet Centre's filtering definitions that it falls under, *risk* one of RISKS; nothing is decided
    by either, and "" is none.
    """

    title: str
    words: str
    codes: dict[str, Code]
    harm: bool = False
    theme: str = ""
    alert: SeverityName = SeverityName.NONE
    alerts: dict[str, SeverityName] = {}
    heading: str = ""
    risk: str = ""

    def severity(self, column: str) -> Severity:
        """The severity of a breach by somebody of *column*."""
        alert = self.alerts.get(column, self.alert)
        return Severity.NONE if alert == SeverityName.NEVER else Severity[alert.upper()]


class ListUse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a list stands for; *category* only with the role "category"."""

    role: Role
    category: str = ""


RISKS = ("content", "contact", "conduct", "commerce")
"""The four areas of risk of Keeping Children Safe in Education (part 2, "Online safety")."""


NEVER_BLOCKED = frozenset({"information"})
"""Categories that cannot be blocked as a class and cannot alert (G9)."""


NEVER_OPENED = frozenset({"essential", "information"})
"""Categories whose connections no page on somebody's list has opened: banking, health, belief (G8, G13)."""


NEVER_VISITED = NEVER_OPENED | {"sex_education"}
"""Categories that are nobody's to read about a person: health, belief, identity, support, banking (G8 to G10)."""


ALWAYS_LOCKED = frozenset({"illegal"})
"""Categories that are locked in every column, a school's own too."""


class Rulebook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A school's whole policy.

    *tenants*: what the school's own accounts are called, by service (`blocklists.tenants`). *embedded*: the hosts that
    a page's host may load parts from (`blocklists.embedded`).
    """

    school: str
    time_zone: str
    calendar: Calendar
    profiles: dict[str, Profile]
    categories: dict[str, Category]
    lists: dict[str, ListUse]
    tenants: dict[str, str] = {}
    embedded: dict[str, tuple[str, ...]] = {}

    @property
    def zone(self) -> ZoneInfo:
        """The school's time zone."""
        return ZoneInfo(self.time_zone)

    def problems(self) -> Iterator[str]:
        """Everything that stands in the way of using this rulebook, one sentence each; nothing when it is sound."""
        try:
            _ = self.zone
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield f"time_zone: {self.time_zone!r} is not a time zone; write for example Europe/London"
        yield from self.calendar.problems()
        for name, profile in self.profiles.items():
            yield from profile.problems(name)
            yield from self._profile_problems(name, profile)
        for name, category in self.categories.items():
            yield from self._category_problems(name, category)
        for name, use in self.lists.items():
            if not name.replace("-", "").replace("_", "").isalnum():
                yield f"lists.{name}: a list's name is letters, digits, - and _, as its file is called by it"
            if (use.role is Role.CATEGORY) != (use.category in self.categories):
                yield f"lists.{name}.category: {self._no_category(use)}"

    def _no_category(self, use: ListUse) -> str:
        """What is wrong with *use*, whose category and role do not go together."""
        if use.role is not Role.CATEGORY:
            return (
                f"only a list with the role category has one; take it out, or write the role category, not {use.role}"
            )
        if not use.category:
            return "a list with the role category must name one, for example gambling"
        close = difflib.get_close_matches(use.category, self.categories, n=1)
        meant = f"did you mean {close[0]}?" if close else f"the categories are {', '.join(self.categories)}"
        return f"there is no category {use.category}; {meant}"

    def unlocked(self, shipped: "Rulebook") -> Iterator[str]:
        """What of *shipped* no school may change and this rulebook changes, one sentence each (POLICY.md, "Codes").

        The code L stays L in every column that *shipped* knows, for the lists that stand for it too; the illegal is
        locked in any column; what is always open stays so (G12); what never alerts stays so, and the lists of what
        cannot be closed stand for nothing else (G9).
        """
        for name, category in shipped.categories.items():
            if locked := {column for column, code in category.codes.items() if code is Code.LOCKED}:
                yield from self._category_unlocked(name, locked)
            if category.alert == SeverityName.NEVER:
                yield from self._category_alerting(name)
        for name, use in shipped.lists.items():
            yield from self._list_unlocked(name, use, shipped)

    def _category_unlocked(self, name: str, locked: set[str]) -> Iterator[str]:
        category = self.categories.get(name)
        if category is None:
            yield f"categories.{name}: this category is locked for some profiles and cannot be left out"
            return
        for column, code in category.codes.items():
            if code is not Code.LOCKED and (column in locked or name in ALWAYS_LOCKED):
                yield f"categories.{name}.codes.{column}: {code.value!r} opens what is locked; only L can stand here"

    def _category_alerting(self, name: str) -> Iterator[str]:
        category = self.categories.get(name)
        if category is None:
            return
        if category.alert != SeverityName.NEVER:
            alert = str(category.alert)
            yield f"categories.{name}.alert: {alert!r} cannot stand here, as the category never alerts; write 'never'"
        if category.theme:
            yield f"categories.{name}.theme: this category never alerts, so it has no theme"

    def _list_unlocked(self, name: str, shipped_use: ListUse, shipped: "Rulebook") -> Iterator[str]:
        use = self.lists.get(name)
        if shipped_use.role is Role.ALWAYS_OPEN:
            if use != shipped_use:
                yield f"lists.{name}: helplines are open for everybody; the list must be here with the role always_open"
        elif shipped_use.category in NEVER_BLOCKED:
            if use is not None and use != shipped_use:
                yield f"lists.{name}: the list stands for {shipped_use.category!r}, never closed, and for nothing else"
        elif shipped_use.category and Code.LOCKED in shipped.categories[shipped_use.category].codes.values():
            if use is not None and use != shipped_use:
                yield f"lists.{name}: the list stands for {shipped_use.category!r}, which is locked, and nothing else"
            elif all(other.category != shipped_use.category for other in self.lists.values()):
                yield f"lists.{name}: {shipped_use.category!r} is locked for some profiles, so a list must stand for it"

    def _profile_problems(self, name: str, profile: Profile) -> Iterator[str]:
        if not any(profile.column in category.codes for category in self.categories.values()):
            yield f"profiles.{name}.column: no category has codes for {profile.column!r}"
        for listed in profile.approved:
            if listed not in self.lists:
                yield f"profiles.{name}.approved: there is no list {listed!r} under [lists]"

    def _columns(self) -> set[str]:
        """The columns of profiles that some category knows; one that none knows is the profile's mistake."""
        known = {column for category in self.categories.values() for column in category.codes}
        return {profile.column for profile in self.profiles.values()} & known

    def _category_problems(self, name: str, category: Category) -> Iterator[str]:
        for missing in sorted(self._columns() - category.codes.keys()):
            yield f"categories.{name}.codes: no code for the column {missing!r}"
        if category.alert == SeverityName.NEVER and category.alerts:
            yield f"categories.{name}.alerts: this category never alerts, so it takes no exceptions"
        if category.risk and category.risk not in RISKS:
            yield f"categories.{name}.risk: {category.risk!r} is no risk; write {', '.join(RISKS[:-1])} or {RISKS[-1]}"
        if name in NEVER_BLOCKED:
            yield from _never_blocked_problems(name, category)


def _never_blocked_problems(name: str, category: Category) -> Iterator[str]:
    closing = {Code.LOCKED, Code.CLOSED, Code.PASS, Code.BREAKS, Code.TERM_TIME, Code.QUIET}
    if closing & set(category.codes.values()) or category.theme or category.severity("") or category.alerts:
        yield f"categories.{name}: this category cannot be closed as a class, and cannot alert"
    if category.heading or category.risk:
        yield f"categories.{name}: this category stands for no risk, so it has no heading and no risk"


class Permit(msgspec.Struct, frozen=True):
    """A timed exception: a pass that opens, or an emergency block that closes.

    *until* is in UTC nanoseconds. An emergency block holds for everybody. A pass holds for the client numbers and the
    profiles that it names.
    """

    number: int
    opens: bool
    entries: tuple[str, ...]
    until: int
    profiles: tuple[str, ...] = ()
    clients: tuple[int, ...] = ()
    why: str = ""


class Permits(msgspec.Struct, frozen=True):
    """The permits snapshot's body."""

    permits: tuple[Permit, ...] = ()
