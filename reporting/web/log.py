"""The breach log: a table with filters, a page at a time, and the same entries as JSON.

Pages follow each other by key (time and number of the last entry), so a page costs the same however far back it is and
new entries push nothing off it.
"""

from litestar import Response, get
from sqlalchemy import ColumnElement, Select, or_, select, tuple_

from blocklists.policy import Reason
from blocklists.rulebook import Severity
from reporting.models import BreachRow
from reporting.permissions import Action
from reporting.web import filters, rows
from reporting.web.access import needs
from reporting.web.filters import Asked as Question
from reporting.web.filters import Filter, Place
from reporting.web.office import Asked, Office, office_of
from reporting.web.render import html, json, link
from reporting.web.rows import Shown
from reporting.web.viewer import Viewer, viewer_of

PAGE = 50
"""Entries on a page: about four screens of a laptop."""

type Choices = dict[str, list[tuple[str, str]]]


@get("/breaches", opt=needs(Action.BREACHES_READ))
async def breaches(request: Asked) -> Response[str] | Response[bytes]:
    """The log as a page, or with ?format=json as JSON."""
    office = office_of(request)
    question = filters.read(dict(request.query_params.items()), office.zone)
    viewer = await viewer_of(request)
    shown, older = await _page(office, viewer, question.filter)
    if request.query_params.get("format") == "json":
        older_json = question.link(older, format="json") if older else None
        return json({"entries": shown, "problems": question.problems}, older=older_json)
    return html(
        request,
        office,
        "breaches.html",
        rows=shown,
        asked=question.form,
        narrowed=question.narrowed,
        problems=question.problems,
        choices=_choices(office, question),
        as_json=link(question.link(question.filter.below, format="json")),
        older=link(question.link(older)) if older else "",
        first=link(question.link()) if question.filter.below else "",
    )


async def _page(office: Office, viewer: Viewer, asked: Filter) -> tuple[list[Shown], Place | None]:
    """The entries of one page, and where the next begins or None."""
    async with office.database.reading() as session:
        found = list(await session.scalars(_query(viewer, asked)))
    kept = found[:PAGE]
    older = Place(kept[-1].at_ns, kept[-1].id) if len(found) > PAGE else None
    book, zone = office.rulebook, office.zone
    return [rows.show(row, holder=viewer.holder(row), rulebook=book, zone=zone) for row in kept], older


def _query(viewer: Viewer, asked: Filter) -> Select[BreachRow]:
    newest_first = (BreachRow.at_ns.desc(), BreachRow.id.desc())
    return select(BreachRow).where(*_conditions(viewer, asked)).order_by(*newest_first).limit(PAGE + 1)


def _conditions(viewer: Viewer, asked: Filter) -> list[ColumnElement[bool]]:
    """What *asked* means in SQL. A search by host looks only where the viewer may read the host."""
    exact = {
        BreachRow.kind: asked.kind,
        BreachRow.profile: asked.profile,
        BreachRow.category: asked.category,
        BreachRow.severity: asked.severity,
        BreachRow.source: asked.source,
        BreachRow.address: asked.address,
    }
    found = [column == value for column, value in exact.items() if value is not None and value != ""]
    if asked.since is not None:
        found.append(BreachRow.at_ns >= asked.since)
    if asked.until is not None:
        found.append(BreachRow.at_ns < asked.until)
    if asked.host:
        named = (column.contains(asked.host, autoescape=True) for column in (BreachRow.host, BreachRow.samples))
        found += [or_(*named), BreachRow.reason != Reason.SEALED]
        found.append(viewer.readable())
    if asked.below:
        found.append(tuple_(BreachRow.at_ns, BreachRow.id) < (asked.below.at_ns, asked.below.number))
    return found


def _choices(office: Office, question: Question) -> Choices:
    """What the form's lists offer; a value that was asked for stays in its list."""
    book = office.rulebook
    offered: Choices = {
        "kind": list(rows.KINDS.items()),
        "profile": [(name, profile.title) for name, profile in book.profiles.items()] if book else [],
        "category": [(name, category.title) for name, category in book.categories.items()] if book else [],
        "severity": [(s.name, s.name) for s in sorted(Severity, reverse=True) if s],
        "source": list(rows.SOURCES.items()),
    }
    for name, options in offered.items():
        asked = question.form[name]
        if asked and asked not in dict(options):
            options.append((asked, asked))
    return offered
