"""Who may read what: the one place that withholds entries and alerts (G4 to G7).

An entry of a category that is not known to have no theme (malware apart) belongs to one role: the DSL for pupils, the
headteacher for staff, the chair of governors for staff where one person is both. Everybody else sees that it happened
and whom it is held for, never site or rule. An alert belongs to the role that it was routed to, and about staff to the
same role as their entries. Each rule stands here twice, for one row and as a condition of a query; a test holds the two
together. This file opens no database.
"""

from collections.abc import Iterable

import msgspec
from sqlalchemy import ColumnElement, and_, false, literal, or_

from blocklists.policy import Reason
from blocklists.rulebook import Rulebook
from reporting.accounts import Account, head_is_dsl
from reporting.case_models import IncidentRow
from reporting.log_models import BreachNameRow
from reporting.models import AlertRow, BreachRow
from reporting.permissions import SAFEGUARDING
from reporting.web.office import STAFF_COLUMN, Asked, Office, office_of

TECHNICIANS_THEMES = frozenset({"", "malware"})
"""Themes that are held for nobody: none at all, and harmful software, whose alert is the technician's (POLICY.md)."""

NO_CATEGORY = ""
"""What an entry says that no category was the reason of: a rule of the profile, an unknown site."""


class Viewer(msgspec.Struct, frozen=True):
    """Who is looking: their roles, and which profiles are pupils'; every other is treated as staff's (G7).

    *themeless* are the categories that the policy in force knows and gives no theme. An entry of any other is held even
    where it has no theme itself: that a member of staff, who is not watched, looked at it is nobody else's to read
    either (G8), and of a category that was renamed, or of a policy that cannot be read, nobody can tell. *one_person*:
    headteacher and DSL are one person, so what is about staff is the chair's.
    """

    roles: frozenset[str]
    pupils: frozenset[str] = frozenset()
    themeless: frozenset[str] = frozenset({NO_CATEGORY})
    one_person: bool = False

    def holder(self, row: BreachRow) -> str:
        """The role that *row* is held for before this viewer, or nothing when they may read it."""
        plain_entry = row.theme in TECHNICIANS_THEMES and row.category in self.themeless
        if plain_entry and row.reason != Reason.SEALED:
            return ""
        if row.profile in self.pupils:
            return "" if self._reads_pupils else "dsl"
        return self._staff_holder

    def readable(self) -> ColumnElement[bool]:
        """The entries that `holder` holds back for nobody, as a condition of a query."""
        no_theme = and_(BreachRow.theme.in_(TECHNICIANS_THEMES), BreachRow.category.in_(self.themeless))
        plain_entry = and_(no_theme, BreachRow.reason != Reason.SEALED)
        pupils = BreachRow.profile.in_(self.pupils)
        return self._or_theirs(plain_entry, pupils)

    def readable_names(self) -> ColumnElement[bool]:
        """The names of entries that `holder` holds back for nobody: what a search by site may find at all."""
        themeless = and_(BreachNameRow.theme.in_(TECHNICIANS_THEMES), BreachNameRow.category.in_(self.themeless))
        return self._or_theirs(themeless, BreachNameRow.profile.in_(self.pupils))

    def _or_theirs(self, plain_entry: ColumnElement[bool], pupils: ColumnElement[bool]) -> ColumnElement[bool]:
        return or_(
            plain_entry,
            pupils if self._reads_pupils else false(),
            false() if self._staff_holder else ~pupils,
        )

    def alert_holder(self, row: AlertRow | BreachRow | IncidentRow, audience: str) -> str:
        """The role that *row*, an alert to *audience* or an entry of one, is held for; nothing when they may read it.

        The headteacher is told of pupils too while no DSL is confirmed (G15), and then reads what it was about.
        """
        if isinstance(row, AlertRow) and self.climbed_to(row):
            return ""
        if audience == "headteacher" and row.profile not in self.pupils:
            return self._staff_holder
        return "" if audience in self._audiences else audience

    def climbed_to(self, row: AlertRow) -> str:
        """The role by which this viewer was told of *row*, about a pupil, as nobody acknowledged it; else nothing."""
        told = [role for role in (row.escalated or "").split(",") if role in self.roles]
        return told[0] if told and row.profile in self.pupils else ""

    def reads_as(self, row: AlertRow) -> str:
        """The role as which this viewer reads the alert *row*: its audience, or whom of theirs it climbed to."""
        return row.audience if row.audience in self._audiences else self.climbed_to(row) or row.audience

    def alerts(self) -> ColumnElement[bool]:
        """The alerts that `alert_holder` holds back for nobody, as a condition of a query."""
        told = literal(",") + AlertRow.escalated + literal(",")
        climbed = (told.contains(f",{role},", autoescape=True) for role in sorted(self.roles))
        return or_(self._routed(AlertRow), and_(AlertRow.profile.in_(self.pupils), or_(false(), *climbed)))

    def incidents(self) -> ColumnElement[bool]:
        """The incidents that `alert_holder` holds back for nobody, as a condition of a query."""
        return self._routed(IncidentRow)

    def _routed(self, table: type[AlertRow] | type[IncidentRow]) -> ColumnElement[bool]:
        heads = table.audience == "headteacher"
        pupils = table.profile.in_(self.pupils)
        return or_(
            table.audience.in_(self._audiences - {"headteacher"}),
            and_(heads, pupils) if "headteacher" in self.roles else false(),
            false() if self._staff_holder else and_(heads, ~pupils),
        )

    def seconds(self, row: AlertRow) -> bool:
        """Whether this viewer may be the second person of a longer look at whom *row* is about.

        About pupils anybody of safeguarding; about staff whoever reads what is about staff, and the chair of governors.
        """
        if row.profile in self.pupils:
            return not SAFEGUARDING.isdisjoint(self.roles)
        return "chair" in self.roles or not self._staff_holder

    @property
    def _reads_pupils(self) -> bool:
        """Whether what is about pupils is theirs to read: the DSL's, and the deputy's as the DSL's."""
        return "dsl" in self._audiences

    @property
    def _audiences(self) -> frozenset[str]:
        """The roles whose alerts they read: a deputy reads the DSL's (G7), and takes nothing from a headteacher."""
        return self.roles | {"dsl"} if "deputy" in self.roles else self.roles

    @property
    def _staff_holder(self) -> str:
        """The role that what is about staff is held for before this viewer; nothing when it is theirs."""
        if self.one_person:
            return "" if "chair" in self.roles else "chair"
        return "headteacher" if "headteacher" not in self.roles or "dsl" in self.roles else ""


