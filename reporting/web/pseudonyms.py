"""Who is who in the log: pseudonyms for the numbers of people, and back (`reporting.pseudonym`)."""

import datetime
import secrets
from collections.abc import Callable
from zoneinfo import ZoneInfo

import msgspec

from reporting import pseudonym
from reporting.database import Database
from reporting.models import MetaRow
from reporting.pattern import person_of
from reporting.web import times

TERMS = 7
"""Terms that a pseudonym is looked for in: two years, and the one that has begun."""

KEY = "pseudonym_key"
"""The name of the key among the database's own facts: who has the database has the numbers too."""


class Somebody(msgspec.Struct, frozen=True):
    """The person *number*, from *since* until *until* (UTC nanoseconds): a pseudonym holds for a term."""

    number: int
    since: int
    until: int


class Pseudonyms:
    """Pseudonyms under one *key*, in the terms of a *zone*."""

    def __init__(self, key: bytes, zone: ZoneInfo, now_ns: Callable[[], int]) -> None:
        """Read no clock yet."""
        self._key, self._zone, self._now_ns = key, zone, now_ns

    def called(self, person: int, at_ns: int) -> str:
        """What *person* is called at *at_ns*; nothing for nobody, or at an impossible time."""
        if not person or not 0 < at_ns < times.LAST_NS:
            return ""
        return pseudonym.of(person, pseudonym.term_of(times.local(at_ns, self._zone).date()), self._key)

    def subject(self, subject: str, at_ns: int) -> str:
        """Whom the *subject* of an alert, an incident or a look means, in words; nothing where it is nobody."""
        kind, _, rest = subject.partition(":")
        if kind == "address":
            return f"Device at {rest}"
        called = self.called(person_of(subject) or 0, at_ns)
        return f"Person {called}" if called else ""

    def who(self, text: str) -> list[Somebody]:
        """Whom the pseudonym *text* may mean: one person for each of the last terms."""
        found, until = [], times.LAST_NS
        day = times.local(self._now_ns(), self._zone).date()
        for _ in range(TERMS):
            term = pseudonym.term_of(day)
            first = pseudonym.begins(term)
            since = int(datetime.datetime.combine(first, datetime.time(), self._zone).timestamp()) * times.SECOND
            if number := pseudonym.person(text, term, self._key):
                found.append(Somebody(number, since, until))
            day, until = first - datetime.timedelta(days=1), since
        return found


async def kept_key(database: Database) -> bytes:
    """The key that this database's pseudonyms are made with; made when it is first asked for."""
    async with database.writing() as session:
        kept = await session.get(MetaRow, KEY)
        if kept is None:
            kept = MetaRow(name=KEY, value=secrets.token_bytes(32))
            session.add(kept)
        return kept.value
