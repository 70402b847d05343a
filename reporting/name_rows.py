"""A name as a row of the database has it: sealed with the key of a month, for one role (G30)."""

from sqlalchemy.ext.asyncio import AsyncSession

from reporting import sealing
from reporting.month_keys import MonthKeys, month_of
from reporting.people_models import PersonNameRow


def month(row: PersonNameRow) -> str:
    """The month that the name in *row* belongs to: of its key, or of when it was written, before months had keys."""
    return row.month or month_of(row.written_ns)


def opened(row: PersonNameRow, private: bytes, months: MonthKeys) -> str | None:
    """The name in *row* if *private*, the key of its role, opens it, and its month was not purged."""
    if month(row) < months.limit():
        return None
    key = months.opened(row.month, row.role, private) if row.month else private
    name = sealing.unseal(key, row.sealed, _purpose(row.person, row.month)) if key else None
    return None if name is None else name.decode()


async def put(session: AsyncSession, new: PersonNameRow, name: str, public: bytes) -> None:
    """Let *new*, with *name* sealed to the key *public* of its month, be what there is of its person and role."""
    new.sealed = sealing.seal(public, name.encode(), _purpose(new.person, new.month))
    old = await session.get(PersonNameRow, (new.person, new.role))
    if old is None:
        session.add(new)
    else:
        old.sealed, old.month, old.written_ns, old.written_by = new.sealed, new.month, new.written_ns, new.written_by


def _purpose(person: int, month: str) -> bytes:
    """A name is bound to its number and its month, so that no two rows can change places."""
    return f"schoolgate name 2 {month} {person}".encode() if month else f"schoolgate name 1 {person}".encode()
