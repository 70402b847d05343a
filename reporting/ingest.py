"""From the journals into the database, exactly once.

A journal's offset moves in the transaction that holds its rows, so whatever is killed when, each record is in the
database once. What cannot be taken in is set aside, counted and said; it never stops what comes after it, and one
journal in trouble never stops another.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from blocklists.rulebook import Severity
from reporting import intake, set_aside, sqlite_file
from reporting.alerts import Desk
from reporting.breach import Clean
from reporting.database import Database, uninterrupted
from reporting.frames import Frame, Reader
from reporting.journal import NAME, SUFFIX
from reporting.logline import plain, reason
from reporting.models import JournalRow
from reporting.reach import AwayError

log = logging.getLogger("schoolgate.ingest")

BATCH = 1_000
"""Records in one transaction: about 0.05 s, which is how long another writer waits at most."""

LOOK = 0.2
"""Seconds between two looks at the spool."""

SILENCE = 150.0
"""Seconds without a heartbeat from a living writer that are an alarm (G25): two of them are missing, and a half."""

TROUBLE = 5.0
"""Seconds until a journal that could not be taken in is tried again."""


class _ForgottenError(Exception):
    """The server may have forgotten commits of ours that it had taken: what we remember of it does not hold."""


class _Followed:
    """A journal that is being read: its reader, what was last seen of its file, and when its writer was *heard*.

    *heard* is monotonic, by this process: what the wall clock says may step, and then a writer seems silent or alive.
    """

    def __init__(self, reader: Reader, row: JournalRow, heard: float) -> None:
        self.reader, self.row, self.heard = reader, row, heard
        self.seen = -1
        self.silent = False


class Ingest:
    """Follows every journal of *spool*. The counters are for the metrics."""

    def __init__(
        self,
        database: Database,
        spool: Path,
        desk: Desk,
        *,
        unseal: Callable[[bytes], bytes | None],
        found_clean: Callable[[list[Clean]], None] = lambda _: None,
        aside: Path | None = None,
        damaged: Callable[[], None] = lambda: None,
        now_ns: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """*unseal* opens a journal's sealed seed, or gives None; then its chain stays unchecked.

        *found_clean* is told of pages that workers found clean; what a kill keeps from it is scanned again. *aside* is
        the folder for pieces that cannot be taken in. *damaged* is called before this ends because the database is.
        """
        self._aside, self._damaged = aside, damaged
        self._found_clean = found_clean
        self._database, self._spool, self._desk = database, spool, desk
        self._unseal, self._now_ns, self._monotonic = unseal, now_ns, monotonic
        self._followed: dict[str, _Followed] = {}
        self._ended: dict[str, int] = {}
        self._trouble: dict[str, float] = {}
        self._behind: float | None = None
        self._known = 0
        self._away = False
        self.breaches: Counter[Severity] = Counter()
        self.visits = self.damaged = self.tampered = self.alerts = self.failures = self.strange = 0
        self._strange: set[str] = set()

    @property
    def lag(self) -> float:
        """Seconds for which something has been waiting in the spool; 0 when all is read."""
        return 0.0 if self._behind is None else self._monotonic() - self._behind

    async def run(self) -> None:
        """Take in what comes, for ever."""
        try:
            while not await uninterrupted(self._remembered()):  # noqa: ASYNC110 - nobody tells when a disk has room
                await asyncio.sleep(TROUBLE)
            while True:
                taken = await uninterrupted(self.step())
                await asyncio.sleep(0 if taken else LOOK)
        finally:
            self.close()

    def close(self) -> None:
        """Close all journals."""
        while self._followed:
            self._followed.popitem()[1].reader.close()

    async def step(self) -> int:
        """Look at each journal once and take in up to a batch of each; returns how many records there were."""
        taken = 0
        self._away = False
        if self._known != self._database.connections and not await self._remembered():
            return 0
        try:
            there = self._spooled()
        except OSError as error:
            log.error("The spool cannot be read: %s", reason(error))  # noqa: TRY400 - one sentence
            return 0
        for name in [*self._followed.keys() - there.keys()]:
            await self._guarded(name, self._gone)
        for name, size in there.items():
            if self._ended.get(name) != size and self._trouble.get(name, 0.0) <= self._monotonic():
                taken += await self._guarded(name, self._follow)
        self._trouble = {name: until for name, until in self._trouble.items() if name in there}
        behind = bool(taken or self._trouble or self._away)
        self._behind = (self._behind or self._monotonic()) if behind else None
        return taken

    async def _remembered(self) -> bool:
        """Do `_remember`; False if the database or the spool is in trouble: then all of it has to be done again."""
        try:
            await self._remember()
            return True
        except (AwayError, _ForgottenError):
            self._known = -1
            self._behind = self._behind or self._monotonic()
            return False
        except Exception as error:  # noqa: BLE001 - a full disk, a lock: nothing that another start would mend
            self._end_if_damaged(error)
            self._known = -1
            self.failures += 1
            self._behind = self._behind or self._monotonic()
            log.error("What was taken in before cannot be told and is asked again: %s", reason(error))  # noqa: TRY400
            return False

    def _end_if_damaged(self, error: Exception) -> None:
        """Raise *error* on if it says that the database is damaged: a new start sets it aside and rebuilds it."""
        if sqlite_file.is_damage(getattr(error, "orig", None)):
            self._damaged()
            raise error

    async def _remember(self) -> None:
        """Learn which journals were read to their end, and see that none that was not has gone."""
        self.close()
        self._known = self._database.connections
        async with self._database.reading() as session:
            rows = (await session.scalars(select(JournalRow))).all()
        there = self._spooled()
        self._ended = {row.name: row.offset for row in rows if row.state == "finished"}
        self._ended |= {row.name: there[row.name] for row in rows if row.state == "cut" and row.name in there}
        for row in rows:
            if row.state == "reading" and row.name not in there:
                await self._cut(row, "the journal's file was gone before it was read to its end")

    def _spooled(self) -> dict[str, int]:
        """The journals in the spool with their sizes, by name; OSError if that cannot be told.

        Where there is no spool, its journals are gone; one that cannot be read says nothing of them.
        """
        try:
            files = [file for file in self._spool.iterdir() if file.name.endswith(SUFFIX) and file.name[0] != "."]
        except FileNotFoundError as error:
            log.error("The spool cannot be read: %s", reason(error))  # noqa: TRY400 - one sentence
            return {}
        self._leave_alone({file.name for file in files if not NAME.fullmatch(file.name)})
        sizes: dict[str, int] = {}
        for file in sorted(files):
            with contextlib.suppress(FileNotFoundError):  # taken away this moment
                sizes[file.name] = file.lstat().st_size
        return {name: size for name, size in sizes.items() if name not in self._strange}

    def _leave_alone(self, strange: set[str]) -> None:
        """Count the files whose names are no journal's and say so once: a name would go into the log and the pages."""
        if new := sorted(strange - self._strange):
            self.strange += len(new)
            log.error("New in the spool, and by name no journal: %d, such as '%s'", len(new), plain(new[0]))
        self._strange = strange

    async def _guarded(self, name: str, step: Callable[[str], Awaitable[int]]) -> int:
        """Do *step* with one journal; what goes wrong is logged, and it is read again from what is committed."""
        try:
            taken = await step(name)
            self._trouble.pop(name, None)
            return taken
        except (AwayError, _ForgottenError) as error:
            self._away = self._away or isinstance(error, AwayError)
            self._drop(name)
            return 0
        except Exception as error:  # noqa: BLE001 - whatever a journal holds, it must not keep the others back
            self._end_if_damaged(error)
            self.failures += 1
            self._trouble[name] = self._monotonic() + TROUBLE
            log.error("%s could not be taken in and will be tried again: %s", name, reason(error))  # noqa: TRY400
            self._drop(name)
            return 0

    async def _follow(self, name: str) -> int:
        followed = self._followed.get(name) or await self._begin(name)
        reader, row = followed.reader, followed.row
        abandoned = reader.abandoned  # before the size: a writer that is gone by now writes nothing after it
        size = reader.size
        if size < row.offset:
            await self._cut(row, f"the file has {size} bytes, {row.offset} had been read: its end was cut off")
            self._drop(name)
            self._ended[name] = size
            return 0
        if size != followed.seen:
            frames = await asyncio.to_thread(reader.read, BATCH)
            if frames:
                await self._take(followed, frames)
                return len(frames)
            followed.seen = size
        if abandoned:
            await self._finish(followed)
        else:
            await self._listen(followed)
        return 0

    async def _gone(self, name: str) -> int:
        """A journal's file was taken away; it is still open here, so what it holds is not lost."""
        followed = self._followed[name]
        while frames := await asyncio.to_thread(followed.reader.read, BATCH):
            await self._take(followed, frames)
        await self._cut(followed.row, "the journal's file was taken away while it was read")
        self._drop(name)
        return 0

    async def _begin(self, name: str) -> _Followed:
        async with self._database.reading() as session:
            row = await session.get(JournalRow, name)
        reader = Reader(self._spool / name, **({} if row is None else intake.place(row)))
        row = row or intake.new_journal(name, reader.header, self._now_ns())
        seed = self._unseal(row.sealed_seed) if row.sealed_seed and reader.header else None
        if seed:
            await asyncio.to_thread(reader.verify, seed)
        if row.chain != "broken":
            row.chain = "verified" if reader.checks else "unverified"
        row.offset = reader.offset
        self._followed[name] = _Followed(reader, row, self._monotonic())
        return self._followed[name]

    async def _take(self, followed: _Followed, frames: list[Frame], *, state: str = "reading") -> None:
        """Commit *frames* and the journal's new place together."""
        row, reader = followed.row, followed.reader
        batch = await asyncio.to_thread(intake.sorted_out, frames, row.name, self._now_ns())
        row.offset, row.count, row.head, row.state = frames[-1].next_offset, reader.count, reader.head, state
        if state == "finished":
            row.finished_ns = self._now_ns()
        if self._aside and (found := set_aside.pieces(frames)):
            await asyncio.to_thread(set_aside.keep, self._aside, row.name, found)
        if batch.heartbeat_ns:
            followed.heard = self._monotonic()
            row.heartbeat_ns = max(row.heartbeat_ns, batch.heartbeat_ns)
        if reader.broken:
            row.chain = "broken"
        async with self._writing(durable=batch.grave) as session:
            followed.row = await session.merge(row)
            await session.flush()
            opened = await intake.store(session, batch, self._desk, self._now_ns())
        self._tell(batch, opened)

    def _tell(self, batch: intake.Batch, opened: int) -> None:
        self.alerts += opened
        self.visits += len(batch.visits)
        if batch.clean:
            self._found_clean(batch.clean)
        self.breaches.update(Severity(row["severity"]) for row in batch.breaches)
        for aside in batch.aside:
            tampered = aside["reason"].startswith("tampered:")
            self.tampered += tampered
            self.damaged += aside["reason"].startswith(("damaged:", "unknown:"))
            if tampered:
                log.error("Tamper alarm: %s at %d: %s", aside["journal"], aside["offset"], aside["reason"])
            else:
                log.warning("Set aside: %s at %d: %s", aside["journal"], aside["offset"], aside["reason"])

    async def _finish(self, followed: _Followed) -> None:
        """Close a journal that nobody writes any more, with what is torn at its end."""
        name, row = followed.row.name, followed.row
        if rest := followed.reader.rest():
            await self._take(followed, [rest], state="finished")
        else:
            row.state, row.finished_ns = "finished", self._now_ns()
            async with self._writing(durable=False) as session:
                await session.merge(row)
        self._ended[name] = followed.row.offset
        self._drop(name)

    async def _listen(self, followed: _Followed) -> None:
        """Notice a writer that lives and sends no heartbeat."""
        quiet = self._monotonic() - followed.heard > SILENCE
        if quiet and not followed.silent:
            await self._alarm(followed.row, "no heartbeat for more than two minutes from a process that still runs")
        followed.silent = quiet

    async def _cut(self, row: JournalRow, says: str) -> None:
        row.state, row.chain = "cut", "broken"
        await self._alarm(row, says)

    async def _alarm(self, row: JournalRow, says: str) -> None:
        alarm = intake.aside(row.name, row.offset, f"tampered: {says}", b"", self._now_ns())
        batch = intake.Batch(row.name, aside=[alarm])
        async with self._writing() as session:
            await session.merge(row)
            await session.flush()
            await intake.store(session, batch, self._desk, self._now_ns())
        self._tell(batch, 0)

    @contextlib.asynccontextmanager
    async def _writing(self, *, durable: bool = True) -> AsyncIterator[AsyncSession]:
        """The writing session, for what goes on from what is remembered; _ForgottenError if that may not hold."""
        async with self._database.writing(durable=durable) as session:
            if self._known != self._database.connections:
                raise _ForgottenError
            yield session

    def _drop(self, name: str) -> None:
        if followed := self._followed.pop(name, None):
            followed.reader.close()
