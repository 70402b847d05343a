"""The log as a file, CSV or JSON: streamed, so that a year of it takes no memory, and on the record (G5).

What is held for somebody else is as empty in a file as it is on the page: both are made of the same entries.
"""

import logging
from collections.abc import AsyncIterator

import msgspec
from litestar import get
from litestar.response import Stream

from reporting.log_models import ExportRow
from reporting.permissions import Action
from reporting.web import cells, filters, log, times
from reporting.web.access import needs
from reporting.web.filters import Asked as Question
from reporting.web.office import Asked, Office, office_of
from reporting.web.plain import plain_json
from reporting.web.rows import Shown
from reporting.web.viewer import Viewer, viewer_of

journal = logging.getLogger("schoolgate.web")

PIECE = 1_000
"""Entries that are read at a time: some 20 ms, in which nobody else waits."""

COLUMNS = {
    "number": "Number",
    "at": "Time (UTC)",
    "when": "Time at the school",
    "kind_words": "Kind",
    "severity": "Severity",
    "category_words": "Category",
    "profile_words": "Profile",
    "address": "Address",
    "device": "Device",
    "person": "Person",
    "source": "Seen by",
    "host": "Site",
    "path": "Path",
    "samples": "Also",
    "why": "Why",
    "list": "List",
    "rule": "Rule",
    "held": "Held",
    "repeats": "Repeats",
    "terms": "Searched for",
    "policy": "Policy version",
    "marked": "Marked as a mistake",
}
"""What a line of the CSV file holds, in this order, and what its columns are called."""


@get("/breaches.csv", opt=needs(Action.BREACHES_EXPORT))
async def as_csv(request: Asked) -> Stream:
    """What the search finds as CSV, for a spreadsheet."""
    return await _export(request, "csv")


@get("/breaches.json", opt=needs(Action.BREACHES_EXPORT))
async def as_json(request: Asked) -> Stream:
    """What the search finds as one JSON list."""
    return await _export(request, "json")


async def _export(request: Asked, form: str) -> Stream:
    office, viewer = office_of(request), await viewer_of(request)
    assert request.user
    question = filters.read(dict(request.query_params.items()), office.zone)
    async with office.database.writing() as session:
        row = ExportRow(account=request.user.id, at_ns=office.now_ns(), form=form, query=question.query)
        session.add(row)
    journal.info("%s exports entries of the breach log as %s.", request.user.name, form)
    pieces = _pieces(office, viewer, question, row.id)
    name = f"breaches-{times.local(office.now_ns(), office.zone):%Y-%m-%d-%H%M}.{form}"
    return Stream(
        _csv(pieces) if form == "csv" else _json(pieces),
        media_type="text/csv; charset=utf-8; header=present" if form == "csv" else "application/json",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


async def _pieces(office: Office, viewer: Viewer, question: Question, export: int) -> AsyncIterator[list[Shown]]:
    """What the search finds, a piece at a time, to its end; then the record says how many entries there were."""
    asked, count = question.filter, 0
    while True:
        page = await log.page_of(office, viewer, asked, size=PIECE)
        count += len(page.entries)
        yield page.entries
        if page.older is None:
            break
        asked = msgspec.structs.replace(asked, below=page.older)
    async with office.database.writing() as session:
        (await session.get_one(ExportRow, export)).entries = count


async def _csv(pieces: AsyncIterator[list[Shown]]) -> AsyncIterator[str]:
    """The byte order mark tells spreadsheets that it is UTF-8."""
    yield "\ufeff" + cells.line(COLUMNS.values())
    async for piece in pieces:
        yield "".join(cells.line(getattr(one, name) for name in COLUMNS) for one in piece)


async def _json(pieces: AsyncIterator[list[Shown]]) -> AsyncIterator[bytes]:
    yield b"["
    first = True
    async for piece in pieces:
        for one in piece:
            yield (b"\n" if first else b",\n") + msgspec.json.encode(plain_json(msgspec.to_builtins(one)))
            first = False
    yield b"\n]\n"
