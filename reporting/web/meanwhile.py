"""What others did about an alert while somebody had its page open: whoever comes second is told, and undoes nothing.

Each form of an alert's page says up to which step of the history the page knew (`seen`). A form without it is taken to
know everything.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import msgspec
from litestar.response import Redirect
from sqlalchemy.ext.asyncio import AsyncSession

from reporting import triage
from reporting.models import AlertRow
from reporting.triage import Hand, Step

LATEST = 2**62
"""A step that no history comes to."""

FIRST: Mapping[str, str] = {
    "acknowledged": "They have taken it on, so you need not.",
    "judged": "Yours is not saved, so theirs stands; a note that you wrote with it is kept. Save it again if need be.",
    "assigned": "You have given it to nobody, so theirs stands. Give it again if somebody else should have it.",
    "incident": "You have linked it to nothing, and made no incident. Link it again if it belongs elsewhere.",
}
"""What became of the form of whoever was second, by the step that it asked for."""


class Others(msgspec.Struct, frozen=True):
    """What others did after *seen*, the oldest first."""

    seen: int
    steps: Sequence[Step]

    def did(self, what: str) -> bool:
        """Whether one of them took the step *what*."""
        return any(step.what == what for step in self.steps)


async def others(session: AsyncSession, hand: Hand, seen: str | None) -> Others:
    """What others than *hand*'s account did about its alert after the step *seen*, as a form or a link has it."""
    known = seen is not None and seen.isascii() and seen.isdigit() and len(seen) <= 18
    after = int(seen or 0) if known else LATEST
    return Others(after, await triage.since(session, hand, after) if known else ())


def back(row: AlertRow, found: Others) -> Redirect:
    """To the page of *row*, which then tells of what others did."""
    told = f"?{urlencode({'seen': found.seen})}" if found.steps else ""
    return Redirect(f"/alerts/{row.number}{told}", status_code=303)
