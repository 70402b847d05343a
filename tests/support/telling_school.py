"""A school whose alerts are told by a reporting process of its own, to a mail server that can be in trouble.

Reporting is all that `schoolgate reporting` has, pages, ladder and outbox; it can be killed and started again. Its
clock is handed in, so that two hours take seconds.
"""

import asyncio
import contextlib
import mmap
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from aiosmtpd.smtp import SMTP, Envelope, Session

from blocklists.rulebook import Severity
from reporting import seed
from reporting.mail import message_id
from reporting.models import OutboxRow
from tests.support.journals import breach, open_journal
from tests.support.school import make_school
from tests.support.smtp import Sink, smtp_sink

SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

PAUSE = 0.05
"""Seconds of the wall between two steps of the clock: one or two looks at the outbox."""

PATIENCE = 120.0
"""Seconds of the wall until what still waits counts as never told."""

SENDER = "gate@school.test"
HANG = "HANG"


class Server(Sink):
    """A mail server with a *trouble*: what it answers at MAIL, RCPT, TEXT (all has come) and KEPT, "" for all is well.

    HANG is to say nothing until it is *well*, long after the other side has gone.
    """

    def __init__(self) -> None:
        """Well, until somebody says otherwise."""
        super().__init__()
        self.trouble: Callable[[str, Envelope], str] = lambda _word, _envelope: ""
        self.asked = 0
        self.well = asyncio.Event()

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Begin a mail."""
        envelope.mail_from = address
        return await self._said("MAIL", envelope) or "250 go on"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient."""
        if said := await self._said("RCPT", envelope):
            return said
        envelope.rcpt_tos.append(address)
        return "250 go on"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Keep one mail."""
        if said := await self._said("TEXT", envelope):
            return said
        taken = await super().handle_DATA(server, session, envelope)
        return await self._said("KEPT", envelope) or taken

    async def _said(self, word: str, envelope: Envelope) -> str:
        said = self.trouble(word, envelope)
        self.asked += bool(said)
        if said == HANG:
            await self.well.wait()
            return "" if word == "KEPT" else "421 too late"  # what was kept is not refused, however late
        return said


class Clock:
    """The clock that reporting has: the machine's, and so many nanoseconds more, in a file that both have mapped."""

    def __init__(self, file: Path) -> None:
        """Begin with the machine's."""
        self.file = file
        file.write_bytes(bytes(8))
        with file.open("r+b") as content:
            self._offset = mmap.mmap(content.fileno(), 8)

    def now(self) -> int:
        """UTC nanoseconds, as reporting has them."""
        return time.time_ns() + int.from_bytes(self._offset[:8], "little", signed=True)

    def step(self, by: int) -> None:
        """Put it forward, or back."""
        offset = int.from_bytes(self._offset[:8], "little", signed=True) + by
        self._offset[:8] = offset.to_bytes(8, "little", signed=True)


