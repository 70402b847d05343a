"""Other ways than mail that alerts take: whatever apprise speaks, Teams, Slack, ntfy and gateways of text messages.

A channel gets an alert's number, severity, time and link and nothing else (G16): what a mail says, in one line and
without more of it, each line made plain (G28). A channel's address is a secret and stands in a file of its own. The
library is loaded with the first message: a school without channels never pays for it.
"""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reporting.logline import plain
from reporting.mail import MailRefusedError
from reporting.models import OutboxRow
from reporting.settings import ChannelSettings

PATIENCE = 60.0
"""Seconds for a channel's answer."""


class Channels:
    """The channels of a school by name, as its settings have them."""

    def __init__(self, settings: Mapping[str, ChannelSettings]) -> None:
        """Nothing is loaded and nobody is spoken to."""
        self._settings = settings

    async def send(self, row: OutboxRow) -> str:
        """Send *row* by its channel; returns what to write down as its receipt. OSError or MailRefusedError if not."""
        channel = self._settings.get(row.channel)
        if channel is None:
            raise MailRefusedError(f"there is no channel {row.channel} any more: see reporting.channels")
        address = (await asyncio.to_thread(Path(channel.url_file).read_text, "utf-8")).strip()
        async with asyncio.timeout(PATIENCE):
            took = await asyncio.to_thread(_notify, address, plain(row.subject), line(row))
        if not took:
            raise OSError(f"the channel {row.channel} did not take it")
        return f"taken by {row.channel}"


def line(row: OutboxRow) -> str:
    """What a channel says of *row*: the lines of the mail that hold a time or a link."""
    kept = [plain(text) for text in row.body.splitlines() if text.startswith(("Please act:", "Open the alert:"))]
    return "\n".join(kept) or plain(row.subject)


def _notify(address: str, title: str, body: str) -> bool:
    apprise: Any = __import__("apprise")
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would write the channel's secret address into the log
    sender = apprise.Apprise()
    if not sender.add(address):
        raise MailRefusedError("the address of the channel is none that apprise knows; see its file")
    return bool(sender.notify(title=title, body=body, body_format="text"))
