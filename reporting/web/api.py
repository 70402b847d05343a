"""The same entries, reasons and health as JSON under /api, for scripts: same permissions, same limits, only reading.

A script shows a token (`Authorization: Bearer ...`, `reporting.api_tokens`); a browser that is logged in may look too.
"""

import functools
from typing import Annotated, Any

import msgspec
from litestar import Litestar, Router, get
from litestar.exceptions import NotFoundException, ValidationException
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.spec import Components, SecurityScheme
from litestar.params import FromPath, FromQuery, QueryParameter

from reporting.longer_looks import LongerLookError
from reporting.permissions import Action
from reporting.web import filters, health, log, longer_looks, times, why
from reporting.web.access import needs
from reporting.web.errors import Problem
from reporting.web.filters import Place
from reporting.web.office import Asked, office_of
from reporting.web.plain import plain_json
from reporting.web.rows import Shown
from reporting.web.viewer import viewer_of
from reporting.web.walked import Walked

MOST = 500
"""Entries of one answer at most."""


def _says(description: str) -> ResponseSpec:
    return ResponseSpec(Problem, generate_examples=False, description=description)


REFUSED = {
    400: _says("Something in the question could not be read"),
    401: _says("No token that holds"),
    403: _says("Not for the token's role"),
}
"""What any question may meet in place of its answer."""

REFUSED_OR_GONE = {**REFUSED, 404: _says("There is no such entry")}


class BreachPage(msgspec.Struct, frozen=True):
    """Entries, newest first. *older* is the value of `below` for what follows, or null at the end.

    *problems* says which fields of the question meant nothing and narrowed nothing. *looked_to*: there are fewer
    entries than asked for, as a rare thing was looked for this far back; *older* goes on from there.
    """

    entries: list[Shown]
    older: str | None
    problems: list[str]
    looked_to: str


class BreachReason(msgspec.Struct, frozen=True):
    """An entry, and the decision order walked for it under the policy in force; null where it is held or sealed."""

    entry: Shown
    walked: Walked | None


@get("/breaches", opt=needs(Action.BREACHES_READ), responses=REFUSED, summary="The breach log")
async def breaches(
    request: Asked,
    *,
    host: FromQuery[str] = "",
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
    kind: FromQuery[str] = "",
    profile: FromQuery[str] = "",
    category: FromQuery[str] = "",
    severity: FromQuery[str] = "",
    source: FromQuery[str] = "",
    address: FromQuery[str] = "",
    device: FromQuery[str] = "",
    person: FromQuery[str] = "",
    marked: FromQuery[str] = "",
    below: FromQuery[str] = "",
    size: Annotated[int, QueryParameter(ge=1, le=MOST)] = 50,
) -> BreachPage:
    """Entries that fit all that is asked; an empty field narrows nothing."""
    office = office_of(request)
    given = {
        "host": host,
        "since": since,
        "until": until,
        "kind": kind,
        "profile": profile,
        "category": category,
        "severity": severity,
        "source": source,
        "address": address,
        "device": device,
        "person": person,
        "marked": marked,
        "below": below,
    }
    question = filters.read(given, office.zone)
    page = await log.page_of(office, await viewer_of(request), question.filter, size=size)
    older = str(page.older) if isinstance(page.older, Place) else None
    return plainly(BreachPage(page.entries, older, list(question.problems), page.looked_to))


@get(
    "/breaches/{number:int}",
    opt=needs(Action.BREACHES_EXPLAIN),
    responses=REFUSED_OR_GONE,
    summary="Why an entry is there",
)
async def breach(request: Asked, number: FromPath[int]) -> BreachReason:
    """One entry and why."""
    office, viewer = office_of(request), await viewer_of(request)
    async with office.database.reading() as session:
        row = await why.find(session, number)
        [shown] = await log.entries(session, office, viewer, [row])
    open_to_reader = why.may_read(row, viewer)
    walked = why.explained(office, why.question_of(row), row.profile, row.at_ns) if open_to_reader else None
    return plainly(BreachReason(shown, walked if isinstance(walked, Walked) else None))


@get("/explain", opt=needs(Action.BREACHES_EXPLAIN), responses=REFUSED, summary="What a profile would meet")
async def explain(request: Asked, what: FromQuery[str], profile: FromQuery[str], at: FromQuery[str] = "") -> Walked:
    """The decision order walked for a name or a web address; `at` is a local time, such as 2027-01-11T10:00."""
    office = office_of(request)
    at_ns = times.parse(at, office.zone) if at else office.now_ns()
    found = why.explained(office, what[:2_000], profile, at_ns) if at_ns else "The time was not understood."
    if isinstance(found, str):
        raise ValidationException(detail=found)
    return plainly(found)


@get("/health", opt=needs(Action.HEALTH_READ), responses=REFUSED, summary="Is everything healthy")
async def state(request: Asked) -> health.Health:
    """The health page's figures."""
    if request.user is None:
        raise NotFoundException
    return plainly(await health.looked_at(office_of(request)))


class LongerLooks(msgspec.Struct, frozen=True):
    """Longer looks that whoever made the token asked for (`mine`), and that wait for their answer on the pages."""

    looks: list[longer_looks.Shown]
    waiting: list[longer_looks.Shown]


@get(
    "/longer-looks", opt=needs(Action.LOOKS_ASK), responses=REFUSED, summary="More than an alert's hour: what was asked"
)
async def looks(request: Asked) -> LongerLooks:
    """What was asked for, and whether it is granted; asking and granting is done on the pages."""
    mine, waiting = await longer_looks.both(request)
    return plainly(LongerLooks(mine, waiting))


@get(
    "/longer-looks/{number:int}",
    opt=needs(Action.LOOKS_ASK),
    responses=REFUSED_OR_GONE,
    summary="One day of a longer look that is granted",
)
async def look(request: Asked, number: FromPath[int], day: FromQuery[str]) -> longer_looks.Day:
    """A day of it, such as 2026-11-20, for whoever asked for it; that it was looked at stays on the record."""
    try:
        return plainly(await longer_looks.open_day(request, number, day))
    except LongerLookError as error:
        raise ValidationException(detail=str(error)) from error


@get("/openapi.json", opt=needs(Action.BREACHES_READ), include_in_schema=False)
async def description(request: Asked) -> dict[str, Any]:
    """What this API is, for tools: OpenAPI 3.1."""
    assert request.user
    return _described()


@functools.cache
def _described() -> dict[str, Any]:
    """The document, made by an application that is never served: Litestar's own pages for it come from elsewhere."""
    described = Litestar(
        [Router("/api", route_handlers=HANDLERS)],
        openapi_config=DESCRIPTION,
        logging_config=None,  # or the library sets the whole process's log up anew
    )
    return described.openapi_schema.to_schema()


def plainly[T](value: T) -> T:
    """*value* with every text in it made plain (G28)."""
    made: Any = plain_json(msgspec.to_builtins(value))
    return msgspec.convert(made, type(value))


HANDLERS = [breaches, breach, explain, state, looks, look]
ROUTER = Router("/api", route_handlers=[*HANDLERS, description])

DESCRIPTION = OpenAPIConfig(
    title="Schoolgate",
    version="1",
    summary="What was stopped, what got through and what gave concern, for scripts. Reading only.",
    components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
    security=[{"token": []}],
)