class TellingSchool:
    """A school whose alerts are told: a journal, a mail server, and reporting, which can be killed and started."""

    def __init__(self, folder: Path, patience: tuple[float, float]) -> None:
        """*patience*: seconds that reporting waits for a word of the mail server, and for the answer to a mail."""
        self.clock = Clock(folder / "clock")
        self.server = Server()
        self.raised = 0
        self._patience, self._folder = patience, folder
        self._file = folder / "school.db"
        self._serving = contextlib.AsyncExitStack()
        self._starter: asyncio.subprocess.Process
        files = make_school(folder).files
        files.spool.mkdir(exist_ok=True)
        files.keys.mkdir(exist_ok=True)
        seed.new_keys(files.keys / "journal.key", files.keys / "journal.pub")
        opened_seed, sealed = seed.seal((files.keys / "journal.pub").read_bytes())
        self._journal = open_journal(files.spool, seed=opened_seed, sealed_seed=sealed)

    async def __aenter__(self) -> Self:
        await self.open_server()
        given = (self._folder, self.clock.file, self.server.address[1], *self._patience)
        self._starter = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _REPORTING, *map(str, given), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.well.set()
        await self.kill()
        await self._starter.communicate()
        await self.close_server()
        self._journal.close()

    async def open_server(self) -> None:
        """Have the mail server answer, at the address that it had before."""
        serving = smtp_sink(port=self.server.address[1], keeping=self.server)
        await self._serving.enter_async_context(serving)

    async def close_server(self) -> None:
        """Have nobody at the mail server's address."""
        await self._serving.aclose()

    async def start(self) -> None:
        """Start reporting, and wait until its pages answer."""
        assert await self._told(b"start") == b"ready"

    async def kill(self) -> None:
        """Kill -9 reporting, and wait until it is dead."""
        assert await self._told(b"kill") == b"killed"

    async def _told(self, word: bytes) -> bytes:
        """What the process that starts reporting says to *word*."""
        assert self._starter.stdin
        assert self._starter.stdout
        self._starter.stdin.write(word + b"\n")
        return (await self._starter.stdout.readline()).strip()

    def raise_alerts(self, count: int) -> None:
        """Put so many more URGENT breaches on record, each of a person of its own."""
        for _ in range(count):
            self.raised += 1
            urgent: dict[str, Any] = {"severity": Severity.URGENT, "theme": "self-harm", "category": "self_harm"}
            self._journal.write(breach(self.raised, at_ns=self.clock.now(), person=self.raised, **urgent))

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until it *happened*; TimeoutError if it does not."""
        async with asyncio.timeout(PATIENCE):
            while not happened():  # noqa: ASYNC110 - another process does it
                await asyncio.sleep(PAUSE / 10)

    async def pass_time(self, time_ns: int, step: int = 5 * MINUTE) -> None:
        """Let so many nanoseconds go by, a *step* at a time."""
        for _ in range(time_ns // step):
            self.clock.step(step)
            await asyncio.sleep(PAUSE)

    async def all_told(self) -> None:
        """All is well again: acknowledge what is open, and wait until nothing is to be told any more."""
        self.server.trouble = lambda _word, _envelope: ""
        self.server.well.set()
        self.server.well = asyncio.Event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self._waits():
                    await self.pass_time(MINUTE, MINUTE)

    def _waits(self) -> bool:
        """Whether anything is still to be told. Another process has the database; it waits for us, as we for it."""
        with contextlib.closing(sqlite3.connect(self._file, timeout=30, isolation_level=None)) as database:
            seen = "UPDATE alerts SET state = 'acknowledged', next_step_ns = NULL WHERE state = 'open'"
            if database.execute("SELECT 1 FROM alerts WHERE state = 'open'").fetchone():
                database.execute(seen)
            alerts = database.execute("SELECT count(*) FROM alerts").fetchone()[0]
            waiting = database.execute("SELECT count(*) FROM outbox WHERE state = 'waiting'").fetchone()[0]
        return bool(alerts < self.raised or waiting)

    def mails(self) -> dict[str, int]:
        """The alerts' own mails in the outbox: Message-ID -> alert."""
        with contextlib.closing(sqlite3.connect(self._file)) as database:
            query = "SELECT alert, id, created_ns, recipient FROM outbox WHERE kind = 'alert'"
            return {
                message_id(OutboxRow(id=number, created_ns=at, recipient=recipient), SENDER): alert
                for alert, number, at, recipient in database.execute(query)
            }


# Imports once and forks for each start, which is most of a start's time; what is killed is the process of its own.
_REPORTING = """
import mmap, sys, time
from pathlib import Path

folder, clock, port, word, answer = sys.argv[1:]
with open(clock, "r+b") as content:
    offset = mmap.mmap(content.fileno(), 8)
machine = time.time_ns
time.time_ns = lambda: machine() + int.from_bytes(offset[:8], "little", signed=True)
time.time = lambda: time.time_ns() / 1e9

import asyncio, logging, os, signal, threading
import alembic.command, alembic.config
from blocklists.live import Files
from reporting import mail, notify, service
from reporting.settings import BackupSettings, ContactSettings, MailSettings, ReportingSettings

logging.disable(logging.CRITICAL)
notify.LOOK, mail.STEP, mail.ANSWER = 0.02, float(word), float(answer)
folder = Path(folder)
settings = ReportingSettings(
    listen="127.0.0.1:0",
    database=str(folder / "school.db"),
    contacts=ContactSettings(dsl="dsl@school.test", dsl_confirmed=True, headteacher="head@school.test"),
    mail=MailSettings(port=int(port), sender="gate@school.test"),
    backup=BackupSettings(folder=str(folder / "backups")),
)
files = Files(folder / "state", folder / "keys", folder / "spool")
ready = lambda _: print("ready", flush=True)

def end_with(parent):
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)

starter = os.getpid()
for word in sys.stdin:
    if word == "kill\\n":
        os.kill(reporting, signal.SIGKILL)
        os.waitpid(reporting, 0)
        print("killed", flush=True)
    elif not (reporting := os.fork()):
        threading.Thread(target=end_with, args=(starter,), daemon=True).start()
        asyncio.run(service.serve(settings, files, instance=0, metrics=None, ready=ready))
"""
