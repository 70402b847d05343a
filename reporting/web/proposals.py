"""What staff would have opened: a list that waits for whoever may change the policy. Nothing is opened by it."""

import msgspec
from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.response import Redirect
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from reporting.log_models import ProposalRow
from reporting.models import AccountRow, BreachRow
from reporting.permissions import Action
from reporting.web import times
from reporting.web.access import needs
from reporting.web.office import Asked, Office, office_of
from reporting.web.render import html

MOST = 200
"""Proposals on the page: the newest."""


class Proposal(msgspec.Struct, frozen=True):
    """A proposal in words; *mine*: whoever looks made it, and may take it back."""

    id: int
    host: str
    profile: str
    why: str
    by: str
    when: str
    state: str
    mine: bool = False


@get("/proposals", opt=needs(Action.CHANGES_PROPOSE))
async def listed(request: Asked) -> Response[str]:
    """All proposals, the newest first."""
    office = office_of(request)
    assert request.user
    newest = select(ProposalRow, AccountRow.name).join(AccountRow, AccountRow.id == ProposalRow.account, isouter=True)
    async with office.database.reading() as session:
        found = (await session.execute(newest.order_by(ProposalRow.id.desc()).limit(MOST))).all()
    shown = [_show(row, by or "", office, mine=row.account == request.user.id) for row, by in found]
    return html(request, office, "proposals.html", proposals=shown)


@post("/proposals/{number:int}/withdraw", opt=needs(Action.CHANGES_PROPOSE))
async def withdraw(request: Asked) -> Redirect:
    """Take one's own proposal back."""
    office, number = office_of(request), request.path_params["number"]
    assert request.user
    async with office.database.writing() as session:
        row = await session.get(ProposalRow, number) if 0 < number < 2**63 else None
        if row is None or row.account != request.user.id or row.state != "open":
            raise NotFoundException
        row.state = "withdrawn"
    return Redirect("/proposals", status_code=303)


async def open_for(session: AsyncSession, row: BreachRow) -> list[str]:
    """The profiles that somebody has asked to open the host of *row* to."""
    same = select(ProposalRow.profile).where(ProposalRow.host == row.host, ProposalRow.state == "open")
    return list(await session.scalars(same.limit(MOST)))


async def waiting(session: AsyncSession) -> int:
    """How many proposals wait for an answer."""
    figure = select(func.count()).select_from(ProposalRow).where(ProposalRow.state == "open")
    return await session.scalar(figure) or 0


def _show(row: ProposalRow, by: str, office: Office, *, mine: bool) -> Proposal:
    profile = office.rulebook.profiles.get(row.profile) if office.rulebook else None
    return Proposal(
        id=row.id,
        host=row.host,
        profile=profile.title if profile else row.profile,
        why=row.why,
        by=by,
        when=times.to_minute(row.at_ns, office.zone),
        state=row.state,
        mine=mine,
    )
