"""The breach log: a table with filters, a page at a time, and the same entries as JSON.

What finds the entries is `reporting.web.search`; views that somebody keeps are `reporting.web.views`.
"""

from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from blocklists.rulebook import Severity
from reporting.log_models import MarkRow
from reporting.models import BreachRow
from reporting.permissions import Action
from reporting.web import filters, rows, search, times, views
from reporting.web.access import needs
from reporting.web.filters import Asked as Question
from reporting.web.filters import Filter, Place
from reporting.web.office import Asked, Office, office_of
from reporting.web.render import html, json, link
from reporting.web.rows import Shown
from reporting.web.search import PAGE
from reporting.web.viewer import Viewer, viewer_of

__all__ = ["PAGE", "breaches", "newest"]

MOST_NEW = 2_000
"""Entries that one look of the live tail goes through at most; a reader who was away longer reads the page anew."""

type Choices = dict[str, list[tuple[str, str]]]


class Page(msgspec.Struct, frozen=True):
    """A page of the log as it is shown; *newest* is the highest number that the log had when it was looked at."""

    entries: list[Shown]
    older: Place | None
    looked_to: str
    newest: int


@get("/breaches", opt=needs(Action.BREACHES_READ))
async def breaches(request: Asked) -> Response[str] | Response[bytes]:
    """The log as a page, or with ?format=json as JSON."""
    office = office_of(request)
    question = filters.read(dict(request.query_params.items()), office.zone)
    viewer = await viewer_of(request)
    page = await page_of(office, viewer, question.filter)
    if request.query_params.get("format") == "json":
        older_json = question.link(page.older, format="json") if page.older else None
        return json({"entries": page.entries, "problems": question.problems}, older=older_json)
    assert request.user
    return html(
        request,
        office,
        "breaches.html",
        rows=page.entries,
        newest=page.newest,
        looked_to=page.looked_to,
        asked=question.form,
        narrowed=question.narrowed,
        detailed=any(value for name, value in question.form.items() if name != "host"),
        problems=question.problems,
        choices=_choices(office, question),
        views=await views.of(office, request.user),
        query=link(question.query),
        spans=_spans(office, question),
        page_json=link(question.link(question.filter.below, format="json")),
        csv=link(question.link(page="/breaches.csv")),
        as_json=link(question.link(page="/breaches.json")),
        older=link(question.link(page.older)) if page.older else "",
        first=link(question.link()) if question.filter.below else "",
    )


@get("/breaches/newest", opt=needs(Action.BREACHES_READ))
async def newest(request: Asked) -> Response[bytes]:
    """How many entries above a number fit what is asked for: what the page's script asks while it follows the log."""
    office = office_of(request)
    question = filters.read(dict(request.query_params.items()), office.zone)
    above = request.query_params.get("above", "")
    seen = int(above) if above.isascii() and above.isdigit() and len(above) <= 18 else 0
    viewer = await viewer_of(request)
    async with office.database.reading() as session:
        highest = await search.newest(session)
        fresh = msgspec.structs.replace(question.filter, below=None, above=max(seen, highest - MOST_NEW))
        found = (
            await search.page(session, viewer, fresh, office.pseudonyms(viewer.roles))
            if highest > seen
            else search.Found([])
        )
    return json({"newest": highest, "fresh": len(found.rows)})


async def page_of(office: Office, viewer: Viewer, asked: Filter, *, size: int = PAGE) -> Page:
    """The entries of one page, and where the next begins or None."""
    async with office.database.reading() as session:
        highest = await search.newest(session)
        found = await search.page(session, viewer, asked, office.pseudonyms(viewer.roles), size=size)
        shown = await entries(session, office, viewer, found.rows)
    looked_to = times.to_minute(found.looked_to, office.zone) if found.looked_to else ""
    return Page(shown, found.older, looked_to, highest)


async def entries(session: AsyncSession, office: Office, viewer: Viewer, found: list[BreachRow]) -> list[Shown]:
    """*found* as they are shown to *viewer*."""
    marks = select(MarkRow.breach).where(MarkRow.breach.in_([row.id for row in found]))
    marked = set(await session.scalars(marks)) if found else set()
    book, zone, pseudonyms = office.rulebook, office.zone, office.pseudonyms(viewer.roles)
    return [
        rows.show(
            row,
            holder=viewer.holder(row),
            rulebook=book,
            zone=zone,
            person=pseudonyms.called(row.person, row.at_ns),
            marked=row.id in marked,
        )
        for row in found
    ]


def _spans(office: Office, question: Question) -> list[tuple[str, str]]:
    """The days that people ask for most, each with the address of the same search within them."""
    now, zone = office.now_ns(), office.zone
    today = times.day_start(now, zone)
    yesterday = times.day_start(today - times.SECOND, zone)
    week = times.day_start(today - 6 * 24 * 3600 * times.SECOND + 12 * 3600 * times.SECOND, zone)  # over a clock change
    days = (("today", today, None), ("yesterday", yesterday, today), ("the last seven days", week, None))
    return [(words, link(_within(question, zone, since, until).link())) for words, since, until in days]


def _within(question: Question, zone: ZoneInfo, since: int, until: int | None) -> Question:
    """*question* from *since* on, and before *until*, in place of its own times."""
    times_asked = {
        name: times.form_value(at_ns, zone)[:16] if at_ns else ""
        for name, at_ns in (("since", since), ("until", until))
    }
    return msgspec.structs.replace(question, form={**question.form, **times_asked})


def _choices(office: Office, question: Question) -> Choices:
    """What the form's lists offer; a value that was asked for stays in its list."""
    book = office.rulebook
    offered: Choices = {
        "kind": list(rows.KINDS.items()),
        "profile": [(name, profile.title) for name, profile in book.profiles.items()] if book else [],
        "category": [(name, category.title) for name, category in book.categories.items()] if book else [],
        "severity": [(s.name, s.name) for s in sorted(Severity, reverse=True) if s],
        "source": list(rows.SOURCES.items()),
        "marked": [("yes", "Marked as a false positive")],
    }
    for name, options in offered.items():
        asked = question.form[name]
        if asked and asked not in dict(options):
            options.append((asked, asked))
    return offered
