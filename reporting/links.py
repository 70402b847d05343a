"""One-use links that acknowledge an alert from anywhere, for whoever logs in there with a role that the alert is for.

A link shows nothing of the alert and does nothing by being opened: a mail server that follows links acknowledges
nothing. Of its token only the hash is kept.
"""

import secrets
import time
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncSession

from reporting import alerts, triage
from reporting.accounts import Account, token_digest
from reporting.alert_models import AlertLinkRow
from reporting.alert_rules import HOUR
from reporting.database import Database
from reporting.models import AlertRow, OutboxRow

LASTS = 24 * HOUR
"""How long a link works; after that, the staff pages do."""

PATH = "/acknowledge/"


class Links:
    """Makes links that begin with *base* (scheme and host)."""

    def __init__(self, database: Database, base: str, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._database, self._base, self._now_ns = database, base, now_ns

    async def new(self, row: OutboxRow) -> str:
        """What to add to the mail *row*: a link of its own for this attempt, or nothing if it is about no alert."""
        if row.alert is None:
            return ""
        token, now = secrets.token_urlsafe(24), self._now_ns()
        async with self._database.writing() as session:
            session.add(
                AlertLinkRow(
                    token_sha256=token_digest(token),
                    alert=row.alert,
                    role=row.recipient,
                    created_ns=now,
                    expires_ns=now + LASTS,
                )
            )
        return (
            f"\nAway from school? Say that you have seen it: {self._base}{PATH}{token}\n"
            "It works once, for 24 hours, asks you to log in, and shows nothing of the alert.\n"
        )


async def use(
    session: AsyncSession, token: str, account: Account, now_ns: int, *, reads: Callable[[AlertRow], bool]
) -> int | None:
    """Acknowledge for *account* the alert of *token*; its number, or None if the link gives this person no right.

    *reads* says whether they may read an alert: nobody acknowledges what the staff pages hold back from them. A link
    that was used, is too old or never existed is all the same to whoever holds it. An alert that somebody has
    acknowledged already stays theirs. Whoever used the link once, and is not sure, is told the same again.
    """
    link = await session.get(AlertLinkRow, token_digest(token))
    if link is None or link.used_by not in (None, account.id) or not link.created_ns <= now_ns < link.expires_ns:
        return None
    alert = await session.get_one(AlertRow, link.alert)
    if not reads(alert):
        return None
    link.used_ns, link.used_by = link.used_ns or now_ns, account.id
    if await alerts.acknowledge(session, alert.number, account.id, now_ns):
        await triage.done(session, triage.Hand(alert.id, account.id, now_ns), "acknowledged", "by a link, from outside")
    return alert.number
