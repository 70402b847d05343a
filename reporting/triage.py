"""What people do about alerts: judging, noting, assigning, linking to an incident, and the history of all of it.

Each step writes what is true now and adds to the history, in one transaction; nothing changes the history. Whoever
judges an alert or makes it part of an incident has taken it on: it is acknowledged then. Who may do
it is asked before. The caller owns the transaction, and gives the time.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from reporting.alerts import acknowledge
from reporting.case_models import AlertEventRow, TriageRow
from reporting.models import AccountRow, AlertRow

TRUE, FALSE = "true", "false"
JUDGEMENTS = {TRUE: "a true alarm", FALSE: "a false alarm"}
"""What an alert may be judged to be."""

LOOKS = ("opened", "looked")
"""Steps that change nothing."""

LONGEST_NOTE = 20_000
"""Characters of a note: some six pages of writing."""


class Step(msgspec.Struct, frozen=True):
    """Something that somebody did about an alert."""

    at_ns: int
    by: str
    what: str
    says: str


class Hand(msgspec.Struct, frozen=True):
    """Who acts on the alert with the id *alert*, and when (UTC nanoseconds)."""

    alert: int
    account: int
    at_ns: int


async def judge(session: AsyncSession, hand: Hand, judgement: str) -> bool:
    """Call the alert a true or a false alarm; False if *judgement* is neither."""
    if judgement not in JUDGEMENTS:
        return False
    await _take_on(session, hand)
    (await _state(session, hand.alert)).judgement = judgement
    _add(session, hand, "judged", JUDGEMENTS[judgement])
    return True


async def note(session: AsyncSession, hand: Hand, words: str) -> bool:
    """Add a note; False if it says nothing."""
    words = words.strip()[:LONGEST_NOTE]
    if words:
        _add(session, hand, "note", words)
    return bool(words)


async def assign(session: AsyncSession, hand: Hand, to: AccountRow) -> None:
    """Make the alert the business of *to*."""
    (await _state(session, hand.alert)).assigned = to.id
    _add(session, hand, "assigned", f"to {to.name}")


async def link(session: AsyncSession, hand: Hand, incident: int, number: int) -> None:
    """Make the alert a part of the incident with the id *incident* and the number *number*."""
    await _take_on(session, hand)
    (await _state(session, hand.alert)).incident = incident
    _add(session, hand, "incident", f"linked to incident {number}")


async def done(session: AsyncSession, hand: Hand, what: str, says: str = "") -> None:
    """Add to the history that *what* was done: acknowledged, looked or opened."""
    _add(session, hand, what, says)


async def opened(session: AsyncSession, hand: Hand) -> None:
    """Add to the history that the account has opened the alert, the first time that it does."""
    before = select(AlertEventRow.id).where(
        AlertEventRow.alert == hand.alert, AlertEventRow.account == hand.account, AlertEventRow.what == "opened"
    )
    if await session.scalar(before.limit(1)) is None:
        _add(session, hand, "opened", "")


async def end_ladder(session: AsyncSession, alerts: Sequence[int]) -> None:
    """Tell nobody further of the alerts with the ids *alerts*; one that grows graver afterwards is told anew."""
    await session.execute(update(AlertRow).where(AlertRow.id.in_(alerts)).values(next_step_ns=None))


async def state(session: AsyncSession, alert: int) -> TriageRow | None:
    """What people have made of the alert with the id *alert*, or None while nobody has."""
    return await session.get(TriageRow, alert)


async def history(session: AsyncSession, alert: int) -> Sequence[Step]:
    """All that was done about the alert with the id *alert*, the oldest first."""
    return await _steps(session, AlertEventRow.alert == alert)


async def since(session: AsyncSession, hand: Hand, seen: int) -> Sequence[Step]:
    """What others than *hand*'s account did about its alert after the step *seen*; who only looked is left out."""
    return await _steps(
        session,
        AlertEventRow.alert == hand.alert,
        AlertEventRow.id > seen,
        AlertEventRow.account != hand.account,
        AlertEventRow.what.not_in(LOOKS),
    )


async def last_step(session: AsyncSession, alert: int) -> int:
    """The newest step of the history of the alert with the id *alert*, or 0."""
    newest = select(func.max(AlertEventRow.id)).where(AlertEventRow.alert == alert)
    return await session.scalar(newest) or 0


async def _steps(session: AsyncSession, *which: ColumnElement[bool]) -> Sequence[Step]:
    found = (
        select(AlertEventRow, AccountRow.name)
        .join(AccountRow, AccountRow.id == AlertEventRow.account)
        .where(*which)
        .order_by(AlertEventRow.id)
    )
    return [Step(row.at_ns, name, row.what, row.says) for row, name in (await session.execute(found)).all()]


async def _take_on(session: AsyncSession, hand: Hand) -> None:
    """Acknowledge the alert, if nobody has: it waits for nobody any more, and no report says that it does."""
    row = await session.get_one(AlertRow, hand.alert)
    await session.refresh(row)
    if await acknowledge(session, row.number, hand.account, hand.at_ns):
        _add(session, hand, "acknowledged", "")


async def _state(session: AsyncSession, alert: int) -> TriageRow:
    found = await session.get(TriageRow, alert)
    if found is None:
        found = TriageRow(alert=alert, judgement="")
        session.add(found)
    return found


def _add(session: AsyncSession, hand: Hand, what: str, says: str) -> None:
    session.add(AlertEventRow(alert=hand.alert, at_ns=hand.at_ns, account=hand.account, what=what, says=says))
