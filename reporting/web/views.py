"""Searches of the log that somebody keeps under a name: theirs alone, and read as strictly as any other search."""

import msgspec
from litestar import post
from litestar.exceptions import NotFoundException
from litestar.response import Redirect
from sqlalchemy import delete, func, select

from reporting.accounts import Account
from reporting.log_models import SavedViewRow
from reporting.permissions import Action
from reporting.web import filters
from reporting.web.access import needs
from reporting.web.office import Asked, Office, office_of
from reporting.web.plain import plain
from reporting.web.query import fields_of

MOST = 20
"""Views of one person: more are no short cut any more."""

LONGEST = 40
"""Characters of a name."""


class View(msgspec.Struct, frozen=True):
    """A kept search."""

    id: int
    name: str
    query: str


async def of(office: Office, account: Account) -> list[View]:
    """The views of *account*, by name."""
    async with office.database.reading() as session:
        mine = select(SavedViewRow).where(SavedViewRow.account == account.id).order_by(SavedViewRow.name)
        return [View(row.id, row.name, row.query) for row in await session.scalars(mine)]


@post("/views", opt=needs(Action.BREACHES_READ))
async def keep(request: Asked) -> Redirect:
    """Keep the search that the form carries; one of the same name is replaced."""
    office, form = office_of(request), await request.form()
    assert request.user
    question = filters.read(fields_of(form.get("query", "")), office.zone)
    name, mine = plain(form.get("name", "").strip(), LONGEST), SavedViewRow.account == request.user.id
    async with office.database.writing() as session:
        await session.execute(delete(SavedViewRow).where(mine, SavedViewRow.name == name))
        kept = await session.scalar(select(func.count()).select_from(SavedViewRow).where(mine)) or 0
        if name and question.narrowed and kept < MOST:
            row = SavedViewRow(account=request.user.id, name=name, query=question.query, at_ns=office.now_ns())
            session.add(row)
    return Redirect(question.link(), status_code=303)


@post("/views/{number:int}/forget", opt=needs(Action.BREACHES_READ))
async def forget(request: Asked) -> Redirect:
    """Forget one of one's own views."""
    office = office_of(request)
    assert request.user
    number = request.path_params["number"]
    async with office.database.writing() as session:
        row = await session.get(SavedViewRow, number) if abs(number) < 2**63 else None
        if row is None or row.account != request.user.id:
            raise NotFoundException
        await session.delete(row)
    return Redirect("/breaches", status_code=303)