async def viewer_of(request: Asked) -> Viewer:
    """The viewer behind *request*, under the policy in force."""
    assert request.user, "the guard lets only people through"
    return await viewer_as(request.user, office_of(request))


async def viewer_as(account: Account, office: Office) -> Viewer:
    """The viewer that *account* is, under the policy in force."""
    held = await office.accounts.roles_held()
    return viewer(account.roles, office.rulebook, one_person=head_is_dsl(held))


async def everybody(office: Office) -> list[Viewer]:
    """A viewer for each account that there is."""
    held = await office.accounts.roles_held()
    return [viewer(roles, office.rulebook, one_person=head_is_dsl(held)) for roles in held]


def viewer(roles: Iterable[str], rulebook: Rulebook | None, *, one_person: bool) -> Viewer:
    """The viewer with *roles*, the headteacher's deputy as the headteacher (G7).

    Without *rulebook*, no profile is known as pupils' and no category as themeless.
    """
    profiles = rulebook.profiles.items() if rulebook else ()
    categories = rulebook.categories.items() if rulebook else ()
    known = {name for name, category in categories if category.theme in TECHNICIANS_THEMES}
    held = frozenset(roles)
    return Viewer(
        held | {"headteacher"} if "head_deputy" in held else held,
        pupils=frozenset(name for name, profile in profiles if profile.column != STAFF_COLUMN),
        themeless=frozenset({NO_CATEGORY} | known),
        one_person=one_person,
    )
