"""Telling people that the server with the database is away, past the outbox, which is in that database.

Until the server is back no alert goes out, so whoever is told of alerts must know that none will come. It is told once
it has lasted, once a day from then on, and, by a notice like any other, when it is over.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from reporting import troubles
from reporting.alerts import letter, route
from reporting.database import Database
from reporting.logline import reason
from reporting.mail import message, send
from reporting.persisting import persist
from reporting.reach import Reach
from reporting.settings import TECHNICIAN, ReportingSettings

log = logging.getLogger("schoolgate.database")

LOOK = 10.0
LASTING = 600.0
"""Seconds after which people are told: as long as breaches may wait for other reasons before that is told."""

AGAIN, DAY = 300.0, 24 * 3600.0
"""Seconds until it is told again: to whom the mail could not be sent, and to whom it was."""

TITLE = "Schoolgate: no alerts go out, as its database cannot be reached"
WORDS = """\
The server with Schoolgate's database has not answered for {minutes:,.0f} minutes.

Filtering goes on. What happens is kept on the gateway and will be taken in when the server is back, and alerts go out
then. Until then nobody is told of anything, however urgent, and the staff pages do not open.

Technician: see whether the server and the line to it are up. Reporting's log says why it cannot be reached.

The pages that do not open: {pages}
"""
OVER = (
    "The database's server was away for {minutes:,.0f} minutes. What happened meanwhile was kept and is taken in now;"
    " alerts about it come late."
)


class CutOff:
    """Tells of one server, whose *reach* is known, by the mail server of *settings*; *database* if it was ever open."""

    def __init__(
        self,
        reach: Reach,
        settings: ReportingSettings,
        database: Database | None = None,
        *,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Nobody is told before `run` or `step`."""
        self._reach, self._settings, self._database, self._now_ns = reach, settings, database, now_ns
        self._lasted = 0.0
        self._next: dict[str, float] = {}

    async def run(self) -> None:
        """Tell what there is to tell, for ever."""
        await persist(self.step, LOOK, log, "That the database's server is away cannot be told now")

    async def step(self) -> None:
        """Look once."""
        if away := self._reach.away:
            self._lasted = away
            await self._tell(away)
        elif self._lasted:
            if self._lasted >= LASTING and self._database:
                async with self._database.writing() as session:
                    await troubles.note(session, "away", OVER.format(minutes=self._lasted / 60), self._now_ns())
            self._lasted = 0.0
            self._next.clear()

    async def _tell(self, away: float) -> None:
        """Mail whom alerts about pupils go to, and the technician; who cannot be reached keeps nobody else waiting."""
        contacts = self._settings.contacts
        roles = dict.fromkeys((route(contacts, "pupils").role, TECHNICIAN))
        due = [role for role in roles if contacts.address(role) and away >= self._next.get(role, LASTING)]
        await asyncio.gather(*(self._mail(role, away) for role in due))

    async def _mail(self, role: str, away: float) -> None:
        address, mail = self._settings.contacts.address(role), self._settings.mail
        words = TITLE, WORDS.format(minutes=away / 60, pages=self._settings.public_url)
        try:
            await send(
                mail, message(letter("notice", role, words, self._now_ns(), address=address), address, mail.sender)
            )
            self._next[role] = away + DAY
        except Exception as error:  # noqa: BLE001 - whatever is wrong with this mail, it is tried again
            self._next[role] = away + AGAIN
            log.error("The mail that the database's server is away was not sent: %s", reason(error))  # noqa: TRY400
