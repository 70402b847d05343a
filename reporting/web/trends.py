"""How many entries a day: each kind with a picture of its own, as kinds are never added together (G1)."""

import datetime
from zoneinfo import ZoneInfo

import msgspec
from markupsafe import Markup
from sqlalchemy import func, select
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
    """The last DAYS days, today among them, for each kind."""
    days = _days(now_ns, zone)
    return [
        _trend(kind, words, [(day, await _count(session, kind, *span)) for day, span in days])
        for kind, words in KINDS.items()
    ]


async def most_stopped(
    session: AsyncSession, now_ns: int, zone: ZoneInfo, book: Rulebook | None
) -> list[tuple[str, str, int]]:
    """(name, title, entries) of the categories stopped most in the last week; what is nobody's is no part (G9)."""
    since = _days(now_ns, zone)[-WEEK][1][0]
    figures = select(BreachRow.category, func.count().label("entries")).group_by(BreachRow.category)
    stopped = figures.where(BreachRow.kind == BreachKind.STOPPED, BreachRow.at_ns >= since)
    found = (await session.execute(stopped.order_by(func.count().desc()).limit(TOP + len(NEVER_BLOCKED) + 1))).all()
    titles = {name: category.title for name, category in book.categories.items()} if book else {}
    named = [(name, titles[name], count) for name, count in found if name in titles and name not in NEVER_BLOCKED]
    return named[:TOP]


def _days(now_ns: int, zone: ZoneInfo) -> list[tuple[datetime.date, tuple[int, int]]]:
    """The last days, oldest first, each with its beginning and its end (UTC nanoseconds)."""
    today = times.local(now_ns, zone).date()
    days = [today - datetime.timedelta(days=back) for back in range(DAYS - 1, -2, -1)]
    starts = [int(datetime.datetime.combine(day, datetime.time(), zone).timestamp()) * times.SECOND for day in days]
    return [(day, (starts[place], starts[place + 1])) for place, day in enumerate(days[:-1])]


async def _count(session: AsyncSession, kind: str, begins: int, ends: int) -> int:
    figure = select(func.count()).where(BreachRow.kind == kind, BreachRow.at_ns >= begins, BreachRow.at_ns < ends)
    return await session.scalar(figure) or 0


def _trend(kind: str, words: str, counted: list[tuple[datetime.date, int]]) -> Trend:
    labels = [f"{day:%-d %b}" for day, _ in counted]
    values = [count for _, count in counted]
    says = f"{words}: {values[-1]:,} today, {max(values):,} on the busiest of {len(values)} days"
    figures = tuple((f"{day:%a %-d %b}", count) for day, count in counted)
    return Trend(kind, words, charts.bars(labels, values, kind=kind, says=says), figures)
