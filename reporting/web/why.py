"""Why an entry of the log is there, and what somebody may do about it: explain as, propose an allow, mark as a mistake.

What is held for somebody else is held here too: such an entry says what it is and for whom it is held, and no step of
the order, since the order would name the rule. Nothing here changes the policy: a proposal is a row that waits for
whoever may.
"""

import collections

from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.response import Redirect
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from blocklists.policy import Policy, Reason
from blocklists.profile import CODE_WORDS, Code
from reporting.log_models import MarkRow, ProposalRow
from reporting.models import AccountRow, BreachRow
from reporting.permissions import Action
from reporting.web import log, proposals, times
from reporting.web.access import needs
from reporting.web.office import Asked, Office, office_of
from reporting.web.plain import plain
from reporting.web.render import html
from reporting.web.rows import SOURCES, severity_name
from reporting.web.viewer import Viewer, viewer_of
from reporting.web.walked import Walked, walk

LONGEST_WHY = 300
"""Characters of a reason: two sentences."""

NO_POLICY = "No policy is in force on this machine, so nothing can be explained."


@get("/breaches/{number:int}", opt=needs(Action.BREACHES_EXPLAIN))
async def entry(request: Asked) -> Response[str]:
    """One entry: what was decided then, the order walked for it under the policy in force, and what can be done."""
    office, viewer = office_of(request), await viewer_of(request)
    async with office.database.reading() as session:
        row = await find(session, request.path_params["number"])
        [shown] = await log.entries(session, office, viewer, [row])
        mark = await session.get(MarkRow, row.id)
        by = await session.get(AccountRow, mark.account) if mark else None
        asked = await proposals.open_for(session, row) if shown.host else []
    open_to_reader = may_read(row, viewer)
    return html(
        request,
        office,
        "why.html",
        row=shown,
        at_ns=times.form_value(row.at_ns, office.zone),
        evidence=str(row.extra.get("evidence", "")) if open_to_reader else "",
        walked=explained(office, question_of(row), row.profile, row.at_ns) if open_to_reader else "",
        question=question_of(row) if open_to_reader else "",
        code=_code(office, row) if open_to_reader else "",
        mark=mark and {"by": by.name if by else "", "when": times.shown(mark.at_ns, office.zone), "note": mark.note},
        asked=asked,
        shares=open_to_reader and bool(row.theme) and severity_name(row.severity) != "none",
        sources=collections.defaultdict(str, SOURCES),
        profiles=profiles_of(office),
        known_as=office.rulebook.categories if office.rulebook else {},
    )


@get("/explain", opt=needs(Action.BREACHES_EXPLAIN))
async def explain(request: Asked) -> Response[str]:
    """What another profile would meet, or at another time: "explain as"."""
    office, query = office_of(request), request.query_params
    question, profile = plain(query.get("what", "").strip(), 2_000), query.get("profile", "")
    at = query.get("at", "")
    at_ns = times.parse(at, office.zone) if at else office.now_ns()
    if at_ns is None:
        found: Walked | str = "The time was not understood. Write it like 2025-11-21T10:30."
    else:
        found = explained(office, question, profile, at_ns) if question else ""
    return html(
        request,
        office,
        "explain.html",
        question=question,
        profile=profile,
        at=at or times.form_value(office.now_ns(), office.zone),
        walked=found,
        when=times.to_minute(at_ns, office.zone) if at_ns else "",
        profiles=profiles_of(office),
        known_as=office.rulebook.categories if office.rulebook else {},
    )


@post("/breaches/{number:int}/mark", opt=needs(Action.CHANGES_PROPOSE))
async def mark(request: Asked) -> Redirect:
    """Call an entry a false positive, or take that back; only whoever may read it can say so."""
    office, form = office_of(request), await request.form()
    assert request.user
    viewer = await viewer_of(request)
    async with office.database.writing() as session:
        row = await find(session, request.path_params["number"], viewer)
        marked = await session.get(MarkRow, row.id)
        if marked:
            await session.delete(marked)
        if form.get("as", "") == "mistake":
            await session.flush()
            note = plain(form.get("note", "").strip(), LONGEST_WHY)
            session.add(MarkRow(breach=row.id, account=request.user.id, at_ns=office.now_ns(), note=note))
    return Redirect(f"/breaches/{row.id}", status_code=303)


@post("/breaches/{number:int}/propose", opt=needs(Action.CHANGES_PROPOSE))
async def propose(request: Asked) -> Redirect:
    """Ask for the entry's host to be opened to a profile; a second time for the same changes nothing."""
    office, form = office_of(request), await request.form()
    assert request.user
    viewer, profile = await viewer_of(request), form.get("profile", "")
    why = plain(form.get("why", "").strip(), LONGEST_WHY)
    if not why or profile not in dict(profiles_of(office)):
        return Redirect(f"/breaches/{request.path_params['number']}?incomplete=1", status_code=303)
    async with office.database.writing() as session:
        row = await find(session, request.path_params["number"], viewer)
        same = (ProposalRow.host == row.host, ProposalRow.profile == profile, ProposalRow.state == "open")
        if row.host and await session.scalar(select(ProposalRow.id).where(*same).limit(1)) is None:
            values = {"host": row.host, "profile": profile, "why": why, "breach": row.id}
            session.add(ProposalRow(account=request.user.id, at_ns=office.now_ns(), **values))
    return Redirect("/proposals", status_code=303)


async def find(session: AsyncSession, number: int, viewer: Viewer | None = None) -> BreachRow:
    """The entry *number*, for *viewer* only if they may read it; NotFoundException otherwise."""
    row = await session.get(BreachRow, number) if 0 < number < 2**63 else None
    if row is None or (viewer and not may_read(row, viewer)):
        raise NotFoundException
    return row


def may_read(row: BreachRow, viewer: Viewer) -> bool:
    """Whether *viewer* may read the site and the rule of *row*; of a sealed hit nobody may (G6)."""
    return not viewer.holder(row) and row.reason != Reason.SEALED


def explained(office: Office, question: str, profile: str, at_ns: int) -> Walked | str:
    """The order walked under the policy in force, or a sentence why not."""
    in_force = office.live.policy
    return walk(in_force, question, profile, at_ns) if isinstance(in_force, Policy) else NO_POLICY


def question_of(row: BreachRow) -> str:
    """What was asked for: a name, or an address without what was typed into it."""
    return f"https://{row.host}{row.path}" if row.path else row.host


def profiles_of(office: Office) -> list[tuple[str, str]]:
    """Profiles and what they are called."""
    return [(name, one.title) for name, one in office.rulebook.profiles.items()] if office.rulebook else []


def _code(office: Office, row: BreachRow) -> str:
    """What the entry's category is to its profile by now."""
    book = office.rulebook
    category, profile = (book.categories.get(row.category), book.profiles.get(row.profile)) if book else (None, None)
    code = category.codes.get(profile.column) if category and profile else None
    return CODE_WORDS[Code(code)] if code else ""
