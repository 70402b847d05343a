"""How many entries a day: each kind with a picture of its own, as kinds are never added together (G1)."""

import datetime
from zoneinfo import ZoneInfo

import msgspec
from markupsafe import Markup
from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from blocklists.rulebook import NEVER_BLOCKED, Rulebook
from reporting.breach import BreachKind
from reporting.models import BreachRow
from reporting.web import charts, times
from reporting.web.rows import KINDS

DAYS = 14
"""Days in a picture: this week and the last."""

TOP = 6
"""Categories that are named."""

WEEK = 7


class Trend(msgspec.Struct, frozen=True):
    """One kind over the last days: its picture, and the same in figures."""

    kind: str
    words: str
    picture: Markup
    figures: tuple[tuple[str, int], ...]


async def trends(session: AsyncSession, now_ns: int, zone: ZoneInfo) -> list[Trend]:
    """The last DAYS days, today among them, for each kind; one question, as each costs more than its counting."""
    days = _days(now_ns, zone)
    figures = [_count(kind, *span).label(f"{kind}_{place}") for kind in KINDS for place, (_, span) in enumerate(days)]
    counted = list((await session.execute(select(*figures))).one())
    found = []
    for kind, words in KINDS.items():
        mine, counted = counted[: len(days)], counted[len(days) :]
        found.append(_trend(kind, words, [(day, count) for (day, _), count in zip(days, mine, strict=True)]))
    return found


async def most_stopped(
    session: AsyncSession, now_ns: int, zone: ZoneInfo, book: Rulebook | None
) -> list[tuple[str, str, int]]:
    """(name, title, entries) of the categories stopped most in the last week; what is nobody's is no part (G9).

    All entries of a category are counted in its index, and those few that are of another kind taken off: to look at
    each for its kind would take ten times as long.
    """
    since = _days(now_ns, zone)[-WEEK][1][0]
    titles = {name: one.title for name, one in book.categories.items() if name not in NEVER_BLOCKED} if book else {}
    if not titles:
        return []
    inside = BreachRow.at_ns >= since
    figures = [select(func.count()).where(BreachRow.category == name, inside).scalar_subquery() for name in titles]
    counted = dict(zip(titles, (await session.execute(select(*figures))).one(), strict=True))
    others = select(BreachRow.category, func.count()).where(BreachRow.kind.in_(_OTHERS), inside)
    for name, count in (await session.execute(others.group_by(BreachRow.category))).all():
        counted[name] = counted.get(name, 0) - count
    most = sorted(titles, key=lambda name: -counted[name])[:TOP]
    return [(name, titles[name], counted[name]) for name in most if counted[name] > 0]


_OTHERS = tuple(kind for kind in BreachKind if kind is not BreachKind.STOPPED)


def _days(now_ns: int, zone: ZoneInfo) -> list[tuple[datetime.date, tuple[int, int]]]:
    """The last days, oldest first, each with its beginning and its end (UTC nanoseconds)."""
    today = times.local(now_ns, zone).date()
    days = [today - datetime.timedelta(days=back) for back in range(DAYS - 1, -2, -1)]
    starts = [int(datetime.datetime.combine(day, datetime.time(), zone).timestamp()) * times.SECOND for day in days]
    return [(day, (starts[place], starts[place + 1])) for place, day in enumerate(days[:-1])]


def _count(kind: str, begins: int, ends: int) -> ScalarSelect[int]:
    inside = (BreachRow.kind == kind, BreachRow.at_ns >= begins, BreachRow.at_ns < ends)
    return select(func.count()).where(*inside).scalar_subquery()


def _trend(kind: str, words: str, counted: list[tuple[datetime.date, int]]) -> Trend:
    labels = [f"{day:%-d %b}" for day, _ in counted]
    values = [count for _, count in counted]
    says = f"{words}: {values[-1]:,} today, {max(values):,} on the busiest of {len(values)} days"
    figures = tuple((f"{day:%a %-d %b}", count) for day, count in counted)
    return Trend(kind, words, charts.bars(labels, values, kind=kind, says=says), figures)
