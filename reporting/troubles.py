"""What happened to the records themselves, for the DSL and the technician: a rebuilt database, visits that had to go.

Kept in the database, so that it is told on today's page whoever looks, and after a restart. Times are UTC nanoseconds.
"""

from sqlalchemy import BigInteger, Index, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from reporting.models import Id, Table

DAY = 24 * 3600 * 1_000_000_000
MOST = 10
"""Sentences on today's page: the latest ones."""
TOLD_FOR = 14 * DAY
"""How long something stays on today's page: somebody who was away for a week's holiday still meets it."""


class TroubleRow(Table):
    """One sentence about the records, when it came about, and its *kind*: rebuilt, restored, disk, backup, waiting.

    *told_ns* is when it was told by mail (`reporting.notices`), or when a later one of its kind was.
    """

    __tablename__ = "troubles"
    __table_args__ = (Index("ix_troubles_at_ns", "at_ns"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at_ns: Mapped[int]
    kind: Mapped[str]
    says: Mapped[str]
    told_ns: Mapped[int | None] = mapped_column(BigInteger, default=None)


async def note(session: AsyncSession, kind: str, says: str, at_ns: int) -> None:
    """Keep the sentence *says*; one of the same *kind* and words, of less than a day ago, moves to *at_ns* instead."""
    latest = await session.scalar(
        select(TroubleRow).where(TroubleRow.kind == kind).order_by(TroubleRow.at_ns.desc()).limit(1)
    )
    if latest is not None and latest.says == says and at_ns < latest.at_ns + DAY:
        latest.at_ns = at_ns
        return
    session.add(TroubleRow(kind=kind, says=says, at_ns=at_ns))


async def recent(session: AsyncSession, now_ns: int) -> list[TroubleRow]:
    """What is still to be told at *now_ns*, the latest first."""
    found = select(TroubleRow).where(TroubleRow.at_ns >= now_ns - TOLD_FOR).order_by(TroubleRow.at_ns.desc())
    return list((await session.scalars(found.limit(MOST))).all())
