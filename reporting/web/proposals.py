"""What staff would have opened: a list that waits for whoever may change the policy. Nothing is opened by it."""

from collections.abc import Mapping

import msgspec
from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.response import Redirect
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from blocklists.policy import Policy
from blocklists.profile import CODE_WORDS, Code
from reporting.log_models import ProposalRow
from reporting.models import BreachRow
from reporting.permissions import Action
from reporting.web import inbox, times
from reporting.web.access import needs, texts
from reporting.web.office import Asked, Office, office_of
from reporting.web.plain import plain
from reporting.web.render import html
from reporting.web.walked import Walked, walk

MOST = 200
"""Proposals on the page: the newest."""

WAITS = "open"
"""The state of a proposal that nobody has taken back or settled."""

OUTCOMES = {"done": "Done", "declined": "Decline"}
"""What somebody else than its maker may settle a proposal as, and what its button says."""

LONGEST_ANSWER = 300

NO_ANSWER = "Say in a few words why, so that whoever proposed it knows. Nothing is settled yet."
SETTLED = "Somebody was first: it does not wait any more. What they made of it stands in the list."

FOR_GOOD = {"Always open", "Profile rule", "Approved only", "Education"}
"""The steps of the order that open a site at any hour; of categories, codes O and S do."""


class Proposal(msgspec.Struct, frozen=True):
    """A proposal in words; *mine*: whoever looks made it, and may take it back while it *waits*; others may settle it.

    *table*: where the profile stands in the policy file.
    """

    id: int
    host: str
    profile: str
    why: str
    by: str
    when: str
    state: str
    table: str
    waits: bool
    settled: str = ""
    answer: str = ""
    mine: bool = False


@get("/proposals", opt=needs(Action.CHANGES_PROPOSE))
async def listed(request: Asked) -> Response[str]:
    """All proposals, the newest first."""
    return await _page(request)


@post("/proposals/{number:int}/withdraw", opt=needs(Action.CHANGES_PROPOSE))
async def withdraw(request: Asked) -> Redirect:
    """Take one's own proposal back."""
    office, number = office_of(request), request.path_params["number"]
    assert request.user
    async with office.database.writing() as session:
        row = await session.get(ProposalRow, number) if 0 < number < 2**63 else None
        if row is None or row.account != request.user.id or row.state != WAITS:
            raise NotFoundException
        row.state = "withdrawn"
    return Redirect("/proposals", status_code=303)


@post("/proposals/{number:int}/settle", opt=needs(Action.CHANGES_PROPOSE))
async def settle(request: Asked) -> Response[str] | Redirect:
    """Settle somebody else's proposal, and say why; it stays in the list, with whoever did it."""
    office, number, form = office_of(request), request.path_params["number"], await texts(request)
    assert request.user
    outcome, answer = form.get("outcome", ""), plain(form.get("answer", "").strip(), LONGEST_ANSWER)
    if outcome not in OUTCOMES or not answer:
        return await _page(request, problem=NO_ANSWER, status=400)
    async with office.database.writing() as session:
        row = await session.get(ProposalRow, number) if 0 < number < 2**63 else None
        if row is None or row.account == request.user.id:
            raise NotFoundException
        first = row.state == WAITS
        if first:
            row.state, row.answer = outcome, answer
            row.settled_by, row.settled_ns = request.user.id, office.now_ns()
    return Redirect("/proposals", status_code=303) if first else await _page(request, problem=SETTLED, status=409)


async def open_for(session: AsyncSession, row: BreachRow) -> list[str]:
    """The profiles that somebody has asked to open the host of *row* to."""
    same = select(ProposalRow.profile).where(ProposalRow.host == row.host, ProposalRow.state == WAITS)
    return list(await session.scalars(same.limit(MOST)))


async def waiting(session: AsyncSession, office: Office) -> int:
    """How many proposals, of the newest, ask for what the policy in force does not open."""
    newest = select(ProposalRow).where(ProposalRow.state == WAITS).order_by(ProposalRow.id.desc()).limit(MOST)
    return sum(not _is_open(row, office) for row in await session.scalars(newest))


async def _page(request: Asked, *, problem: str = "", status: int = 200) -> Response[str]:
    office = office_of(request)
    assert request.user
    newest = select(ProposalRow).order_by(ProposalRow.id.desc()).limit(MOST)
    async with office.database.reading() as session:
        found = list(await session.scalars(newest))
        names = await inbox.names(session, {one for row in found for one in (row.account, row.settled_by)})
    shown = [_show(row, names, office, mine=row.account == request.user.id) for row in found]
    return html(
        request,
        office,
        "proposals.html",
        status=status,
        problem=problem,
        proposals=shown,
        outcomes=list(OUTCOMES.items()),
    )


def _is_open(row: ProposalRow, office: Office) -> bool:
    """Whether the policy in force opens what *row* asks for, and not for an hour only."""
    in_force = office.live.policy
    walked = walk(in_force, row.host, row.profile, office.now_ns()) if isinstance(in_force, Policy) else ""
    if not isinstance(walked, Walked) or walked.action != "allow":
        return False
    by = next(step.name for step in walked.steps if step.answered)
    return by in FOR_GOOD or walked.code in {CODE_WORDS[Code.OPEN], CODE_WORDS[Code.SCAN]}


def _show(row: ProposalRow, names: Mapping[int | None, str], office: Office, *, mine: bool) -> Proposal:
    profile = office.rulebook.profiles.get(row.profile) if office.rulebook else None
    done = row.state == WAITS and _is_open(row, office)
    return Proposal(
        id=row.id,
        host=row.host,
        profile=profile.title if profile else row.profile,
        why=row.why,
        by=names.get(row.account, ""),
        when=times.to_minute(row.at_ns, office.zone),
        state="open by now" if done else "waits" if row.state == WAITS else row.state,
        table=f"profiles.{row.profile}",
        waits=row.state == WAITS,
        settled=f"{names.get(row.settled_by, '')}, {times.to_minute(row.settled_ns, office.zone)}"
        if row.settled_ns
        else "",
        answer=row.answer,
        mine=mine,
    )
