"""What an alert's page shows of sites that somebody saw and that should have been closed, before and after closing."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from blocklists.policy import Reason
from reporting import got_through
from reporting.breach import BreachKind
from reporting.models import AlertBreachRow, AlertRow, BreachRow, VisitRow
from reporting.web.office import Office
from reporting.web.viewer import Viewer

MOST = 20
"""Sites of one alert that can be chosen from."""


class Through(msgspec.Struct, frozen=True):
    """The sites that may be closed, and those that are, each with the notice to whoever filters before us."""

    may_close: tuple[str, ...]
    closed: tuple[tuple[str, str], ...]


async def hosts(session: AsyncSession, alert: AlertRow, viewer: Viewer) -> Sequence[str]:
    """The sites that got through, as *alert*, which is *viewer*'s to see, tells of them; never a sealed one (G6)."""
    found = (
        select(BreachRow)
        .join(AlertBreachRow, AlertBreachRow.breach == BreachRow.id)
        .where(AlertBreachRow.alert == alert.id, BreachRow.kind == BreachKind.GOT_THROUGH)
        .where(BreachRow.host != "", BreachRow.reason != Reason.SEALED)
        .order_by(BreachRow.at_ns.desc(), BreachRow.id.desc())
    )
    audience = viewer.climbed_to(alert) or alert.audience
    rows = (await session.scalars(found.limit(MOST))).all()
    return tuple(dict.fromkeys(row.host for row in rows if not viewer.alert_holder(row, audience)))


async def of(session: AsyncSession, alert: AlertRow, viewer: Viewer, office: Office) -> Through:
    """What the template of *alert* needs of it."""
    named = await hosts(session, alert, viewer)
    closed = got_through.closed(office.live.files.permits, office.now_ns()) if named else frozenset()
    return Through(
        may_close=tuple(host for host in named if host not in closed),
        closed=tuple((host, got_through.draft(host, office.school)) for host in named if host in closed),
    )


def whose(alert: AlertRow, viewer: Viewer) -> ColumnElement[bool]:
    """The visits that may be told of beside *alert*: pupils' beside one about a pupil, staff's beside others (G7)."""
    pupils = VisitRow.profile.in_(viewer.pupils)
    return pupils if alert.profile in viewer.pupils else ~pupils
